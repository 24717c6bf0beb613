/** The windows that convolution and pooling look through, over images [B, H, W, C]. */
import type { Graph, Value } from '../graph';
import { reshape, shaped } from './kernel';

/** As tfjs works it out from strides, padding and shapes. */
export interface Windows {
  readonly inHeight: number;
  readonly inWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly filterHeight: number;
  readonly filterWidth: number;
  readonly padInfo: { readonly top: number; readonly left: number; readonly bottom: number; readonly right: number };
}

/** What ONNX's Conv, ConvTranspose and pools call it. */
export const windowAttributes = (windows: Windows) => ({
  kernel_shape: [windows.filterHeight, windows.filterWidth],
  strides: [windows.strideHeight, windows.strideWidth],
  pads: [windows.padInfo.top, windows.padInfo.left, windows.padInfo.bottom, windows.padInfo.right],
});

export const transpose = (graph: Graph, x: Value, perm: readonly number[]) =>
  graph.node('Transpose', [x], shaped(perm.map((axis) => x.shape[axis]!), x.dtype), { perm }); // prettier-ignore

/** [B, H, W, C] -> [B, C, H, W], as ONNX wants images, and back. */
export const channelsFirst = (graph: Graph, x: Value) => transpose(graph, x, [0, 3, 1, 2]);
export const channelsLast = (graph: Graph, x: Value) => transpose(graph, x, [0, 2, 3, 1]);

/** How far apart the pixels of one place in all windows are, and how many there are, by height and width. */
const steps = ({ strideHeight, strideWidth }: Windows) => [strideHeight, strideWidth] as const;
const counts = ({ outHeight, outWidth }: Windows) => [outHeight, outWidth] as const;

/** The places of a window, row by row. */
export const placesOf = ({ filterHeight, filterWidth }: Windows) =>
  Array.from({ length: filterHeight * filterWidth }, (_, i) => [Math.floor(i / filterWidth), i % filterWidth] as const);

/** `values` before and after each image along its height and width. */
function padImages(graph: Graph, x: Value, before: readonly number[], after: readonly number[], value = 0): Value {
  if ([...before, ...after].every((n) => n === 0)) return x;
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const shape = [batch, height + before[0]! + after[0]!, width + before[1]! + after[1]!, channels];
  const pads = graph.ints([0, ...before, 0, 0, ...after, 0]);
  return graph.node('Pad', [x, pads, graph.scalar(value)], shaped(shape));
}

function cropImages(
  graph: Graph,
  x: Value,
  from: readonly number[],
  sizes: readonly number[],
  strides: readonly number[],
) {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const whole = from[0] === 0 && from[1] === 0 && sizes[0] === height && sizes[1] === width;
  if (whole) return x;
  const ends = from.map((start, i) => start + (sizes[i]! - 1) * strides[i]! + 1);
  const bounds = [graph.ints(from), graph.ints(ends), graph.ints([1, 2]), graph.ints(strides)];
  return graph.node('Slice', [x, ...bounds], shaped([batch, ...sizes, channels]));
}

/** What each place of a window sees, over all windows: x [B, H, W, C] -> for each place [B, outH, outW, C]. */
export function lookThrough(graph: Graph, x: Value, windows: Windows, outside = 0): Value[] {
  const { top, left, bottom, right } = windows.padInfo;
  const padded = padImages(graph, x, [top, left], [bottom, right], outside);
  return placesOf(windows).map((place) => cropImages(graph, padded, place, counts(windows), steps(windows)));
}

/** The transpose of `lookThrough`: what each place gives [B, outH, outW, C], put back and summed -> [B, H, W, C]. */
export function putBack(graph: Graph, parts: readonly Value[], windows: Windows): Value {
  const [batch, height, width, channels] = parts[0]!.shape as [number, number, number, number];
  const [stepY, stepX] = steps(windows);
  const { inHeight, inWidth, filterHeight, filterWidth, padInfo } = windows;
  const spread = (x: Value): Value => {
    if (stepY === 1 && stepX === 1) return x;
    const wide = shaped([batch, height, stepY, width, stepX * channels]);
    const pads = graph.ints([0, 0, 0, 0, 0, 0, 0, stepY - 1, 0, (stepX - 1) * channels]);
    const cells = reshape(graph, x, [batch, height, 1, width, channels]);
    return reshape(graph, graph.node('Pad', [cells, pads, graph.scalar(0)], wide), [
      batch,
      height * stepY,
      width * stepX,
      channels,
    ]);
  };
  const laid = placesOf(windows).map(([y, x], i) =>
    padImages(graph, spread(parts[i]!), [y, x], [filterHeight - 1 - y, filterWidth - 1 - x]),
  );
  const sum = laid.reduce((a, b) => graph.node('Add', [a, b], a));
  // Windows need not reach to the last pixels; and their last step may lead beyond them.
  const [rows, columns] = [sum.shape[1]! - padInfo.top, sum.shape[2]! - padInfo.left];
  const kept = [Math.min(rows, inHeight), Math.min(columns, inWidth)];
  const cropped = cropImages(graph, sum, [padInfo.top, padInfo.left], kept, [1, 1]);
  return padImages(graph, cropped, [0, 0], [inHeight - kept[0]!, inWidth - kept[1]!]);
}

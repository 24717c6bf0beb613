/**
 * The windows that convolutions and pools look through, as lists of pixels. An image is [P, C], its P pixels row by row;
 * what a window sees is then a gather of whole pixels, which runs on all threads and leaves matrices that products take
 * as they are, where ONNX's own operators want channels first and have no gradients.
 */
import type { Graph, Value } from '../graph';
import { size } from '../shapes';
import { reshape, shaped } from './kernel';

/** As tfjs works it out from strides, padding and shapes. */
export interface Windows {
  readonly batchSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly filterHeight: number;
  readonly filterWidth: number;
  readonly padInfo: { readonly top: number; readonly left: number };
}

const OUTSIDE = -1;

/** As in kernels/windows.c: what is outside of an image has so many zeros there. */
export const MOST_CHANNELS = 8192;

/** A grid's points, row by row. */
const grid = (height: number, width: number) =>
  Array.from({ length: height * width }, (_, i) => [Math.floor(i / width), i % width] as const);

/** Where a point is in its grid, or `OUTSIDE`. */
const at = (y: number, x: number, height: number, width: number) =>
  y >= 0 && x >= 0 && y < height && x < width ? y * width + x : OUTSIDE;

export const placesOf = ({ filterHeight, filterWidth }: Windows) => filterHeight * filterWidth;

/** For each window and each place in it, the pixel of the input that is there: [windows * places]. */
export function seenBy(windows: Windows): number[] {
  const { inHeight, inWidth, strideHeight, strideWidth, padInfo } = windows;
  const places = grid(windows.filterHeight, windows.filterWidth);
  return grid(windows.outHeight, windows.outWidth).flatMap(([y, x]) => {
    const [top, left] = [y * strideHeight - padInfo.top, x * strideWidth - padInfo.left];
    return places.map(([dy, dx]) => at(top + dy, left + dx, inHeight, inWidth));
  });
}

/** Pixels of the input that windows meet at the same places, in strides; with a stride of 1 they are all of one phase. */
export interface Phase {
  readonly pixels: readonly number[];
  readonly places: readonly number[];
  /** For each of the pixels and places, the window that has the pixel there: [pixels * places]. */
  readonly windows: readonly number[];
}

/** The other way round: from the pixels of the input to the windows that see them. */
export function seeing(windows: Windows): Phase[] {
  const { inHeight, inWidth, outHeight, outWidth, strideHeight, strideWidth, padInfo } = windows;
  const pixels = grid(inHeight, inWidth).map(([y, x]) => [y + padInfo.top, x + padInfo.left] as const);
  const places = grid(windows.filterHeight, windows.filterWidth);
  const own = (of: readonly (readonly [number, number])[], [y, x]: readonly [number, number]) =>
    of.flatMap((point, i) => (point[0] % strideHeight === y && point[1] % strideWidth === x ? [{ point, i }] : []));
  return grid(strideHeight, strideWidth).map((phase) => {
    const [ownPixels, ownPlaces] = [own(pixels, phase), own(places, phase)];
    const seers = ownPixels.flatMap(({ point: [y, x] }) =>
      ownPlaces.map(({ point: [dy, dx] }) => at((y - dy) / strideHeight, (x - dx) / strideWidth, outHeight, outWidth)),
    );
    return { pixels: ownPixels.map(({ i }) => i), places: ownPlaces.map(({ i }) => i), windows: seers };
  });
}

/** Pixels of each image by their indices, `outside` where there is none: images [B, P, C] -> [B, indices, C]. */
export function pick(graph: Graph, images: Value, indices: readonly number[], outside = 0): Value {
  const [batch, pixels, channels] = images.shape as [number, number, number];
  if (indices.length === pixels && indices.every((index, i) => index === i)) return images;
  const needed = indices.includes(OUTSIDE);
  const pads = graph.ints([0, 0, 0, 0, 1, 0]);
  const extended = needed
    ? graph.node('Pad', [images, pads, graph.scalar(outside)], shaped([batch, pixels + 1, channels]))
    : images;
  const from = indices.map((index) => (index === OUTSIDE ? pixels : index));
  const made = shaped([batch, indices.length, channels]);
  return graph.node('Gather', [extended, graph.constant(from, [from.length], 'int32')], made, { axis: 1 });
}

/** [B, H, W, C] -> [B, H * W, C]. */
export const pixelsOf = (graph: Graph, x: Value) =>
  reshape(graph, x, [x.shape[0]!, size(x.shape.slice(1, 3)), x.shape[3]!]);

export function join(graph: Graph, parts: readonly Value[], axis = 0): Value {
  if (parts.length === 1) return parts[0]!;
  const total = parts.reduce((sum, { shape }) => sum + shape[axis]!, 0);
  return graph.node('Concat', parts, shaped(parts[0]!.shape.with(axis, total), parts[0]!.dtype), { axis });
}

/** Values that windows see at once, each pixel as often as it is seen. */
const AT_ONCE = 2 ** 24;

/** Does the same to each part of a batch, since what windows see takes many times the memory of the images. */
export function inParts(
  graph: Graph,
  batches: readonly Value[],
  seenPerImage: number,
  each: (...parts: Value[]) => Value,
): Value[] {
  const batch = batches[0]!.shape[0]!;
  let count = 1;
  while ((batch * seenPerImage) / count > AT_ONCE && batch % (2 * count) === 0) count *= 2;
  if (count === 1) return [each(...batches)];
  const size = batch / count;
  const part = (values: Value, i: number) => {
    const bounds = [graph.ints([i * size]), graph.ints([(i + 1) * size]), graph.ints([0])];
    return graph.node('Slice', [values, ...bounds], shaped(values.shape.with(0, size), values.dtype));
  };
  return Array.from({ length: count }, (_, i) => each(...batches.map((values) => part(values, i))));
}

/**
 * Convolutions by Winograd's minimal filtering, in the engine's own kernels (kernels/winograd.c): those of 3 x 3 kernels in
 * strides of 1, where that is faster than to multiply what windows see.
 */
import type { Graph, Value } from '../graph';
import { kernelNode, shaped } from './kernel';
import { MOST_CHANNELS, type Windows } from './window';

/**
 * How many multiply-adds take as long as transforming a value of the images, the results or the kernels: measured with
 * AVX-512 on Zen 5 for images of 1 to 56 px and of 8 to 512 channels, the last for kernels of several megabytes.
 */
const TRANSFORM = 18;
const TRANSFORM_KERNEL = 24;

/** Whether a convolution and its gradients are done so. The one place that says so. */
export function winogradPays(graph: Graph, windows: Windows): boolean {
  const { batchSize, inChannels, outChannels, outHeight, outWidth } = windows;
  const { filterHeight, filterWidth, strideHeight, strideWidth } = windows;
  if (!graph.kernels || inChannels > MOST_CHANNELS || outChannels > MOST_CHANNELS) return false;
  if (filterHeight !== 3 || filterWidth !== 3 || strideHeight !== 1 || strideWidth !== 1) return false;
  const pairs = inChannels * outChannels;
  const tiles = batchSize * Math.ceil(outHeight / 2) * Math.ceil(outWidth / 2);
  const transforms = TRANSFORM * tiles * (inChannels + outChannels) + TRANSFORM_KERNEL * pairs;
  return 16 * (tiles * pairs + transforms) < 9 * batchSize * outHeight * outWidth * pairs;
}

/** x [B, H, W, C] and a filter [3, 3, C, O] -> [B * windows, O]. */
export function winogradProduct(graph: Graph, x: Value, filter: Value, windows: Windows): Value {
  const { batchSize, outHeight: height, outWidth: width, outChannels, padInfo } = windows;
  const output = shaped([batchSize * height * width, outChannels]);
  const { top, left } = padInfo;
  return kernelNode(graph, 'WinogradProduct', [x, filter], [output], { top, left, height, width })[0]!;
}

/** The gradient of x: dy [B, h, w, O], convolved with the filter turned -> [B * H * W, C]. */
export function winogradProductGrad(graph: Graph, dy: Value, filter: Value, windows: Windows): Value {
  const { batchSize, inHeight: height, inWidth: width, inChannels, padInfo } = windows;
  const output = shaped([batchSize * height * width, inChannels]);
  // The first pixel is in the windows that begin at it and up to two before it, of which those in the padding are none.
  const [top, left] = [2 - padInfo.top, 2 - padInfo.left];
  const attributes = { top, left, height, width, turned: 1 };
  return kernelNode(graph, 'WinogradProduct', [dy, filter], [output], attributes)[0]!;
}

/** The gradient of the filter: x [B, H, W, C] and dy [B, h, w, O] -> [3, 3, C, O]. */
export function winogradInnerProduct(graph: Graph, x: Value, dy: Value, windows: Windows): Value {
  const { top, left } = windows.padInfo;
  const output = shaped([3, 3, windows.inChannels, windows.outChannels]);
  return kernelNode(graph, 'WinogradInnerProduct', [x, dy], [output], { top, left })[0]!;
}

/** Convolutions and their gradients: what the windows see, row by row, times the kernel as a matrix. */
import { backend_util } from '@tensorflow/tfjs-core';
import type { Graph, Value } from '../graph';
import { size } from '../shapes';
import { kernelNode, lower, reshape, shaped } from './kernel';
import { matMul } from './matmul';
import { inParts, join, MOST_CHANNELS, pick, pixelsOf, placesOf, seeing, seenBy, type Windows } from './window';
import { winogradInnerProduct, winogradPays, winogradProduct, winogradProductGrad } from './winograd';

type Shape = [number, number, number, number];
interface Attributes {
  strides: [number, number] | number;
  pad: Parameters<typeof backend_util.computeConv2DInfo>[4];
  dataFormat: string;
  dilations?: [number, number] | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

function windowsOf(input: readonly number[], filter: readonly number[], attributes: Attributes): Windows {
  const { strides, pad, dataFormat, dilations = 1, dimRoundingMode } = attributes;
  if (dataFormat !== 'NHWC') throw new Error(`conv2d takes images as NHWC, not ${dataFormat}`);
  if ([dilations].flat().some((dilation) => dilation !== 1)) throw new Error('conv2d with dilations cannot be traced');
  return backend_util.computeConv2DInfo([...input] as Shape, [...filter] as Shape, strides, 1, pad, dimRoundingMode);
}

lower<Attributes, { x: Value; filter: Value }>('Conv2D', ({ x, filter }, graph, attributes) => {
  const windows = windowsOf(x.shape, filter.shape, attributes);
  const { inChannels, outChannels } = windows;
  const matrix = () => reshape(graph, filter, [placesOf(windows) * inChannels, outChannels]);
  const product = winogradPays(graph, windows)
    ? winogradProduct(graph, x, filter, windows)
    : windowProduct(graph, pixelsOf(graph, x), seenBy(windows), matrix()); // [B * windows, out]
  return reshape(graph, product, [x.shape[0]!, windows.outHeight, windows.outWidth, outChannels]);
});

lower<Attributes & { inputShape: number[] }, { dy: Value; filter: Value }>(
  'Conv2DBackpropInput',
  ({ dy, filter }, graph, { inputShape, ...attributes }) => {
    const windows = windowsOf(inputShape, filter.shape, attributes);
    if (winogradPays(graph, windows))
      return reshape(graph, winogradProductGrad(graph, dy, filter, windows), inputShape);
    const [inputs, outputs] = filter.shape.slice(2) as [number, number];
    const kernels = reshape(graph, filter, [1, placesOf(windows), inputs * outputs]);
    const phases = seeing(windows).filter(({ pixels, places }) => pixels.length > 0 && places.length > 0);
    const gradients = phases.map((phase) => {
      const width = phase.places.length * outputs;
      const count = phase.places.length;
      const chosen = reshape(graph, pick(graph, kernels, phase.places), [count, inputs, outputs]);
      const turned = graph.node('Transpose', [chosen], shaped([count, outputs, inputs]), { perm: [0, 2, 1] });
      const matrix = reshape(graph, turned, [width, inputs]);
      const product = windowProduct(graph, pixelsOf(graph, dy), phase.windows, matrix); // [B * pixels, in]
      return reshape(graph, product, [dy.shape[0]!, phase.pixels.length, inputs]);
    });
    if (gradients.length === 0)
      return graph.node('Expand', [graph.scalar(0), graph.ints(inputShape)], shaped(inputShape));
    // Back from the order of the phases to that of the image; what no window sees has no gradient.
    const indices = new Array<number>(inputShape[1]! * inputShape[2]!).fill(-1);
    phases.flatMap(({ pixels }) => pixels).forEach((pixel, i) => (indices[pixel] = i));
    return reshape(graph, pick(graph, join(graph, gradients, 1), indices), inputShape);
  },
);

lower<Attributes & { filterShape: number[] }, { x: Value; dy: Value }>(
  'Conv2DBackpropFilter',
  ({ x, dy }, graph, { filterShape, ...attributes }) => {
    const windows = windowsOf(x.shape, filterShape, attributes);
    if (winogradPays(graph, windows)) return winogradInnerProduct(graph, x, dy, windows);
    const matrix = windowInnerProduct(graph, pixelsOf(graph, x), seenBy(windows), pixelsOf(graph, dy));
    return reshape(graph, matrix, filterShape);
  },
);

/** What windows see of x [B, P, C], `seen` [windows * places], times a matrix [places * C, O] -> [B * windows, O]. */
function windowProduct(graph: Graph, x: Value, seen: readonly number[], matrix: Value): Value {
  const [batch, , channels] = x.shape as [number, number, number];
  const [width, outputs] = matrix.shape as [number, number];
  const places = width / channels;
  if (graph.kernels && channels <= MOST_CHANNELS) {
    const indices = graph.constant(seen, [seen.length], 'int32');
    const output = shaped([(batch * seen.length) / places, outputs]);
    return kernelNode(graph, 'WindowProduct', [x, indices, matrix], [output], { places })[0]!;
  }
  const parts = inParts(graph, [x], seen.length * channels, (part) =>
    matMul(graph, rowsOf(graph, pick(graph, part, seen), width), matrix),
  );
  return join(graph, parts);
}

/** The same, transposed, times what there is of each window: dy [B, windows, O] -> [places * C, O]. */
function windowInnerProduct(graph: Graph, x: Value, seen: readonly number[], dy: Value): Value {
  const [channels, windows, outputs] = [x.shape[2]!, dy.shape[1]!, dy.shape[2]!];
  const places = seen.length / windows;
  if (graph.kernels && channels <= MOST_CHANNELS) {
    const indices = graph.constant(seen, [seen.length], 'int32');
    const output = shaped([places * channels, outputs]);
    return kernelNode(graph, 'WindowInnerProduct', [x, indices, rowsOf(graph, dy, outputs)], [output], { places })[0]!;
  }
  const products = inParts(graph, [x, dy], seen.length * channels, (images, gradients) => {
    const rows = rowsOf(graph, pick(graph, images, seen), places * channels);
    return matMul(graph, rows, rowsOf(graph, gradients, outputs), { transposeA: true });
  });
  return products.reduce((sum, product) => graph.node('Add', [sum, product], product));
}

const rowsOf = (graph: Graph, x: Value, width: number) => reshape(graph, x, [size(x.shape) / width, width]);

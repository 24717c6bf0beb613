/** Convolutions and their gradients: what the windows see, row by row, times the kernel as a matrix. */
import { backend_util } from '@tensorflow/tfjs-core';
import type { Graph, Value } from '../graph';
import { size } from '../shapes';
import { lower, reshape, shaped } from './kernel';
import { matMul } from './matmul';
import { inParts, join, pick, pixelsOf, placesOf, seeing, seenBy, type Windows } from './window';

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
  const [inputs, outputs] = filter.shape.slice(2) as [number, number];
  const width = placesOf(windows) * inputs;
  const matrix = reshape(graph, filter, [width, outputs]);
  const seen = seenBy(windows);
  const parts = inParts(graph, [pixelsOf(graph, x)], seen.length * inputs, (part) =>
    matMul(graph, rowsOf(graph, pick(graph, part, seen), width), matrix),
  );
  return reshape(graph, join(graph, parts), [x.shape[0]!, windows.outHeight, windows.outWidth, outputs]);
});

lower<Attributes & { inputShape: number[] }, { dy: Value; filter: Value }>(
  'Conv2DBackpropInput',
  ({ dy, filter }, graph, { inputShape, ...attributes }) => {
    const windows = windowsOf(inputShape, filter.shape, attributes);
    const [inputs, outputs] = filter.shape.slice(2) as [number, number];
    const kernels = reshape(graph, filter, [1, placesOf(windows), inputs * outputs]);
    const phases = seeing(windows).filter(({ pixels, places }) => pixels.length > 0 && places.length > 0);
    const gradients = phases.map((phase) => {
      const width = phase.places.length * outputs;
      const count = phase.places.length;
      const chosen = reshape(graph, pick(graph, kernels, phase.places), [count, inputs, outputs]);
      const turned = graph.node('Transpose', [chosen], shaped([count, outputs, inputs]), { perm: [0, 2, 1] });
      const matrix = reshape(graph, turned, [width, inputs]);
      const parts = inParts(graph, [pixelsOf(graph, dy)], phase.windows.length * outputs, (part) =>
        matMul(graph, rowsOf(graph, pick(graph, part, phase.windows), width), matrix),
      );
      return reshape(graph, join(graph, parts), [dy.shape[0]!, phase.pixels.length, inputs]);
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
    const [inputs, outputs] = filterShape.slice(2) as [number, number];
    const seen = seenBy(windows);
    const products = inParts(
      graph,
      [pixelsOf(graph, x), pixelsOf(graph, dy)],
      seen.length * inputs,
      (images, gradients) => {
        const rows = rowsOf(graph, pick(graph, images, seen), placesOf(windows) * inputs);
        return matMul(graph, rows, rowsOf(graph, gradients, outputs), { transposeA: true }); // [places * in, out]
      },
    );
    return reshape(graph, products.reduce((sum, product) => graph.node('Add', [sum, product], product)), filterShape); // prettier-ignore
  },
);

const rowsOf = (graph: Graph, x: Value, width: number) => reshape(graph, x, [size(x.shape) / width, width]);

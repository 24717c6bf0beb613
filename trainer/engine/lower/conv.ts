/**
 * Convolutions. Images are channels last, as tfjs has them, everywhere but inside ONNX's own operators, which want them
 * first: the two transposes around one cost a tenth of it, and all that lies between convolutions is spared them.
 */
import { backend_util } from '@tensorflow/tfjs-core';
import type { Graph, Value } from '../graph';
import { size } from '../shapes';
import { lower, reshape, shaped } from './kernel';
import { matMul } from './matmul';
import { channelsFirst, channelsLast, lookThrough, putBack, transpose, windowAttributes, type Windows } from './window';

type Shape = [number, number, number, number];
interface Attributes {
  strides: [number, number] | number;
  pad: Parameters<typeof backend_util.computeConv2DInfo>[4];
  dataFormat: string;
  dilations?: [number, number] | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** Throws for what no gradient is known of. */
function windowsOf(input: readonly number[], filter: readonly number[], attributes: Attributes): Windows {
  const { strides, pad, dataFormat, dilations = 1, dimRoundingMode } = attributes;
  if (dataFormat !== 'NHWC') throw new Error(`conv2d takes images as NHWC, not ${dataFormat}`);
  if ([dilations].flat().some((dilation) => dilation !== 1)) throw new Error('conv2d with dilations cannot be traced');
  return backend_util.computeConv2DInfo([...input] as Shape, [...filter] as Shape, strides, 1, pad, dimRoundingMode);
}

/** A window of a single pixel is a matrix product of the pixels it lands on. */
const isPixelwise = ({ filterHeight, filterWidth, padInfo: { top, left, bottom, right } }: Windows) =>
  filterHeight * filterWidth === 1 && top + left + bottom + right === 0;

const rowsOf = (graph: Graph, x: Value) => reshape(graph, x, [size(x.shape.slice(0, 3)), x.shape[3]!]);
const matrixOf = (graph: Graph, filter: Value) => reshape(graph, filter, filter.shape.slice(2));

lower<Attributes, { x: Value; filter: Value }>('Conv2D', ({ x, filter }, graph, attributes) => {
  const windows = windowsOf(x.shape, filter.shape, attributes);
  const { outHeight, outWidth } = windows;
  const [batch, outputs] = [x.shape[0]!, filter.shape[3]!];
  if (isPixelwise(windows)) {
    const [pixels] = lookThrough(graph, x, windows) as [Value];
    const y = matMul(graph, rowsOf(graph, pixels), matrixOf(graph, filter));
    return reshape(graph, y, [batch, outHeight, outWidth, outputs]);
  }
  const kernel = transpose(graph, filter, [3, 2, 0, 1]); // [out, in, h, w]
  const made = shaped([batch, outputs, outHeight, outWidth]);
  return channelsLast(graph, graph.node('Conv', [channelsFirst(graph, x), kernel], made, windowAttributes(windows)));
});

lower<Attributes & { inputShape: number[] }, { dy: Value; filter: Value }>(
  'Conv2DBackpropInput',
  ({ dy, filter }, graph, { inputShape, ...attributes }) => {
    const windows = windowsOf(inputShape, filter.shape, attributes);
    if (isPixelwise(windows)) {
      const dx = matMul(graph, rowsOf(graph, dy), matrixOf(graph, filter), { transposeB: true });
      return putBack(graph, [reshape(graph, dx, [...dy.shape.slice(0, 3), inputShape[3]!])], windows);
    }
    const [batch, height, width, inputs] = inputShape as Shape;
    const made = shaped([batch, inputs, height, width]);
    return channelsLast(graph, inputGradient(graph, channelsFirst(graph, dy), filter, windows, made));
  },
);

/** dy [B, out, h, w] -> the gradient of the input [B, in, H, W]. */
function inputGradient(
  graph: Graph,
  dy: Value,
  filter: Value,
  windows: Windows,
  made: ReturnType<typeof shaped>,
): Value {
  const { strideHeight, strideWidth, filterHeight, filterWidth, padInfo } = windows;
  const { kernel_shape, strides, pads } = windowAttributes(windows);
  const opposite = [filterHeight, filterWidth, filterHeight, filterWidth].map((side, i) => side - 1 - pads[i]!);
  if (strideHeight === 1 && strideWidth === 1 && opposite.every((n) => n >= 0)) {
    // A convolution with the kernel turned round, which is faster than ConvTranspose.
    const kernel = transpose(graph, filter, [2, 3, 0, 1]); // [in, out, h, w]
    const [from, to] = [graph.ints([-1, -1]), graph.ints([-0x7fffffff, -0x7fffffff])];
    const turned = graph.node('Slice', [kernel, from, to, graph.ints([2, 3]), graph.ints([-1, -1])], kernel);
    return graph.node('Conv', [dy, turned], made, { kernel_shape, strides, pads: opposite });
  }
  const kernel = transpose(graph, filter, [3, 2, 0, 1]); // [out, in, h, w]
  // Pixels at the end that no window reaches.
  const rest = [
    made.shape[2]! + padInfo.top + padInfo.bottom - filterHeight - (windows.outHeight - 1) * strideHeight,
    made.shape[3]! + padInfo.left + padInfo.right - filterWidth - (windows.outWidth - 1) * strideWidth,
  ];
  return graph.node('ConvTranspose', [dy, kernel], made, { kernel_shape, strides, pads, output_padding: rest });
}

lower<Attributes & { filterShape: number[] }, { x: Value; dy: Value }>(
  'Conv2DBackpropFilter',
  ({ x, dy }, graph, { filterShape, ...attributes }) => {
    const windows = windowsOf(x.shape, filterShape, attributes);
    const rows = rowsOf(graph, dy); // [R, out]
    const seen = lookThrough(graph, x, windows).map((pixels) => rowsOf(graph, pixels)); // [R, in] each
    const [inputs, outputs] = filterShape.slice(2) as [number, number];
    const product = (pixels: Value) => matMul(graph, pixels, rows, { transposeA: true });
    if (seen.length === 1) return reshape(graph, product(seen[0]!), filterShape);
    // Products of a few columns are slow, and so is copying many columns for a single product.
    if (inputs < NARROW) {
      const joined = shaped([rows.shape[0]!, seen.length * inputs]);
      return reshape(graph, product(graph.node('Concat', seen, joined, { axis: 1 })), filterShape);
    }
    const made = shaped([seen.length * inputs, outputs]);
    return reshape(graph, graph.node('Concat', seen.map(product), made, { axis: 0 }), filterShape);
  },
);
const NARROW = 16;

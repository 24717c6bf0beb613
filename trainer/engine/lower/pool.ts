/** Pooling of images [B, H, W, C] and its gradients, which ONNX has no operators for. */
import { backend_util } from '@tensorflow/tfjs-core';
import type { Graph, Value } from '../graph';
import { cast, lower, shaped } from './kernel';
import { channelsFirst, channelsLast, lookThrough, placesOf, putBack, windowAttributes, type Windows } from './window';

interface Attributes {
  filterSize: [number, number] | number;
  strides: [number, number] | number;
  pad: Parameters<typeof backend_util.computePool2DInfo>[4];
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

function windowsOf({ shape }: Value, { filterSize, strides, pad, dimRoundingMode }: Attributes): Windows {
  const images = [...shape] as [number, number, number, number];
  const windows = backend_util.computePool2DInfo(images, filterSize, strides, 1, pad, dimRoundingMode);
  const { filterHeight, filterWidth, padInfo } = windows;
  if (Math.max(padInfo.top, padInfo.bottom) >= filterHeight || Math.max(padInfo.left, padInfo.right) >= filterWidth)
    throw new Error(`the padding of a pool must be smaller than its window, which is ${filterHeight} x ${filterWidth}`);
  return windows;
}

for (const [kernel, type] of [
  ['MaxPool', 'MaxPool'],
  ['AvgPool', 'AveragePool'],
] as const)
  lower<Attributes, { x: Value }>(kernel, ({ x }, graph, attributes) => {
    const windows = windowsOf(x, attributes);
    const made = shaped([x.shape[0]!, x.shape[3]!, windows.outHeight, windows.outWidth]);
    return channelsLast(graph, graph.node(type, [channelsFirst(graph, x)], made, windowAttributes(windows)));
  });

/** Of equal largest pixels in a window, the first one gets the gradient. */
lower<Attributes, { dy: Value; input: Value; output: Value }>(
  'MaxPoolGrad',
  ({ dy, input, output }, graph, attributes) => {
    const windows = windowsOf(input, attributes);
    let left = dy; // of each window's gradient, what is not given away yet
    const parts = lookThrough(graph, input, windows, -Infinity).map((pixels) => {
      const largest = cast(graph, graph.node('Equal', [pixels, output], shaped(output.shape, 'bool')), 'float32');
      const part = graph.node('Mul', [left, largest], dy);
      left = graph.node('Sub', [left, part], dy);
      return part;
    });
    return putBack(graph, parts, windows);
  },
);

/** Every pixel of a window gets an equal share, those outside the image too: what they get is lost (gradients.ts). */
lower<Attributes, { dy: Value; input: Value }>('AvgPoolGrad', ({ dy, input }, graph, attributes) => {
  const windows = windowsOf(input, attributes);
  const places = placesOf(windows);
  const share = graph.node('Mul', [dy, graph.scalar(1 / places.length)], dy);
  return putBack(graph, places.map(() => share), windows); // prettier-ignore
});

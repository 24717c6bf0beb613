/** Pooling of images [B, H, W, C] and its gradients. */
import { backend_util } from '@tensorflow/tfjs-core';
import type { Graph, Value } from '../graph';
import { cast, lower, reshape, shaped } from './kernel';
import { inParts, join, pick, pixelsOf, placesOf, seeing, seenBy, type Windows } from './window';

interface Attributes {
  filterSize: [number, number] | number;
  strides: [number, number] | number;
  pad: Parameters<typeof backend_util.computePool2DInfo>[4];
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

function windowsOf({ shape }: Value, { filterSize, strides, pad, dimRoundingMode }: Attributes) {
  const images = [...shape] as [number, number, number, number];
  const windows = backend_util.computePool2DInfo(images, filterSize, strides, 1, pad, dimRoundingMode);
  const { filterHeight, filterWidth, padInfo } = windows;
  if (Math.max(padInfo.top, padInfo.bottom) >= filterHeight || Math.max(padInfo.left, padInfo.right) >= filterWidth)
    throw new Error(`the padding of a pool must be smaller than its window, which is ${filterHeight} x ${filterWidth}`);
  return windows;
}

const seenPerImage = (windows: Windows, { shape }: Value) =>
  windows.outHeight * windows.outWidth * placesOf(windows) * shape[3]!;

/** What each window sees, by its places: x [B, H, W, C] -> [B, windows, places, C]. */
function look(graph: Graph, x: Value, windows: Windows, outside: number): Value {
  const seen = pick(graph, pixelsOf(graph, x), seenBy(windows), outside);
  return reshape(graph, seen, [x.shape[0]!, windows.outHeight * windows.outWidth, placesOf(windows), x.shape[3]!]);
}

function reduce(graph: Graph, type: string, x: Value): Value {
  const [batch, rows, , channels] = x.shape as [number, number, number, number];
  return graph.node(type, [x, graph.ints([2])], shaped([batch, rows, channels]), { keepdims: 0 });
}

/** What each pixel gets of what its windows give their places: gradients [B, windows * places, C] -> [B, P, C]. */
function putBack(graph: Graph, gradients: Value, windows: Windows): Value {
  const places = placesOf(windows);
  const sources = new Array<number[]>(windows.inHeight * windows.inWidth);
  for (const phase of seeing(windows)) {
    phase.pixels.forEach((pixel, i) => {
      sources[pixel] = phase.places.map((place, j) => {
        const window = phase.windows[i * phase.places.length + j]!;
        return window < 0 ? window : window * places + place;
      });
    });
  }
  const most = sources.reduce((length, of) => Math.max(length, of.length), 0);
  const indices = sources.flatMap((of) => [...of, ...new Array<number>(most - of.length).fill(-1)]);
  const [batch, , channels] = gradients.shape as [number, number, number];
  const given = reshape(graph, pick(graph, gradients, indices), [batch, sources.length, most, channels]);
  return reduce(graph, 'ReduceSum', given);
}

lower<Attributes, { x: Value }>('MaxPool', ({ x }, graph, attributes) => {
  const windows = windowsOf(x, attributes);
  const parts = inParts(graph, [x], seenPerImage(windows, x), (part) =>
    reduce(graph, 'ReduceMax', look(graph, part, windows, -Infinity)),
  );
  return reshape(graph, join(graph, parts), windows.outShape);
});

/** Of equal largest pixels in a window, the first one gets the gradient. */
lower<Attributes, { dy: Value; input: Value; output: Value }>('MaxPoolGrad', (given, graph, attributes) => {
  const { dy, input, output } = given;
  const windows = windowsOf(input, attributes);
  const parts = inParts(graph, [dy, input, output], seenPerImage(windows, input), (gradient, x, y) => {
    const seen = look(graph, x, windows, -Infinity); // [B, windows, places, C]
    const [batch, count, places, channels] = seen.shape as [number, number, number, number];
    const one = [batch, count, 1, channels];
    const largest = graph.node('Equal', [seen, reshape(graph, y, one)], shaped(seen.shape, 'bool'));
    const marks = cast(graph, largest, 'float32');
    const before = graph.node('CumSum', [marks, graph.constant([2], [], 'int32')], seen, { exclusive: 1 });
    const first = cast(graph, graph.node('Less', [before, marks], shaped(seen.shape, 'bool')), 'float32');
    const shares = graph.node('Mul', [first, reshape(graph, gradient, one)], seen);
    return putBack(graph, reshape(graph, shares, [batch, count * places, channels]), windows);
  });
  return reshape(graph, join(graph, parts), input.shape);
});

lower<Attributes, { x: Value }>('AvgPool', ({ x }, graph, attributes) => {
  const windows = windowsOf(x, attributes);
  const parts = inParts(graph, [x], seenPerImage(windows, x), (part) =>
    reduce(graph, 'ReduceSum', look(graph, part, windows, 0)),
  );
  const sum = reshape(graph, join(graph, parts), windows.outShape);
  return graph.node('Mul', [sum, onePerCounted(graph, windows)], sum);
});

/** [1, outH, outW, 1]: one over the pixels of the image that each window sees. */
function onePerCounted(graph: Graph, windows: Windows): Value {
  const seen = seenBy(windows);
  const places = placesOf(windows);
  const { outHeight, outWidth } = windows;
  const shares = Array.from({ length: outHeight * outWidth }, (_, i) => {
    return 1 / seen.slice(i * places, (i + 1) * places).filter((pixel) => pixel >= 0).length;
  });
  return graph.constant(shares, [1, outHeight, outWidth, 1], 'float32');
}

/** Every pixel of a window gets an equal share, those outside the image too: what they get is lost (gradients.ts). */
lower<Attributes, { dy: Value; input: Value }>('AvgPoolGrad', ({ dy, input }, graph, attributes) => {
  const windows = windowsOf(input, attributes);
  const places = placesOf(windows);
  const share = pixelsOf(graph, graph.node('Mul', [dy, graph.scalar(1 / places)], dy)); // [B, windows, C]
  const toPlaces = Array.from({ length: share.shape[1]! * places }, (_, i) => Math.floor(i / places));
  const parts = inParts(graph, [share], seenPerImage(windows, input), (part) =>
    putBack(graph, pick(graph, part, toPlaces), windows),
  );
  return reshape(graph, join(graph, parts), input.shape);
});

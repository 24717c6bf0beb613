/**
 * Every op that engines know, in groups of cases over shapes drawn by fast-check. Tests draw them at random, and shrink what fails;
 * `gpu-bench` draws the same ones every time.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import {
  gelu,
  multiHeadAttention,
  softmaxCrossEntropy,
  standardize,
  standardizeColumns,
} from '../../trainer/engine/ops';
import { float, int, type Case } from './case';

export interface OpGroup {
  /** "of two tensors that broadcast" */
  readonly name: string;
  /** Fails with the smallest draw whose cases `check` throws at. */
  holds(check: (cases: readonly Case[]) => Promise<void>): Promise<void>;
  /** The cases of so many draws at most, the same for the same seed. */
  sample(seed: number, atMost: number): readonly Case[][];
}

function group<T>(name: string, drawn: fc.Arbitrary<T>, cases: (given: T) => Case[], numRuns = 12): OpGroup {
  return {
    name,
    holds: (check) =>
      fc.assert(
        fc.asyncProperty(drawn, (given) => check(cases(given))),
        { numRuns },
      ),
    sample: (seed, atMost) => fc.sample(drawn, { seed, numRuns: Math.min(numRuns, atMost) }).map(cases),
  };
}

/** Shapes of rank 1 to 5 with sides 1 to 4, seldom large. */
const shapes = (minRank = 1, maxRank = 5) =>
  fc.array(fc.integer({ min: 1, max: 4 }), { minLength: minRank, maxLength: maxRank });

/** Two shapes that broadcast: sides of one dropped or set to 1. */
const broadcastable = shapes().chain((shape) =>
  fc
    .tuple(fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), fc.nat(shape.length), fc.boolean())
    .map(([ones, drop, swap]) => {
      const other = shape.map((n, i) => (ones[i] ? 1 : n)).slice(drop);
      return swap ? [other, shape] : [shape, other];
    }),
);

type Unary = (x: Tensor) => Tensor;
const smooth: [string, Unary, low?: number, high?: number][] = [
  ['acos', tf.acos, -0.8, 0.8],
  ['acosh', tf.acosh, 1.5, 3],
  ['asin', tf.asin, -0.8, 0.8],
  ['asinh', tf.asinh],
  ['atan', tf.atan],
  ['atanh', tf.atanh, -0.8, 0.8],
  ['cos', tf.cos],
  ['cosh', tf.cosh],
  ['erf', tf.erf],
  ['exp', tf.exp],
  ['expm1', tf.expm1],
  ['gelu', gelu],
  ['log', tf.log, 0.5, 3],
  ['log1p', tf.log1p, -0.5, 2],
  ['logSigmoid', tf.logSigmoid],
  ['neg', tf.neg],
  ['reciprocal', tf.reciprocal, 0.5, 3],
  ['rsqrt', tf.rsqrt, 0.5, 3],
  ['sigmoid', tf.sigmoid],
  ['sin', tf.sin],
  ['sinh', tf.sinh],
  ['softplus', tf.softplus],
  ['sqrt', tf.sqrt, 0.5, 3],
  ['square', tf.square],
  ['tan', tf.tan, -1, 1],
  ['tanh', tf.tanh],
];
const kinked: [string, Unary][] = [
  ['abs', tf.abs],
  ['ceil', tf.ceil],
  ['clip', (x) => tf.clipByValue(x, -0.5, 1)],
  ['elu', tf.elu],
  ['floor', tf.floor],
  ['isFinite', (x) => tf.isFinite(tf.div(x, tf.relu(x)))],
  ['isInf', (x) => tf.isInf(tf.div(x, 0))],
  ['isNaN', (x) => tf.isNaN(tf.log(x))],
  ['leakyRelu', (x) => tf.leakyRelu(x, 0.1)],
  ['logicalNot', (x) => tf.logicalNot(tf.greater(x, 0))],
  ['prelu', (x) => tf.prelu(x, tf.scalar(0.3))],
  ['relu', tf.relu],
  ['relu6', (x) => tf.relu6(tf.mul(x, 5))],
  ['round', tf.round],
  ['selu', tf.selu],
  ['sign', tf.sign],
  ['step', (x) => tf.step(x, 0.2)],
  ['cast to int and back', (x) => tf.mul(tf.cast(tf.cast(x, 'int32'), 'float32'), x)],
  ['zerosLike, onesLike', (x) => tf.add(tf.zerosLike(x), tf.mul(x, tf.onesLike(x)))],
];

type Binary = (a: Tensor, b: Tensor) => Tensor;
const binary: [string, Binary, boolean?][] = [
  ['add', tf.add, true],
  ['sub', tf.sub, true],
  ['mul', tf.mul, true],
  ['squaredDifference', tf.squaredDifference, true],
  ['div', (a, b) => tf.div(a, tf.add(b, 3)), true],
  ['pow', (a, b) => tf.pow(tf.add(tf.abs(a), 0.5), b)],
  ['mod', (a, b) => tf.mod(a, tf.add(tf.abs(b), 0.5))],
  ['mod of a negative', (a, b) => tf.mod(a, tf.sub(-0.5, tf.abs(b)))],
  ['floorDiv', (a, b) => tf.floorDiv(a, tf.add(tf.abs(b), 0.5))],
  ['maximum', tf.maximum],
  ['minimum', tf.minimum],
  ['where', (a, b) => tf.where(tf.greater(a, b), tf.mul(a, 2), b)],
  ['equal', (a, b) => tf.equal(tf.floor(a), tf.floor(b))],
  ['notEqual', (a, b) => tf.notEqual(tf.floor(a), tf.floor(b))],
  ['greater', (a, b) => tf.mul(tf.cast(tf.greater(a, b), 'float32'), a)],
  ['greaterEqual', (a, b) => tf.greaterEqual(tf.floor(a), tf.floor(b))],
  ['less', tf.less],
  ['lessEqual', (a, b) => tf.lessEqual(tf.floor(a), tf.floor(b))],
  ['and', (a, b) => tf.logicalAnd(tf.greater(a, 0), tf.greater(b, 0))],
  ['or', (a, b) => tf.logicalOr(tf.greater(a, 0), tf.greater(b, 0))],
  ['xor', (a, b) => tf.logicalXor(tf.greater(a, 0), tf.greater(b, 0))],
];

/** A shape with a subset of its axes, possibly counted from the end. */
const reduced = shapes().chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    axes: fc.subarray(
      shape.map((_, i) => i),
      { minLength: 1 },
    ),
    keepDims: fc.boolean(),
    negative: fc.boolean(),
  }),
);

/** And an order of its axes. */
const reordered = reduced.chain((record) => {
  const { length } = record.shape;
  const order = fc.shuffledSubarray([...record.shape.keys()], { minLength: length, maxLength: length });
  return order.map((order) => ({ ...record, order }));
});

const products = fc.record({
  batch: fc.constantFrom([[], []], [[2], [2]], [[3], [1]], [[1], [3]], [[2, 3], [2, 3]], [[2], []], [[2, 2], []]),
  sides: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
  transposes: fc.tuple(fc.boolean(), fc.boolean()),
}); // prettier-ignore

type Padding = 'same' | 'valid' | [[0, 0], [number, number], [number, number], [0, 0]];
interface Window {
  readonly batch: number;
  readonly sides: [number, number];
  readonly filter: [number, number];
  readonly strides: [number, number];
  readonly padding: Padding;
}
const upTo = (max: number, min = 1) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
const pads = ({ padding }: Window) => (typeof padding === 'string' ? [[0, 0], [0, 0]] : padding.slice(1, 3)) as [number, number][]; // prettier-ignore

/** Images, and windows that fit into them, of which some do not reach the last pixels. */
const windows: fc.Arbitrary<Window> = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    sides: upTo(9),
    filter: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.constantFrom(1, 2, 3, 7)),
    strides: upTo(3),
    padding: fc.oneof(
      fc.constantFrom<Padding>('same', 'valid'),
      fc.tuple(upTo(2, 0), upTo(2, 0)).map(([rows, columns]): Padding => [[0, 0], rows, columns, [0, 0]]),
    ),
  })
  .filter((window) => {
    const fits = window.sides.every((side, i) => side + pads(window)[i]![0] + pads(window)[i]![1] >= window.filter[i]!);
    return fits || window.padding === 'same';
  });

/** A window that sees nothing of the image has no maximum and no mean. */
const seesImage = (window: Window) => window.filter.every((side, i) => Math.max(...pads(window)[i]!) < side);

export const opGroups: readonly OpGroup[] = [
  group('of one tensor, elementwise', fc.tuple(shapes(), fc.nat(50)), ([shape, seed]) => [
    ...smooth.map(([name, f, low, high]): Case => {
      return { name, f, inputs: [float(shape, seed, low, high)], smooth: true };
    }),
    ...kinked.map(([name, f]): Case => ({ name, f, inputs: [float(shape, seed)] })),
  ]),

  group('of two tensors that broadcast', fc.tuple(broadcastable, fc.nat(50)), ([[a, b], seed]) =>
    binary.map(([name, f, isSmooth]) => ({
      name,
      f: f,
      inputs: [float(a!, seed), float(b!, seed + 1)],
      smooth: isSmooth,
    })),
  ),

  group('of integers', fc.tuple(broadcastable, fc.nat(50)), ([[a, b], seed]) => {
    const inputs = [int(a!, seed, -7, 7), int(b!, seed + 1, 1, 5)];
    return [
      { name: 'add', f: tf.add, inputs },
      { name: 'mul', f: tf.mul, inputs },
      { name: 'floorDiv', f: tf.floorDiv, inputs },
      { name: 'floorDiv by negatives', f: (x, y) => tf.floorDiv(x, tf.neg(y)), inputs },
      { name: 'mod', f: tf.mod, inputs },
      { name: 'maximum', f: tf.maximum, inputs },
      { name: 'equal', f: tf.equal, inputs },
      { name: 'sum', f: (x) => tf.sum(x), inputs: [inputs[0]!] },
      { name: 'max', f: (x) => tf.max(x), inputs: [inputs[0]!] },
      // Of few: what an integer does beyond its range is no two engines' agreement.
      {
        name: 'prod',
        f: (x) => tf.prod(tf.slice(tf.reshape(x, [x.size]), 0, Math.min(x.size, 8))),
        inputs: [inputs[0]!],
      },
      { name: 'oneHot', f: (x) => tf.oneHot(x, 4, 2, -1), inputs: [inputs[0]!] },
    ];
  }),

  group(
    'reduced over some axes',
    fc.tuple(reduced, fc.nat(50)),
    ([{ shape, axes: some, keepDims, negative }, seed]) => {
      const axes = negative ? some.map((axis) => axis - shape.length) : some;
      const inputs = [float(shape, seed)];
      const last = axes.at(-1)!;
      return [
        { name: 'sum', f: (x) => tf.sum(x, axes, keepDims), inputs, smooth: true },
        { name: 'mean', f: (x) => tf.mean(x, axes, keepDims), inputs, smooth: true },
        { name: 'prod', f: (x) => tf.prod(x, axes, keepDims), inputs },
        { name: 'prod with zeros', f: (x) => tf.prod(tf.relu(x), axes, keepDims), inputs },
        { name: 'max', f: (x) => tf.max(x, axes, keepDims), inputs },
        { name: 'min', f: (x) => tf.min(x, axes, keepDims), inputs },
        { name: 'all', f: (x) => tf.all(tf.greater(x, -1), axes, keepDims), inputs },
        { name: 'any', f: (x) => tf.any(tf.greater(x, 1), axes, keepDims), inputs },
        { name: 'logSumExp', f: (x) => tf.logSumExp(x, axes, keepDims), inputs, smooth: true },
        { name: 'variance', f: (x) => tf.moments(x, axes, keepDims).variance, inputs, smooth: true },
        { name: 'norm', f: (x) => tf.norm(x, 'euclidean', axes.slice(0, 1), keepDims), inputs },
        { name: 'argMax', f: (x) => tf.argMax(x, last), inputs },
        { name: 'argMin', f: (x) => tf.argMin(x, last), inputs },
        { name: 'softmax', f: (x) => tf.softmax(x), inputs, smooth: true },
        { name: 'logSoftmax', f: (x) => tf.logSoftmax(x), inputs, smooth: true },
        { name: 'cumsum', f: (x) => tf.cumsum(x, some.at(-1), keepDims, negative), inputs, smooth: true },
        { name: 'topk', f: (x) => tf.topk(x, shape.at(-1)).values, inputs: [int(shape, seed, -9, 9)] },
      ];
    },
  ),

  group('reordered, cut and joined', fc.tuple(reordered, fc.nat(50)), ([{ shape, axes, negative, order }, seed]) => {
    const x = float(shape, seed);
    const y = float(shape, seed + 1);
    const axis = negative ? axes[0]! - shape.length : axes[0]!;
    const rank = shape.length;
    const n = shape.at(axis)!;
    const begin = shape.map((side, i) => (axes.includes(i) ? side - 1 : 0));
    const reps = shape.map((_, i) => (axes.includes(i) ? 3 : 1));
    const paddings = shape.map((_, i): [number, number] => (axes.includes(i) ? [1, 2] : [0, 0]));
    const inputs = [x];
    return [
      { name: 'transpose', f: (t) => tf.transpose(t, order), inputs, smooth: true },
      { name: 'reshape', f: (t) => tf.reshape(t, [n, -1]), inputs },
      { name: 'expandDims', f: (t) => tf.expandDims(t, axis), inputs },
      { name: 'squeeze', f: (t) => tf.squeeze(t), inputs },
      { name: 'reverse', f: (t) => tf.reverse(t, axes), inputs, smooth: true },
      { name: 'slice', f: (t) => tf.slice(t, begin), inputs, smooth: true },
      { name: 'concat', f: (a, b) => tf.concat([a, tf.mul(b, 2), a], axis), inputs: [x, y], smooth: true },
      { name: 'stack', f: (a, b) => tf.stack([a, tf.mul(b, 2)], axis), inputs: [x, y], smooth: true },
      { name: 'unstack', f: (t) => tf.unstack(t, axis).at(-1)!, inputs, smooth: true },
      { name: 'split', f: (t) => tf.split(tf.concat([t, t], axis), [n, n], axis)[1]!, inputs, smooth: true },
      ...(rank <= 4 ? [{ name: 'pad', f: (t: Tensor) => tf.pad(t, paddings, 0.5), inputs, smooth: true }] : []),
      { name: 'tile', f: (t) => tf.tile(t, reps), inputs, smooth: true },
      {
        name: 'gather',
        f: (t, i) => tf.gather(t, i, axis),
        inputs: [x, int([2, 3], seed, 0, n - 1)],
        smooth: true,
      },
      { name: 'broadcastTo', f: (t) => tf.broadcastTo(tf.mean(t, axes, true), shape), inputs, smooth: true },
    ];
  }),

  group('strided slices and constants', fc.constant(null), () => [
      { name: 'stridedSlice', f: (t) => tf.mul(tf.stridedSlice(t, [3, 0], [0, 5], [-2, 2]), 1), inputs: [int([4, 5], 1, 0, 9)] },
      { name: 'range', f: (t) => tf.add(t, tf.range(0, 4)), inputs: [float([3, 4])] },
      { name: 'linspace', f: (t) => tf.add(t, tf.linspace(0, 1, 4)), inputs: [float([3, 4])] },
      { name: 'eye', f: (t) => tf.mul(t, tf.eye(4)), inputs: [float([4, 4])] },
      { name: 'a row summed and spread again', f: (t) => tf.sub(t, tf.mul(tf.broadcastTo(tf.sum(t, 0, true), [3, 4]), tf.ones([3, 4]))), inputs: [float([3, 4])], smooth: true },
      { name: 'two rows spread over each other', f: (a, b) => tf.mul(tf.broadcastTo(a, [3, 4]), tf.broadcastTo(b, [3, 4])), inputs: [float([3, 1]), float([4])], smooth: true },
      { name: 'ones of many elements', f: (t) => tf.mul(t, tf.ones([16, 16])), inputs: [float([16, 16])] },
      { name: 'segment sums', f: (t, i) => tf.unsortedSegmentSum(t, i as Tensor1D, 3), inputs: [float([5, 2]), int([5], 3, 0, 2)], smooth: true },
  ], 1), // prettier-ignore

  group(
    'matrix products, transposed and batched',
    fc.tuple(products, fc.nat(50)),
    ([
      {
        batch,
        sides: [m, k, n],
        transposes: [tA, tB],
      },
      seed,
    ]) => {
      const a = float([...batch[0], ...(tA ? [k, m] : [m, k])], seed);
      const b = float([...batch[1], ...(tB ? [n, k] : [k, n])], seed + 1);
      const f = (x: Tensor, y: Tensor) => tf.matMul(x, y, tA, tB);
      const scaled = (x: Tensor, y: Tensor) => tf.mul(tf.matMul(tf.mul(x, 3), tf.mul(0.5, y), tA, tB), -0.25);
      const biased = (x: Tensor, y: Tensor, z: Tensor) => tf.add(tf.matMul(x, y, tA, tB), z);
      return [
        { name: 'matMul', f, inputs: [a, b], smooth: true },
        { name: 'with a bias', f: biased, inputs: [a, b, float([n], seed + 2)], smooth: true },
        { name: 'plus a matrix', f: biased, inputs: [a, b, float([m, n], seed + 2)], smooth: true },
        { name: 'with factors', f: scaled, inputs: [a, b], smooth: true },
      ];
    },
    40,
  ),

  group(
    'standardised rows of any batch, around 0 and around another mean',
    fc.tuple(shapes(1, 4), fc.integer({ min: 2, max: 9 }), fc.nat(50)),
    ([batch, width, seed]) => {
      const inputs = [float([...batch, width], seed)];
      // With a smaller eps, two values that happen to be close bend the function within the differences' reach.
      return [
        { name: 'standardize', f: (x) => standardize(x, 0.1), inputs, smooth: true },
        { name: 'around 1', f: (x) => standardize(x, 0.1, 1), inputs, smooth: true },
      ];
    },
  ),

  group(
    'standardised columns, scaled and shifted',
    fc.tuple(fc.integer({ min: 2, max: 9 }), fc.integer({ min: 1, max: 5 }), fc.nat(50)),
    ([rows, width, seed]) => {
      const inputs = [float([rows, width], seed), float([width], seed + 1), float([width], seed + 2)];
      const f = (x: Tensor, scale: Tensor, shift: Tensor) =>
        standardizeColumns(x as Tensor2D, scale as Tensor1D, shift as Tensor1D, 0.1).y;
      return [{ name: 'standardizeColumns', f, inputs, smooth: true }];
    },
  ),

  group('attention', fc.tuple(shapes(4, 4), fc.nat(2), fc.nat(50)), ([[batch, tokens, heads, width], from, seed]) => [
    {
      name: 'attention',
      f: (qkv) => multiHeadAttention(qkv as Tensor2D, { batch: batch!, heads: heads!, from }),
      inputs: [float([batch! * (tokens! + from), 3 * heads! * width!], seed)],
      smooth: true,
    },
  ]),

  group(
    'convolutions of any window, stride and padding',
    fc.tuple(windows, fc.constantFrom(1, 3, 17), fc.constantFrom(1, 5), fc.nat(50)),
    ([window, inputs, outputs, seed]) => {
      const { batch, sides: [height, width], filter: [h, w], strides, padding } = window; // prettier-ignore
      return [
        {
          name: 'conv2d',
          f: (x, filter) => tf.conv2d(x as Tensor4D, filter as Tensor4D, strides, padding),
          inputs: [float([batch, height, width, inputs], seed), float([h, w, inputs, outputs], seed + 1)],
          smooth: true,
        },
      ];
    },
    40,
  ),

  group(
    'pools of any window, stride and padding, of images with equal pixels too',
    fc.tuple(windows.filter(seesImage), fc.integer({ min: 1, max: 3 }), fc.nat(50)),
    ([window, channels, seed]) => {
      const { batch, sides, filter, strides, padding } = window;
      const image = float([batch, ...sides, channels], seed);
      const ties = { ...image, data: image.data.map(Math.round) };
      const max = (x: Tensor) => tf.maxPool(x as Tensor4D, filter, strides, padding);
      const average = (x: Tensor) => tf.avgPool(x as Tensor4D, filter, strides, padding);
      return [
        { name: 'maxPool', f: max, inputs: [image] },
        { name: 'maxPool with ties', f: max, inputs: [ties] },
        { name: 'avgPool', f: average, inputs: [image], smooth: true },
      ];
    },
    40,
  ),

  group('cross entropy', fc.tuple(shapes(2, 2), fc.nat(50)), ([[batch, classes], seed]) => [
    {
      name: 'softmaxCrossEntropy',
      f: (logits, labels) => softmaxCrossEntropy(logits as Tensor2D, labels as Tensor1D),
      inputs: [float([batch!, classes!], seed), int([batch!], seed, 0, classes! - 1)],
      smooth: true,
    },
  ]),

  // Beyond the sizes that fit one tile or workgroup of a GPU's kernels, with and without a rest.
  group(
    'of the sizes that networks have',
    fc.constantFrom([2, 50, 64], [3, 43, 96]),
    ([batch, tokens, width]) => {
      const rows = batch * tokens;
      const x = float([rows, width], 1);
      return [
      { name: 'matMul', f: (a, b) => tf.matMul(a, b), inputs: [x, float([width, 2 * width], 2)] },
      { name: 'gelu', f: gelu, inputs: [x] },
      { name: 'softmax', f: (a) => tf.softmax(a), inputs: [float([rows, 4 * width], 3)] },
      { name: 'standardize', f: (a) => standardize(a, 1e-6), inputs: [x] },
      { name: 'sum of columns', f: (a) => tf.sum(a, 0), inputs: [x] },
      { name: 'mean', f: (a) => tf.mean(a), inputs: [x] },
      { name: 'attention', f: (qkv) => multiHeadAttention(qkv as Tensor2D, { batch, heads: 4, from: 0 }), inputs: [float([rows, 3 * width], 4)] },
      { name: 'conv2d', f: (a, filter) => tf.conv2d(a as Tensor4D, filter as Tensor4D, 1, 'same'), inputs: [float([2, 9, 8, 32], 5), float([3, 3, 32, 20], 6, -0.1, 0.1)] },
    ]; // prettier-ignore
    },
    2,
  ),
];

/**
 * The gradient of every kernel that the engines run. tfjs-core's own are not part of its Node
 * build, and several would not do: sums through host arrays of ones, tiles unrolled into one
 * slice per repetition, products that forget to sum over broadcast axes. They are registered
 * with tfjs's global registry, written in plain tfjs ops, and hold for every backend.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';

type Attributes = Readonly<Record<string, unknown>>;
type Gradients = Record<string, () => Tensor>;
interface Saved {
  readonly inputs?: string[];
  readonly output?: boolean;
}

/** `gradient` gets dy, what `saved` names (inputs first, then the output) and the kernel's attributes. */
function define(
  kernelName: string,
  { inputs = [], output = false }: Saved,
  gradient: (dy: Tensor, saved: Tensor[], attributes: Attributes) => Gradients,
): void {
  tf.registerGradient({
    kernelName,
    inputsToSave: inputs,
    outputsToSave: [output],
    gradFunc: (dy, saved, attributes) => gradient(dy as Tensor, saved, attributes),
  });
}

/** Whether the backend has a kernel of this engine's own. */
export const hasKernel = (name: string) => Boolean(tf.getKernel(name, tf.engine().backendName));

/** Runs it. */
export function runKernel(name: string, inputs: Record<string, Tensor>, attributes = {}): Tensor[] {
  const outputs: Tensor | Tensor[] = tf.engine().runKernel(name, inputs, attributes);
  return Array.isArray(outputs) ? outputs : [outputs];
}

const fromInput = (kernel: string, gradient: (dy: Tensor, x: Tensor, attributes: Attributes) => Tensor) =>
  define(kernel, { inputs: ['x'] }, (dy, [x], attributes) => ({ x: () => gradient(dy, x!, attributes) }));
const fromOutput = (kernel: string, gradient: (dy: Tensor, y: Tensor, attributes: Attributes) => Tensor) =>
  define(kernel, { output: true }, (dy, [y], attributes) => ({ x: () => gradient(dy, y!, attributes) }));

const zeros = (x: Tensor) => tf.fill(x.shape, 0);

/** Sums a gradient over the axes along which `shape` was broadcast. */
function unbroadcast(gradient: Tensor, { shape }: Tensor): Tensor {
  const axes = tf.broadcast_util.getReductionAxes(shape, gradient.shape);
  return tf.reshape(axes.length ? tf.sum(gradient, axes) : gradient, shape);
}

/** The reduced axes put back with size 1. */
function unreduce(y: Tensor, shape: number[], axis: unknown): Tensor {
  const axes = tf.util.parseAxisParam((axis ?? shape.map((_, i) => i)) as number[], shape);
  return tf.reshape(
    y,
    shape.map((n, i) => (axes.includes(i) ? 1 : n)),
  );
}

// Elementwise, one input.
fromInput('Abs', (dy, x) => tf.mul(dy, tf.sign(x)));
fromInput('Acos', (dy, x) => tf.neg(tf.mul(dy, tf.rsqrt(tf.sub(1, tf.square(x))))));
fromInput('Acosh', (dy, x) => tf.mul(dy, tf.rsqrt(tf.sub(tf.square(x), 1))));
fromInput('Asin', (dy, x) => tf.mul(dy, tf.rsqrt(tf.sub(1, tf.square(x)))));
fromInput('Asinh', (dy, x) => tf.mul(dy, tf.rsqrt(tf.add(tf.square(x), 1))));
fromInput('Atan', (dy, x) => tf.div(dy, tf.add(tf.square(x), 1)));
fromInput('Atanh', (dy, x) => tf.div(dy, tf.sub(1, tf.square(x))));
fromInput('Cos', (dy, x) => tf.neg(tf.mul(dy, tf.sin(x))));
fromInput('Cosh', (dy, x) => tf.mul(dy, tf.sinh(x)));
fromInput('Erf', (dy, x) => tf.mul(dy, tf.mul(tf.exp(tf.neg(tf.square(x))), 2 / Math.sqrt(Math.PI))));
fromOutput('Exp', (dy, y) => tf.mul(dy, y));
fromOutput('Expm1', (dy, y) => tf.mul(dy, tf.add(y, 1)));
fromInput('Log', (dy, x) => tf.div(dy, x));
fromInput('Log1p', (dy, x) => tf.div(dy, tf.add(x, 1)));
fromOutput('Reciprocal', (dy, y) => tf.neg(tf.mul(dy, tf.square(y))));
fromOutput('Rsqrt', (dy, y) => tf.mul(tf.mul(dy, y), tf.mul(tf.square(y), -0.5)));
fromOutput('Sigmoid', (dy, y) => tf.mul(dy, tf.mul(y, tf.sub(1, y))));
fromInput('Sin', (dy, x) => tf.mul(dy, tf.cos(x)));
fromInput('Sinh', (dy, x) => tf.mul(dy, tf.cosh(x)));
fromInput('Softplus', (dy, x) => tf.mul(dy, tf.sigmoid(x)));
fromOutput('Sqrt', (dy, y) => tf.div(dy, tf.mul(y, 2)));
fromInput('Square', (dy, x) => tf.mul(dy, tf.mul(x, 2)));
fromOutput('Tan', (dy, y) => tf.mul(dy, tf.add(tf.square(y), 1)));
fromOutput('Tanh', (dy, y) => tf.mul(dy, tf.sub(1, tf.square(y))));
define('Neg', {}, (dy) => ({ x: () => tf.neg(dy) }));
define('Identity', {}, (dy) => ({ x: () => tf.cast(dy, 'float32') }));
define('Cast', {}, (dy) => ({ x: () => tf.cast(dy, 'float32') }));

fromOutput('Relu', (dy, y) =>
  hasKernel('TesseraReluGrad')
    ? runKernel('TesseraReluGrad', { dy, y })[0]!
    : tf.mul(dy, tf.cast(tf.greater(y, 0), 'float32')),
);
fromOutput('Relu6', (dy, y) => tf.where(tf.logicalAnd(tf.greater(y, 0), tf.less(y, 6)), dy, zeros(dy)));
fromOutput('Elu', (dy, y) => tf.where(tf.greater(y, 0), dy, tf.mul(dy, tf.add(y, 1))));
const seluScale = 1.0507009873554805;
const seluLimit = 1.7580993408473766; // scale * alpha
fromOutput('Selu', (dy, y) => tf.where(tf.greater(y, 0), tf.mul(dy, seluScale), tf.mul(dy, tf.add(y, seluLimit))));
fromInput('LeakyRelu', (dy, x, { alpha }) => tf.where(tf.greater(x, 0), dy, tf.mul(dy, alpha as number)));
fromInput('ClipByValue', (dy, x, { clipValueMin, clipValueMax }) => {
  const inside = tf.logicalAnd(tf.greaterEqual(x, clipValueMin as number), tf.lessEqual(x, clipValueMax as number));
  return tf.where(inside, dy, zeros(dy));
});

// Elementwise, two inputs.
const two = { inputs: ['a', 'b'] };
define('Add', two, (dy, [a, b]) => ({ a: () => unbroadcast(dy, a!), b: () => unbroadcast(dy, b!) }));
define('Sub', two, (dy, [a, b]) => ({ a: () => unbroadcast(dy, a!), b: () => tf.neg(unbroadcast(dy, b!)) }));
define('Multiply', two, (dy, [a, b]) => ({
  a: () => unbroadcast(tf.mul(dy, b!), a!),
  b: () => unbroadcast(tf.mul(dy, a!), b!),
}));
define('RealDiv', { ...two, output: true }, (dy, [a, b, y]) => ({
  a: () => unbroadcast(tf.div(dy, b!), a!),
  b: () => tf.neg(unbroadcast(tf.mul(dy, tf.div(y!, b!)), b!)),
}));
define('Pow', { ...two, output: true }, (dy, [a, b, y]) => ({
  a: () => unbroadcast(tf.mul(dy, tf.mul(b!, tf.pow(a!, tf.sub(b!, 1)))), a!),
  b: () => unbroadcast(tf.mul(dy, tf.mul(y!, tf.log(tf.where(tf.greater(a!, 0), a!, tf.onesLike(a!))))), b!),
}));
define('SquaredDifference', two, (dy, [a, b]) => {
  const gradient = () => tf.mul(dy, tf.mul(tf.sub(a!, b!), 2));
  return { a: () => unbroadcast(gradient(), a!), b: () => tf.neg(unbroadcast(gradient(), b!)) };
});
const chosen = (dy: Tensor, condition: Tensor, x: Tensor) => unbroadcast(tf.where(condition, dy, zeros(dy)), x);
define('Maximum', two, (dy, [a, b]) => ({
  a: () => chosen(dy, tf.greaterEqual(a!, b!), a!),
  b: () => chosen(dy, tf.less(a!, b!), b!),
}));
define('Minimum', two, (dy, [a, b]) => ({
  a: () => chosen(dy, tf.lessEqual(a!, b!), a!),
  b: () => chosen(dy, tf.greater(a!, b!), b!),
}));
define('Mod', two, (dy, [a, b]) => ({
  a: () => unbroadcast(dy, a!),
  b: () => tf.neg(unbroadcast(tf.mul(dy, tf.floor(tf.div(a!, b!))), b!)),
}));
define('Prelu', { inputs: ['x', 'alpha'] }, (dy, [x, alpha]) => ({
  x: () => tf.where(tf.greater(x!, 0), dy, tf.mul(dy, alpha!)),
  alpha: () => unbroadcast(tf.where(tf.greater(x!, 0), zeros(dy), tf.mul(dy, x!)), alpha!),
}));
define('Select', { inputs: ['condition'] }, (dy, [condition]) => ({
  condition: () => zeros(condition!),
  t: () => tf.where(condition!, dy, zeros(dy)),
  e: () => tf.where(condition!, zeros(dy), dy),
}));
tf.registerGradient({
  kernelName: 'AddN',
  saveAllInputs: true,
  gradFunc: (dy, inputs) => Object.fromEntries(inputs.map((_, i) => [i, () => tf.clone(dy as Tensor)])),
});

// Flat almost everywhere, or not functions of numbers: no gradient passes.
const flat = (kernel: string, inputs: string[]) =>
  define(kernel, { inputs }, (_, saved) => Object.fromEntries(inputs.map((name, i) => [name, () => zeros(saved[i]!)])));
for (const kernel of ['Ceil', 'Floor', 'Round', 'Sign', 'Step', 'ZerosLike', 'OnesLike', 'IsNan', 'IsInf', 'IsFinite'])
  flat(kernel, ['x']);
for (const kernel of ['LogicalNot', 'ArgMax', 'ArgMin', 'All', 'Any']) flat(kernel, ['x']);
for (const kernel of ['Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual']) flat(kernel, ['a', 'b']);
for (const kernel of ['LogicalAnd', 'LogicalOr', 'FloorDiv']) flat(kernel, ['a', 'b']);
flat('OneHot', ['indices']);

// Reductions and scans.
fromInput('Sum', (dy, x, { axis }) => tf.broadcastTo(unreduce(dy, x.shape, axis), x.shape));
fromInput('Mean', (dy, x, { axis }) => tf.broadcastTo(unreduce(tf.mul(dy, dy.size / x.size), x.shape, axis), x.shape));
for (const kernel of ['Max', 'Min'])
  define(kernel, { inputs: ['x'], output: true }, (dy, [x, y], { reductionIndices, axis }) => {
    const whole = (t: Tensor) => unreduce(t, x!.shape, reductionIndices ?? axis);
    return { x: () => tf.mul(whole(dy), tf.cast(tf.equal(x!, whole(y!)), 'float32')) };
  });
fromInput('Prod', (dy, x, { axis }) => {
  const axes = tf.util.parseAxisParam(axis as number[], x.shape);
  const last = [...x.shape.map((_, i) => i).filter((i) => !axes.includes(i)), ...axes];
  const moved = tf.transpose(x, last);
  const rows = tf.reshape(moved, [dy.size, x.size / dy.size]);
  // The product of all others, zeros included: of those before times of those after.
  const others = tf.mul(tf.cumprod(rows, 1, true), tf.cumprod(rows, 1, true, true));
  const gradient = tf.mul(others, tf.reshape(dy, [dy.size, 1]));
  return tf.transpose(tf.reshape(gradient, moved.shape), inverse(last));
});
fromInput('Cumsum', (dy, _x, { axis, exclusive, reverse }) =>
  tf.cumsum(dy, axis as number, exclusive as boolean, !(reverse as boolean)),
);
define('Softmax', { output: true }, (dy, [y], { dim }) => ({
  logits: () => tf.mul(tf.sub(dy, tf.sum(tf.mul(dy, y!), dim as number, true)), y!),
}));

// Shape.
const inverse = (permutation: number[]) => permutation.map((_, i) => permutation.indexOf(i));
fromInput('Reshape', (dy, x) => tf.reshape(dy, x.shape));
define('ExpandDims', { inputs: ['input'] }, (dy, [input]) => ({ input: () => tf.reshape(dy, input!.shape) }));
define('Transpose', {}, (dy, _saved, { perm }) => ({ x: () => tf.transpose(dy, inverse(perm as number[])) }));
define('Reverse', {}, (dy, _saved, { dims }) => ({ x: () => tf.reverse(dy, dims as number[]) }));
fromInput('Slice', (dy, x, { begin, size }) => {
  const [from, sizes] = tf.slice_util.parseSliceParams(x, begin as number[], size as number[]) as [number[], number[]];
  return tf.pad(
    dy,
    from.map((start, i): [number, number] => [start, x.shape[i]! - start - sizes[i]!]),
  );
});
fromInput('PadV2', (dy, x, { paddings }) =>
  tf.slice(
    dy,
    (paddings as [number, number][]).map(([before]) => before),
    x.shape,
  ),
);
fromInput('Tile', (dy, x, attributes) => {
  // Each repeated axis becomes (repetitions, size); summing the former leaves the shape of x.
  const reps = attributes.reps as number[];
  const parts = x.shape.flatMap((n, i) => (reps[i] === 1 ? [n] : [reps[i]!, n]));
  const axes = x.shape.flatMap((_, i) => (reps[i] === 1 ? [false] : [true, false])).flatMap((is, i) => (is ? [i] : []));
  return tf.reshape(tf.sum(tf.reshape(dy, parts), axes), x.shape);
});
tf.registerGradient({
  kernelName: 'Concat',
  saveAllInputs: true,
  gradFunc: (dy, inputs, { axis }) => {
    const at = tf.util.parseAxisParam(axis as number, inputs[0]!.shape)[0]!;
    const parts = tf.split(dy as Tensor, inputs.map(({ shape }) => shape[at]!), at); // prettier-ignore
    return Object.fromEntries(parts.map((part, i) => [i, () => part]));
  },
});
tf.registerGradient({
  kernelName: 'SplitV',
  gradFunc: (dys, _saved, { axis }) => ({ x: () => tf.concat([dys].flat(), axis as number) }),
});
tf.registerGradient({
  kernelName: 'Pack',
  saveAllInputs: true,
  gradFunc: (dy, _inputs, { axis }) =>
    Object.fromEntries(tf.unstack(dy as Tensor, axis as number).map((part, i) => [i, () => part])),
});
tf.registerGradient({
  kernelName: 'Unpack',
  gradFunc: (dys, _saved, { axis }) => ({ value: () => tf.stack([dys].flat(), axis as number) }),
});
define('GatherV2', { inputs: ['x', 'indices'] }, (dy, [x, indices], attributes) => {
  if (attributes.batchDims)
    throw new Error('gather with batchDims has no gradient here; flatten the rows and gather from them');
  const axis = tf.util.parseAxisParam(attributes.axis as number, x!.shape)[0]!;
  const before = x!.shape.slice(0, axis);
  const after = x!.shape.slice(axis + 1);
  return {
    indices: () => zeros(indices!),
    x: () => {
      // The gathered axis first, as sums of segments want it.
      const flatDy = tf.reshape(dy, [...before, indices!.size, ...after]);
      const order = [axis, ...flatDy.shape.map((_, i) => i).filter((i) => i !== axis)];
      const ids: tf.Tensor1D = tf.reshape(indices!, [indices!.size]);
      const summed = tf.unsortedSegmentSum(tf.transpose(flatDy, order), ids, x!.shape[axis]!);
      return tf.transpose(summed, inverse(order));
    },
  };
});
define('UnsortedSegmentSum', { inputs: ['segmentIds'] }, (dy, [segmentIds]) => ({
  x: () => tf.gather(dy, segmentIds as tf.Tensor1D),
  segmentIds: () => zeros(segmentIds!),
}));

// Matrices.
define('BatchMatMul', two, (dy, saved, { transposeA, transposeB }) => {
  const [a, b] = saved as [Tensor, Tensor];
  const [tA, tB] = [transposeA as boolean, transposeB as boolean];
  if (b.size === b.shape.at(-1)! * b.shape.at(-2)! && a.rank > 2 && !tA && dy.rank === a.rank) {
    // One matrix meets the rows of all of a's: flattened, its gradient is one product instead of a sum of many.
    const rows = (x: Tensor) => tf.reshape(x, [-1, x.shape.at(-1)!]);
    const matrix = tf.reshape(b, b.shape.slice(-2));
    return {
      a: () => tf.reshape(tf.matMul(rows(dy), matrix, false, !tB), a.shape),
      b: () => tf.reshape(tB ? tf.matMul(rows(dy), rows(a), true) : tf.matMul(rows(a), rows(dy), true), b.shape),
    };
  }
  return {
    a: () => unbroadcast(tA ? tf.matMul(b, dy, tB, true) : tf.matMul(dy, b, false, !tB), a),
    b: () => unbroadcast(tB ? tf.matMul(dy, a, true, tA) : tf.matMul(a, dy, !tA, false), b),
  };
});

// Images.
const run = (kernel: string, inputs: Record<string, Tensor>, attributes: Attributes): Tensor =>
  tf.engine().runKernel(kernel, inputs, attributes as tf.NamedAttrMap);
define('Conv2D', { inputs: ['x', 'filter'] }, (dy, [x, filter], attributes) => ({
  x: () => run('Conv2DBackpropInput', { dy, filter: filter! }, { ...attributes, inputShape: x!.shape }),
  filter: () => run('Conv2DBackpropFilter', { x: x!, dy }, { ...attributes, filterShape: filter!.shape }),
}));
define('MaxPool', { inputs: ['x'], output: true }, (dy, [input, output], attributes) => ({
  x: () => run('MaxPoolGrad', { dy, input: input!, output: output! }, attributes),
}));
define('AvgPool', { inputs: ['x'] }, (dy, [input], attributes) => ({
  // The kernel shares a window's gradient out among all its pixels; those outside the image were not counted.
  x: () => run('AvgPoolGrad', { dy: tf.mul(dy, wholeOverCounted(input!, attributes)), input: input! }, attributes),
}));

/** For each window of a pool, its pixels over those of them that are in the image: [1, outH, outW, 1], or 1. */
export function wholeOverCounted({ shape }: tf.TensorInfo, attributes: Attributes): Tensor {
  const { filterSize, strides, pad, dimRoundingMode } = attributes as {
    [i in 'filterSize' | 'strides']: [number, number];
  } & { pad: 'same' | 'valid'; dimRoundingMode?: 'floor' };
  const windows = tf.backend_util.computePool2DInfo(shape as [number, number, number, number], filterSize, strides, 1, pad, dimRoundingMode); // prettier-ignore
  const { outHeight, outWidth, padInfo, filterHeight, filterWidth } = windows;
  const counted = (count: number, stride: number, side: number, before: number, size: number) =>
    Array.from({ length: count }, (_, i) => {
      const start = i * stride - before;
      return Math.min(start + side, size) - Math.max(start, 0);
    });
  const rows = counted(outHeight, windows.strideHeight, filterHeight, padInfo.top, windows.inHeight);
  const columns = counted(outWidth, windows.strideWidth, filterWidth, padInfo.left, windows.inWidth);
  const ratios = rows.flatMap((row) => columns.map((column) => (filterHeight * filterWidth) / (row * column)));
  return ratios.every((ratio) => ratio === 1) ? tf.scalar(1) : tf.tensor4d(ratios, [1, outHeight, outWidth, 1]);
}

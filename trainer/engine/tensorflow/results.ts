/**
 * What TensorFlow's ops return, by shape and type, so that a step can be taken down without running it: that would take the
 * memory of all that it computes at once. When the library loads the graph it works them out again, and compares.
 */
import { backend_util, slice_util, util } from '@tensorflow/tfjs-core';
import type { OpAttribute } from './binding';

export interface Spec {
  readonly shape: readonly number[];
  /** TensorFlow's number of a type. */
  readonly dtype: number;
}

export interface Operand extends Spec {
  /** Of a constant. */
  readonly values?: ArrayLike<number>;
}

/** An op as it is asked for. */
interface Call {
  readonly inputs: readonly Operand[];
  readonly attribute: <T extends OpAttribute['value']>(name: string) => T;
  /** The values of an input that a shape depends on: it has to be a constant. */
  readonly constant: (input: number) => number[];
}

type Rule = (call: Call) => Spec | Spec[];

/** Throws an Error for an op that has no rule. */
export function resultsOf(op: string, inputs: readonly Operand[], attributes: readonly OpAttribute[]): Spec[] {
  const rule = rules[op];
  if (!rule) throw new Error(`the tensorflow engine does not know what ${op} of TensorFlow returns`);
  const given = new Map(attributes.map(({ name, value }) => [name, value]));
  const call: Call = {
    inputs,
    attribute: (name) => given.get(name) as never,
    constant(input) {
      const { values } = inputs[input]!;
      if (!values) throw new Error(`${op} is given a shape or an axis that depends on values`);
      return Array.from(values);
    },
  };
  return [rule(call)].flat();
}

const [INT32, BOOL] = [3, 10];

const same: Rule = ({ inputs: [x] }) => x!;
const second: Rule = ({ inputs }) => inputs[1]!;
const test: Rule = ({ inputs: [x] }) => ({ ...x!, dtype: BOOL });
const cast: Rule = ({ inputs: [x], attribute }) => ({ ...x!, dtype: attribute('DstT') });

const binary = ({ inputs }: Call): Spec => {
  const [a, b] = inputs as [Operand, Operand];
  return { shape: backend_util.assertAndGetBroadcastShape([...a.shape], [...b.shape]), dtype: a.dtype };
};
const comparison: Rule = (call) => ({ ...binary(call), dtype: BOOL });

/** Of the shape that is an input, and of the type of the last one. */
const shaped =
  (input: number): Rule =>
  ({ inputs, constant }) => ({ shape: constant(input), dtype: inputs.at(-1)!.dtype });

const reduction: Rule = ({ inputs: [x], attribute, constant }) => {
  const axes = util.parseAxisParam(constant(1), [...x!.shape]);
  const kept = x!.shape.map((n, i) => (axes.includes(i) ? 1 : n));
  return { shape: attribute('keep_dims') ? kept : kept.filter((_, i) => !axes.includes(i)), dtype: x!.dtype };
};
const extreme: Rule = ({ inputs: [x], attribute, constant }) => {
  const [axis] = util.parseAxisParam(constant(1), [...x!.shape]) as [number];
  return { shape: x!.shape.toSpliced(axis, 1), dtype: attribute('output_type') };
};
const largest: Rule = ({ inputs: [x], constant }) => {
  const shape = [...x!.shape.slice(0, -1), constant(1)[0]!];
  return [{ shape, dtype: x!.dtype }, { shape, dtype: INT32 }]; // prettier-ignore
};
const segments: Rule = ({ inputs: [x, ids], constant }) => ({
  shape: [constant(2)[0]!, ...x!.shape.slice(ids!.shape.length)],
  dtype: x!.dtype,
});

const reshape: Rule = ({ inputs: [x], constant }) => ({
  shape: util.inferFromImplicitShape(constant(1), util.sizeFromShape([...x!.shape])),
  dtype: x!.dtype,
});
const transpose: Rule = ({ inputs: [x], constant }) => ({
  shape: constant(1).map((axis) => x!.shape[axis]!),
  dtype: x!.dtype,
});
const slice: Rule = ({ inputs: [x], constant }) => {
  const begin = constant(1);
  return { shape: constant(2).map((n, i) => (n < 0 ? x!.shape[i]! - begin[i]! : n)), dtype: x!.dtype };
};
const stridedSlice: Rule = ({ inputs: [x], attribute, constant }) => {
  const [begin, end, strides] = [constant(1), constant(2), constant(3)];
  const masks = ['begin', 'end', 'ellipsis', 'new_axis', 'shrink_axis'].map((name) =>
    attribute<number>(`${name}_mask`),
  );
  const [beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask] = masks as [number, number, number, number, number]; // prettier-ignore
  const { finalShape } = slice_util.sliceInfo([...x!.shape], begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask); // prettier-ignore
  return { shape: finalShape, dtype: x!.dtype };
};
const concat: Rule = ({ inputs, constant }) => {
  const parts = inputs.slice(0, -1);
  const { shape, dtype } = parts[0]!;
  const [axis] = util.parseAxisParam(constant(parts.length), [...shape]) as [number];
  const total = parts.reduce((sum, part) => sum + part.shape[axis]!, 0);
  return { shape: shape.with(axis, total), dtype };
};
const split: Rule = ({ inputs: [x], constant }) => {
  const [axis] = util.parseAxisParam(constant(2), [...x!.shape]) as [number];
  return constant(1).map((n) => ({ shape: x!.shape.with(axis, n), dtype: x!.dtype }));
};
const pack: Rule = ({ inputs, attribute }) => {
  const { shape, dtype } = inputs[0]!;
  const axis = attribute<number>('axis');
  return { shape: shape.toSpliced(axis < 0 ? axis + shape.length + 1 : axis, 0, inputs.length), dtype };
};
const unpack: Rule = ({ inputs: [x], attribute }) => {
  const shape = x!.shape.toSpliced(attribute('axis'), 1);
  return Array.from({ length: attribute('num') }, () => ({ shape, dtype: x!.dtype }));
};
const tile: Rule = ({ inputs: [x], constant }) => {
  const times = constant(1);
  return { shape: x!.shape.map((n, i) => n * times[i]!), dtype: x!.dtype };
};
const pad: Rule = ({ inputs: [x], constant }) => {
  const around = constant(1);
  return { shape: x!.shape.map((n, i) => n + around[2 * i]! + around[2 * i + 1]!), dtype: x!.dtype };
};
const gather: Rule = ({ inputs: [x, indices], attribute, constant }) => {
  const kept = indices!.shape.slice(attribute('batch_dims'));
  return { shape: x!.shape.toSpliced(constant(2)[0]!, 1, ...kept), dtype: x!.dtype };
};
const oneHot: Rule = ({ inputs: [indices], attribute, constant }) => ({
  shape: [...indices!.shape, constant(1)[0]!],
  dtype: attribute('T'),
});
const range: Rule = ({ inputs: [start], constant }) => {
  const [from, to, step] = [constant(0)[0]!, constant(1)[0]!, constant(2)[0]!];
  return { shape: [Math.max(0, Math.ceil((to - from) / step))], dtype: start!.dtype };
};
const linSpace: Rule = ({ inputs: [start], constant }) => ({ shape: constant(2), dtype: start!.dtype });

const product: Rule = ({ inputs: [a, b], attribute }) => {
  const batch = backend_util.assertAndGetBroadcastShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
  const [rows, columns] = [a!.shape.at(attribute('adj_x') ? -1 : -2)!, b!.shape.at(attribute('adj_y') ? -2 : -1)!];
  return { shape: [...batch, rows, columns], dtype: a!.dtype };
};

/** Images [B, H, W, C] seen through windows of these sides. */
function seen({ inputs: [x], attribute }: Call, sides: readonly number[], channels: number): Spec {
  const [batch, ...size] = x!.shape as [number, number, number, number];
  const strides = attribute<number[]>('strides').slice(1);
  const isSame = attribute('padding') === 'SAME';
  const counts = sides.map((side, i) => Math.ceil((isSame ? size[i]! : size[i]! - side + 1) / strides[i]!));
  return { shape: [batch, ...counts, channels], dtype: x!.dtype };
}
const convolution: Rule = (call) => {
  const [height, width, , channels] = call.inputs[1]!.shape as [number, number, number, number];
  const dilations = call.attribute<number[]>('dilations').slice(1);
  return seen(call, [height, width].map((side, i) => (side - 1) * dilations[i]! + 1), channels); // prettier-ignore
};
const pool: Rule = (call) => seen(call, call.attribute<number[]>('ksize').slice(1, 3), call.inputs[0]!.shape[3]!);

const all = (rule: Rule, ops: string) => Object.fromEntries(ops.split(' ').map((op) => [op, rule]));

const rules: Readonly<Record<string, Rule>> = {
  ...all(
    same,
    'Abs Acos Acosh AddN Asin Asinh Atan Atanh Ceil Cos Cosh Cumprod Cumsum Elu Erf Exp Expm1 Floor LeakyRelu',
  ),
  ...all(
    same,
    'Log Log1p LogicalNot MaxPoolGrad Neg OnesLike Reciprocal Relu Relu6 ReverseV2 Round Rsqrt Selu Sigmoid',
  ),
  ...all(same, 'Sign Sin Sinh Softmax Softplus Sqrt Square Tan Tanh ZerosLike'),
  ...all(test, 'IsFinite IsInf IsNan'),
  ...all(binary, 'Add FloorDiv FloorMod Maximum Minimum Mul Pow RealDiv SquaredDifference Sub'),
  ...all(comparison, 'Equal Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr NotEqual'),
  ...all(reduction, 'All Any Max Mean Min Prod Sum'),
  ...all(extreme, 'ArgMax ArgMin'),
  ...all(pool, 'AvgPool MaxPool'),
  ...all(shaped(0), 'AvgPoolGrad Conv2DBackpropInput Fill'),
  BatchMatMulV2: product,
  Cast: cast,
  ConcatV2: concat,
  Conv2D: convolution,
  Conv2DBackpropFilter: shaped(1),
  GatherV2: gather,
  LinSpace: linSpace,
  OneHot: oneHot,
  Pack: pack,
  PadV2: pad,
  Range: range,
  Reshape: reshape,
  Select: second,
  Slice: slice,
  SplitV: split,
  StridedSlice: stridedSlice,
  Tile: tile,
  TopKV2: largest,
  Transpose: transpose,
  Unpack: unpack,
  UnsortedSegmentSum: segments,
};

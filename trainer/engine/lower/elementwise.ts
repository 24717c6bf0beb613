import { backend_util } from '@tensorflow/tfjs-core';
import type { ElementType, Graph, Value } from '../graph';
import { cast, lower, shaped } from './kernel';

type X = { x: Value };
type AB = { a: Value; b: Value };

const unary = (kernel: string, type: string) => lower<unknown, X>(kernel, ({ x }, graph) => graph.node(type, [x], x));

// prettier-ignore
for (const same of [
  'Abs', 'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Ceil', 'Cos', 'Cosh', 'Erf', 'Exp', 'Floor', 'Log', 'Neg',
  'Reciprocal', 'Relu', 'Round', 'Sigmoid', 'Sign', 'Sin', 'Sinh', 'Softplus', 'Sqrt', 'Tan', 'Tanh',
]) unary(same, same);

const composite = (kernel: string, write: (x: Value, ops: Ops) => Value) =>
  lower<unknown, X>(kernel, ({ x }, graph) => write(x, opsOf(graph)));

composite('Square', (x, { mul }) => mul(x, x));
composite('Rsqrt', (x, { unary: f }) => f('Reciprocal', f('Sqrt', x)));
composite('Relu6', (x, { clip }) => clip(x, 0, 6));
composite('LogicalNot', (x, { unary: f }) => f('Not', x));
composite('IsNan', (x, { test }) => test('IsNaN', x));
composite('IsInf', (x, { test }) => test('IsInf', x));
composite('IsFinite', (x, { test, binary, unary: f }) => f('Not', binary('Or', test('IsNaN', x), test('IsInf', x))));
// Kahan: exact where log(1 + x) and exp(x) - 1 lose every digit of a small x.
composite('Log1p', (x, { unary: f, binary, where, mul, scalar }) => {
  const u = binary('Add', x, scalar(1));
  const scaled = mul(f('Log', u), binary('Div', x, binary('Sub', u, scalar(1))));
  return where(binary('Equal', u, scalar(1)), x, scaled);
});
composite('Expm1', (x, { unary: f, binary, where, mul, scalar }) => {
  const u = f('Exp', x);
  const less = binary('Sub', u, scalar(1));
  const scaled = mul(less, binary('Div', x, f('Log', u)));
  const small = binary('Less', f('Abs', x), scalar(0.5));
  return where(binary('Equal', u, scalar(1)), x, where(small, scaled, less));
});
composite('Elu', (x, { graph }) => graph.node('Elu', [x], x));
composite('Selu', (x, { graph }) => graph.node('Selu', [x], x));
lower<{ alpha: number }, X>('LeakyRelu', ({ x }, graph, { alpha }) =>
  graph.node('LeakyRelu', [x], x, { alpha: { float: alpha } }),
);
lower<{ alpha: number }, X>('Step', ({ x }, graph, { alpha }) => {
  const { where, binary, scalar } = opsOf(graph);
  return where(binary('Greater', x, scalar(0)), scalar(1), where(binary('Equal', x, x), scalar(alpha), x), x.shape);
});
lower<unknown, { dy: Value; y: Value }>('EluGrad', ({ dy, y }, graph) => {
  const { where, binary, mul, scalar } = opsOf(graph);
  return where(binary('GreaterOrEqual', y, scalar(0)), dy, mul(dy, binary('Add', y, scalar(1))));
});
lower<unknown, { x: Value; alpha: Value }>('Prelu', ({ x, alpha }, graph) => {
  const { where, binary, mul, scalar } = opsOf(graph);
  return where(binary('Less', x, scalar(0)), mul(x, alpha), x);
});
lower<{ clipValueMin: number; clipValueMax: number }, X>('ClipByValue', ({ x }, graph, attributes) =>
  opsOf(graph).clip(x, attributes.clipValueMin, attributes.clipValueMax),
);
lower<unknown, X>('Identity', ({ x }) => x);
lower<{ dtype: ElementType }, X>('Cast', ({ x }, graph, { dtype }) => cast(graph, x, dtype));

for (const [kernel, type] of [
  ['Add', 'Add'],
  ['Sub', 'Sub'],
  ['Multiply', 'Mul'],
  ['RealDiv', 'Div'],
  ['Pow', 'Pow'],
  ['Maximum', 'Max'],
  ['Minimum', 'Min'],
  ['Equal', 'Equal'],
  ['Greater', 'Greater'],
  ['GreaterEqual', 'GreaterOrEqual'],
  ['Less', 'Less'],
  ['LessEqual', 'LessOrEqual'],
  ['LogicalAnd', 'And'],
  ['LogicalOr', 'Or'],
] as const)
  lower<unknown, AB>(kernel, ({ a, b }, graph) => opsOf(graph).binary(type, a, b));

lower<unknown, AB>('NotEqual', ({ a, b }, graph) => {
  const { binary, unary: f } = opsOf(graph);
  return f('Not', binary('Equal', a, b));
});
lower<unknown, AB>('SquaredDifference', ({ a, b }, graph) => {
  const { binary, mul } = opsOf(graph);
  const difference = binary('Sub', a, b);
  return mul(difference, difference);
});
lower<unknown, AB>('FloorDiv', ({ a, b }, graph) => {
  const { binary, unary: f, mul, where, scalar } = opsOf(graph);
  if (a.dtype === 'float32') return f('Floor', binary('Div', a, b));
  // ONNX truncates integers towards zero; one less where a remainder has the other sign.
  const quotient = binary('Div', a, b);
  const rest = binary('Sub', a, mul(quotient, b));
  const off = binary('And', f('Not', binary('Equal', rest, scalar(0, 'int32'))), signsDiffer(opsOf(graph), rest, b));
  return where(off, binary('Sub', quotient, scalar(1, 'int32')), quotient);
});
lower<unknown, AB>('Mod', ({ a, b }, graph) => {
  const { binary, where, unary: f, scalar, graph: g } = opsOf(graph);
  const shape = backend_util.assertAndGetBroadcastShape([...a.shape], [...b.shape]);
  const rest = g.node('Mod', [a, b], shaped(shape, a.dtype), { fmod: a.dtype === 'float32' ? 1 : 0 });
  if (a.dtype !== 'float32') return rest;
  // The result takes the sign of the divisor; C's fmod takes that of the dividend.
  const off = binary('And', f('Not', binary('Equal', rest, scalar(0))), signsDiffer(opsOf(graph), rest, b));
  return where(off, binary('Add', rest, b), rest);
});
lower<unknown, Record<string, Value>>('AddN', (inputs, graph) => {
  const { binary } = opsOf(graph);
  return Object.values(inputs).reduce((sum, x) => binary('Add', sum, x));
});
lower<unknown, { condition: Value; t: Value; e: Value }>('Select', ({ condition, t, e }, graph) => {
  // tfjs lets a vector choose whole rows.
  const rows = condition.shape.length === 1 && t.shape.length > 1;
  const shape = rows ? [condition.shape[0]!, ...t.shape.slice(1).map(() => 1)] : condition.shape;
  const chosen = rows ? graph.node('Reshape', [condition, graph.ints(shape)], shaped(shape, 'bool')) : condition;
  return opsOf(graph).where(chosen, t, e, t.shape);
});

function signsDiffer({ binary, scalar }: Ops, a: Value, b: Value): Value {
  const zero = (x: Value) => scalar(0, x.dtype);
  return binary('Xor', binary('Less', a, zero(a)), binary('Less', b, zero(b)));
}

type Ops = ReturnType<typeof opsOf>;

/** The few ONNX ops that compositions are written in. */
function opsOf(graph: Graph) {
  const comparison = /^(Equal|Greater|Less|And|Or|Xor)/;
  const scalar = (value: number, dtype?: ElementType) => graph.scalar(value, dtype);
  const binary = (type: string, a: Value, b: Value): Value => {
    const shape = backend_util.assertAndGetBroadcastShape([...a.shape], [...b.shape]);
    return graph.node(type, [a, b], shaped(shape, comparison.test(type) ? 'bool' : a.dtype));
  };
  return {
    graph,
    scalar,
    binary,
    unary: (type: string, x: Value) => graph.node(type, [x], x),
    test: (type: string, x: Value) => graph.node(type, [x], shaped(x.shape, 'bool')),
    mul: (a: Value, b: Value) => binary('Mul', a, b),
    clip: (x: Value, min: number, max: number) =>
      graph.node('Clip', [x, scalar(min, x.dtype), scalar(max, x.dtype)], x),
    where: (condition: Value, t: Value, e: Value, shape = t.shape.length >= e.shape.length ? t.shape : e.shape) =>
      graph.node('Where', [condition, t, e], shaped(shape, t.dtype)),
  };
}

/**
 * Kernels of this engine's own (ops.ts): what tfjs would spell as a dozen passes over memory, in
 * as few as ONNX Runtime's operators allow.
 */
import type { Graph, Value } from '../graph';
import { lower, reshape, shaped } from './kernel';
import { matMul } from './matmul';
import { columnSums } from './reduce';

const add = (graph: Graph, a: Value, b: Value) => graph.node('Add', [a, b], a);
const sub = (graph: Graph, a: Value, b: Value) => graph.node('Sub', [a, b], a);
const mul = (graph: Graph, a: Value, b: Value) => graph.node('Mul', [a, b], a);

/** s -> s Phi, where Phi = (1 + erf(s)) / 2; and Phi for the gradient. */
lower<unknown, { s: Value }>('TesseraErfGate', ({ s }, graph) => {
  // (1 + erf) / 2 in one pass: a hard sigmoid does not clip what lies between -1 and 1.
  const attributes = { alpha: { float: 0.5 }, beta: { float: 0.5 } };
  const phi = graph.node('HardSigmoid', [graph.node('Erf', [s], s)], s, attributes);
  return [mul(graph, s, phi), phi];
});

/** dy (Phi + s exp(-s²) / sqrt(pi)), the factor put into the exponent. */
lower<unknown, { dy: Value; s: Value; phi: Value }>('TesseraErfGateGrad', ({ dy, s, phi }, graph) => {
  const exponent = graph.node('Sub', [graph.scalar(-Math.log(Math.PI) / 2), mul(graph, s, s)], s);
  const density = mul(graph, s, graph.node('Exp', [exponent], s));
  return mul(graph, dy, add(graph, phi, density));
});

interface Mean {
  /** Of each row of y. */
  mean: number;
}
/** y, and each row's 1 / deviation [..., 1] for the gradient. */
lower<{ eps: number } & Mean, { x: Value }>('TesseraStandardize', ({ x }, graph, { eps, mean }) => {
  const width = x.shape.at(-1)!;
  const row = shaped([...x.shape.slice(0, -1), 1]);
  const attributes = { axis: -1, epsilon: { float: eps } };
  const inputs = [x, graph.full(1, [width]), graph.full(mean, [width])];
  const [y, , rate] = graph.multi('LayerNormalization', inputs, [x, row, row], attributes);
  return [y!, rate!];
});

/** With n = y - mean: (dy - <dy> - n <dy n>) rate, where <.> is the mean over a row and <dy n> = <dy y> - mean <dy>. */
lower<Mean, { dy: Value; y: Value; rate: Value }>('TesseraStandardizeGrad', ({ dy, y, rate }, graph, { mean }) => {
  const average = (value: Value) =>
    graph.node('ReduceMean', [value, graph.ints([-1])], shaped(rate.shape), { keepdims: 1 });
  const times = (value: Value) => mul(graph, value, graph.scalar(mean));
  const [first, second] = [average(dy), average(mul(graph, dy, y))]; // [..., 1]
  const along = mean === 0 ? second : sub(graph, second, times(first));
  const constant = mean === 0 ? first : sub(graph, first, times(along));
  const rest = sub(graph, dy, mul(graph, y, along)); // [..., D]
  return mul(graph, sub(graph, rest, constant), rate);
});

const columnMeans = (graph: Graph, x: Value) => {
  const sums = columnSums(graph, x); // [1, C]
  return graph.node('Mul', [sums, graph.scalar(1 / x.shape[0]!)], sums);
};
/** One over the deviation of columns of a variance [C]: [C]. */
function rateOf(graph: Graph, variance: Value, eps: number): Value {
  const deviation = graph.node('Sqrt', [add(graph, variance, graph.scalar(eps))], variance);
  return graph.node('Reciprocal', [deviation], variance);
}

/** y, and the columns' means and variances [C]. */
lower<{ eps: number }, { x: Value; scale: Value; shift: Value }>(
  'TesseraStandardizeColumns',
  ({ x, scale, shift }, graph, { eps }) => {
    const mean = columnMeans(graph, x); // [1, C]
    const centred = sub(graph, x, mean);
    const variance = reshape(graph, columnMeans(graph, mul(graph, centred, centred)), scale.shape); // [C]
    const y = add(graph, mul(graph, centred, mul(graph, rateOf(graph, variance, eps), scale)), shift);
    return [y, reshape(graph, mean, scale.shape), variance];
  },
);

interface Columns {
  x: Value;
  scale: Value;
  mean: Value;
  variance: Value;
}
/** With n = (x - mean) rate: (dy - <dy> - n <dy n>) rate scale, where <.> is the mean over a column; and <dy n> R, <dy> R. */
lower<{ eps: number }, Columns & { dy: Value }>('TesseraStandardizeColumnsGrad', (given, graph, { eps }) => {
  const { dy, x, scale, mean, variance } = given;
  const rate = rateOf(graph, variance, eps); // [C]
  const centred = sub(graph, x, mean);
  const first = columnMeans(graph, dy); // [1, C]
  const second = mul(graph, columnMeans(graph, mul(graph, dy, centred)), rate); // [1, C]
  const along = mul(graph, centred, mul(graph, second, rate)); // [R, C]
  const dx = mul(graph, sub(graph, sub(graph, dy, along), first), mul(graph, rate, scale));
  const summed = (value: Value) => reshape(graph, mul(graph, value, graph.scalar(dy.shape[0]!)), scale.shape);
  return [dx, summed(second), summed(first)];
});

interface Heads {
  batch: number;
  heads: number;
  from: number;
}
interface Attributes extends Heads {
  scale: number;
}

/** qkv [B*N, 3D] -> of each head q [B*H, M, d], k and v [B*H, N, d], where M leaves the first `from` of N tokens out. */
function apart(graph: Graph, qkv: Value, { batch, heads, from }: Heads): [Value, Value, Value] {
  const [tokens, width] = [qkv.shape[0]! / batch, qkv.shape[1]! / 3 / heads];
  const whole = reshape(graph, qkv, [batch, tokens, 3, heads, width]);
  const perHead = shaped([3, batch, heads, tokens, width]);
  const turned = graph.node('Transpose', [whole], perHead, { perm: [2, 0, 3, 1, 4] });
  const part = (i: number, first: number) => {
    const bounds = [[i, first], [i + 1, tokens], [0, 3]].map((values) => graph.ints(values)); // prettier-ignore
    const own = graph.node('Slice', [turned, ...bounds], shaped([1, batch, heads, tokens - first, width]));
    return reshape(graph, own, [batch * heads, tokens - first, width]);
  };
  return [part(0, from), part(1, 0), part(2, 0)];
}

/** Of each head [B*H, M, d] -> [B*M, H*d], and back. */
function joined(graph: Graph, x: Value, { batch, heads }: Heads): Value {
  const [, tokens, width] = x.shape as [number, number, number];
  const shape = [batch, tokens, heads, width];
  const turned = graph.node('Transpose', [reshape(graph, x, [batch, heads, tokens, width])], shaped(shape), { perm: [0, 2, 1, 3] }); // prettier-ignore
  return reshape(graph, turned, [batch * tokens, heads * width]);
}
function parted(graph: Graph, x: Value, { batch, heads }: Heads): Value {
  const [tokens, width] = [x.shape[0]! / batch, x.shape[1]! / heads];
  const split = reshape(graph, x, [batch, tokens, heads, width]);
  const turned = graph.node('Transpose', [split], shaped([batch, heads, tokens, width]), { perm: [0, 2, 1, 3] });
  return reshape(graph, turned, [batch * heads, tokens, width]);
}

/** y [B*M, D], and the weights for the gradient. */
lower<Attributes, { qkv: Value }>('TesseraAttention', ({ qkv }, graph, attributes) => {
  const { scale } = attributes;
  const [q, k, v] = apart(graph, qkv, attributes);
  const logits = matMul(graph, q, k, { transposeB: true, alpha: scale }); // [B*H, M, N]
  const weights = graph.node('Softmax', [logits], logits, { axis: -1 });
  return [joined(graph, matMul(graph, weights, v), attributes), weights];
});

interface AttentionGrad {
  dy: Value;
  qkv: Value;
  y: Value;
  /** The weights. */
  kept: Value;
}
lower<Attributes, AttentionGrad>('TesseraAttentionGrad', ({ dy, qkv, y, kept }, graph, attributes) => {
  const { batch, heads, from, scale } = attributes;
  const [q, k, v] = apart(graph, qkv, attributes);
  const [dHeads, own] = [parted(graph, dy, attributes), parted(graph, y, attributes)]; // [B*H, M, d]
  // The softmax's row sums of dweights * weights are those of dy * y, which are shorter (Dao et al. 2022).
  const row = shaped([...q.shape.slice(0, -1), 1]);
  const sums = graph.node('ReduceSum', [mul(graph, dHeads, own), graph.ints([-1])], row, { keepdims: 1 });
  const dWeights = matMul(graph, dHeads, v, { transposeB: true }); // [B*H, M, N]
  const dLogits = mul(graph, kept, sub(graph, dWeights, sums));
  const dq = matMul(graph, dLogits, k, { alpha: scale }); // [B*H, M, d]
  const gradients = [
    from === 0 ? dq : graph.node('Pad', [dq, graph.ints([0, from, 0, 0, 0, 0])], k),
    matMul(graph, dLogits, q, { transposeA: true, alpha: scale }),
    matMul(graph, kept, dHeads, { transposeA: true }),
  ];
  const [, tokens, width] = k.shape as [number, number, number];
  const parts = gradients.map((gradient) => reshape(graph, gradient, [1, batch, heads, tokens, width]));
  const whole = graph.node('Concat', parts, shaped([3, batch, heads, tokens, width]), { axis: 0 });
  const turned = shaped([batch, tokens, 3, heads, width]);
  return reshape(graph, graph.node('Transpose', [whole], turned, { perm: [1, 3, 0, 2, 4] }), qkv.shape);
});

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

/** s -> s Phi, where Phi = (1 + erf(s)) / 2, and Phi for the gradient. */
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

interface Columns {
  scale: Value;
  /** x less the mean of its column, [R, C]. */
  centred: Value;
  /** One over each column's deviation, [1, C]. */
  rate: Value;
}
const columnMeans = (graph: Graph, x: Value) => {
  const sums = columnSums(graph, x); // [1, C]
  return graph.node('Mul', [sums, graph.scalar(1 / x.shape[0]!)], sums);
};

/** y, the columns' means and variances [C], and `centred` and `rate` for the gradient. */
lower<{ eps: number }, { x: Value; scale: Value; shift: Value }>(
  'TesseraStandardizeColumns',
  ({ x, scale, shift }, graph, { eps }) => {
    const mean = columnMeans(graph, x); // [1, C]
    const centred = sub(graph, x, mean);
    const variance = columnMeans(graph, mul(graph, centred, centred)); // [1, C]
    const deviation = graph.node('Sqrt', [add(graph, variance, graph.scalar(eps))], variance);
    const rate = graph.node('Reciprocal', [deviation], variance);
    const y = add(graph, mul(graph, centred, mul(graph, rate, scale)), shift);
    return [y, reshape(graph, mean, scale.shape), reshape(graph, variance, scale.shape), centred, rate];
  },
);

/** With n = centred rate: (dy - <dy> - n <dy n>) rate scale, where <.> is the mean over a column; and <dy n> R, <dy> R. */
lower<unknown, Columns & { dy: Value }>('TesseraStandardizeColumnsGrad', (given, graph) => {
  const { dy, scale, centred, rate } = given;
  const first = columnMeans(graph, dy); // [1, C]
  const second = mul(graph, columnMeans(graph, mul(graph, dy, centred)), rate); // [1, C]
  const along = mul(graph, centred, mul(graph, second, rate)); // [R, C]
  const dx = mul(graph, sub(graph, sub(graph, dy, along), first), mul(graph, rate, scale));
  const summed = (mean: Value) => reshape(graph, mul(graph, mean, graph.scalar(dy.shape[0]!)), scale.shape);
  return [dx, summed(second), summed(first)];
});

interface Attention {
  q: Value;
  k: Value;
  v: Value;
}
/** softmax(q kᵀ scale) v, and the weights for the gradient. q [B, M, d], k, v [B, N, d]. */
lower<{ scale: number }, Attention>('TesseraAttention', ({ q, k, v }, graph, { scale }) => {
  const logits = matMul(graph, q, k, { transposeB: true, alpha: scale }); // [B, M, N]
  const weights = graph.node('Softmax', [logits], logits, { axis: -1 });
  return [matMul(graph, weights, v), weights];
});
interface AttentionGrad extends Attention {
  dy: Value;
  y: Value;
  weights: Value;
}
lower<{ scale: number }, AttentionGrad>('TesseraAttentionGrad', ({ dy, q, k, v, y, weights }, graph, { scale }) => {
  const batch = q.shape.slice(0, -1);
  // The softmax's row sums of dweights * weights are those of dy * y, which are shorter (Dao et al. 2022).
  const sums = graph.node('ReduceSum', [mul(graph, dy, y), graph.ints([-1])], shaped([...batch, 1]), { keepdims: 1 });
  const dWeights = matMul(graph, dy, v, { transposeB: true }); // [B, M, N]
  const dLogits = mul(graph, weights, sub(graph, dWeights, sums));
  return [
    matMul(graph, dLogits, k, { alpha: scale }),
    matMul(graph, dLogits, q, { transposeA: true, alpha: scale }),
    matMul(graph, weights, dy, { transposeA: true }),
  ];
});

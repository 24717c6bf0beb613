/**
 * Kernels of this engine's own (ops.ts): what tfjs would spell as a dozen passes over memory, in
 * as few as ONNX Runtime's operators allow.
 */
import type { Graph, Value } from '../graph';
import { lower, shaped } from './kernel';
import { matMul } from './matmul';

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

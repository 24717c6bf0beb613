/**
 * Kernels of this engine's own (ops.ts): what tfjs would spell as a dozen passes over memory, in
 * as few as ONNX Runtime's operators allow.
 */
import type { Graph, Value } from '../graph';
import { size } from '../shapes';
import { lower, reshape, shaped } from './kernel';
import { matMul } from './matmul';

const add = (graph: Graph, a: Value, b: Value) => graph.node('Add', [a, b], a);
const sub = (graph: Graph, a: Value, b: Value) => graph.node('Sub', [a, b], a);
const mul = (graph: Graph, a: Value, b: Value) => graph.node('Mul', [a, b], a);

/** x -> x Phi(x), and Phi(x) for the gradient. */
lower<unknown, { x: Value }>('TesseraGelu', ({ x }, graph) => {
  const erf = graph.node('Erf', [mul(graph, x, graph.scalar(Math.SQRT1_2))], x);
  // (1 + erf) / 2 in one pass: a hard sigmoid does not clip what lies between -1 and 1.
  const phi = graph.node('HardSigmoid', [erf], x, { alpha: { float: 0.5 }, beta: { float: 0.5 } });
  return [mul(graph, x, phi), phi];
});

/** dy (Phi(x) + x phi(x)); with s = x / sqrt(2), x phi(x) = s exp(ln(1 / sqrt(pi)) - s²). */
lower<unknown, { dy: Value; x: Value; phi: Value }>('TesseraGeluGrad', ({ dy, x, phi }, graph) => {
  const s = mul(graph, x, graph.scalar(Math.SQRT1_2));
  const exponent = graph.node('Sub', [graph.scalar(-Math.log(Math.PI) / 2), mul(graph, s, s)], x);
  const density = mul(graph, s, graph.node('Exp', [exponent], x));
  return mul(graph, dy, add(graph, phi, density));
});

/** y, and each row's mean and 1 / deviation [..., 1] for the gradient. */
lower<{ eps: number }, { x: Value; scale: Value; shift: Value }>('TesseraLayerNorm', (inputs, graph, { eps }) => {
  const { x, scale, shift } = inputs;
  const row = shaped([...x.shape.slice(0, -1), 1]);
  const attributes = { axis: -1, epsilon: { float: eps } };
  return graph.multi('LayerNormalization', [x, scale, shift], [x, row, row], attributes);
});

interface NormGrad {
  dy: Value;
  x: Value;
  scale: Value;
  deviation: Value;
}
lower<{ eps: number }, NormGrad>('TesseraLayerNormGrad', ({ dy, x, scale, deviation }, graph, { eps }) => {
  const width = x.shape.at(-1)!;
  const rows = size(x.shape) / width;
  const flat = (value: Value, columns = width) => reshape(graph, value, [rows, columns]);
  const [dyRows, perRow] = [flat(dy), flat(deviation, 1)];
  // Computed anew: one fused pass is cheaper than two that broadcast over short rows.
  const plain = [
    graph.constant(new Float32Array(width).fill(1), [width], 'float32'),
    graph.constant(new Float32Array(width), [width], 'float32'),
  ];
  const normal = graph.node('LayerNormalization', [flat(x), ...plain], shaped([rows, width]), {
    axis: -1,
    epsilon: { float: eps },
  }); // [R, D]
  const product = mul(graph, dyRows, normal); // [R, D]
  const overRows = (value: Value) =>
    graph.node('ReduceSum', [value, graph.ints([0])], shaped([width]), { keepdims: 0 });
  // Means over a row of dy * scale and of dy * scale * normal, as products with the scale.
  const weights = reshape(graph, mul(graph, scale, graph.scalar(1 / width)), [width, 1]);
  const meanOf = (value: Value) => mul(graph, matMul(graph, value, weights), perRow); // [R, 1]
  const scaled = mul(graph, mul(graph, dyRows, scale), perRow);
  const dx = sub(graph, sub(graph, scaled, mul(graph, normal, meanOf(product))), meanOf(dyRows));
  return [reshape(graph, dx, x.shape), overRows(product), overRows(dyRows)];
});

interface Attention {
  q: Value;
  k: Value;
  v: Value;
}
/** softmax(q kᵀ scale) v, and the weights for the gradient. q, k, v [B, N, d]. */
lower<{ scale: number }, Attention>('TesseraAttention', ({ q, k, v }, graph, { scale }) => {
  const logits = matMul(graph, q, k, { transposeB: true, alpha: scale }); // [B, N, N]
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
  const dWeights = matMul(graph, dy, v, { transposeB: true }); // [B, N, N]
  const dLogits = mul(graph, weights, sub(graph, dWeights, sums));
  return [
    matMul(graph, dLogits, k, { alpha: scale }),
    matMul(graph, dLogits, q, { transposeA: true, alpha: scale }),
    matMul(graph, weights, dy, { transposeA: true }),
  ];
});

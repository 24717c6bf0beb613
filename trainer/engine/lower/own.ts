/**
 * This engine's ops (ops.ts) as its own kernels (kernels/ops.c), each one node, where the graph is for a runtime that has
 * them. Everything else in such a graph is lowered as in any other, products and windows excepted.
 */
import type { Value } from '../graph';
import { kernelNode, lowerOwn, shaped } from './kernel';

/** y, and for the gradient s itself. */
lowerOwn<unknown, { s: Value }>('TesseraErfGate', ({ s }, graph) => [...kernelNode(graph, 'ErfGate', [s], [s]), s]);
lowerOwn<unknown, { dy: Value; s: Value }>('TesseraErfGateGrad', ({ dy, s }, graph) =>
  kernelNode(graph, 'ErfGateGrad', [dy, s], [s]),
);

lowerOwn<unknown, { dy: Value; y: Value }>('TesseraReluGrad', ({ dy, y }, graph) =>
  kernelNode(graph, 'ReluGrad', [dy, y], [dy]),
);

lowerOwn<{ eps: number; mean: number }, { x: Value }>('TesseraStandardize', ({ x }, graph, { eps, mean }) => {
  const row = shaped(x.shape.with(-1, 1));
  return kernelNode(graph, 'Standardize', [x], [x, row], { eps: { float: eps }, mean: { float: mean } });
});
lowerOwn<{ mean: number }, { dy: Value; y: Value; rate: Value }>(
  'TesseraStandardizeGrad',
  ({ dy, y, rate }, graph, { mean }) =>
    kernelNode(graph, 'StandardizeGrad', [dy, y, rate], [dy], { mean: { float: mean } }),
);

interface Folded {
  kernel: Value;
  scale: Value;
  shift: Value;
}
lowerOwn<unknown, Folded & { bias: Value }>('TesseraFoldNorm', ({ kernel, scale, shift, bias }, graph) =>
  kernelNode(graph, 'FoldNorm', [kernel, scale, shift, bias], [kernel]),
);
/** The gradients of the kernel, the scale, the shift and the bias. */
lowerOwn<unknown, Folded & { dy: Value }>('TesseraFoldNormGrad', ({ dy, kernel, scale, shift }, graph) => {
  const outputs = [kernel, scale, shift, shaped([kernel.shape[1]!])];
  return kernelNode(graph, 'FoldNormGrad', [dy, kernel, scale, shift], outputs);
});

lowerOwn<{ eps: number }, { x: Value; scale: Value; shift: Value }>(
  'TesseraStandardizeColumns',
  ({ x, scale, shift }, graph, { eps }) =>
    kernelNode(graph, 'StandardizeColumns', [x, scale, shift], [x, scale, scale], { eps: { float: eps } }),
);
lowerOwn<{ eps: number }, { dy: Value; x: Value; scale: Value; mean: Value; variance: Value }>(
  'TesseraStandardizeColumnsGrad',
  ({ dy, x, scale, mean, variance }, graph, { eps }) => {
    const inputs = [dy, x, scale, mean, variance];
    return kernelNode(graph, 'StandardizeColumnsGrad', inputs, [dy, scale, scale], { eps: { float: eps } });
  },
);

interface Heads {
  batch: number;
  heads: number;
  from: number;
  scale: number;
}
const headsAttributes = ({ batch, heads, from, scale }: Heads) => ({ batch, heads, from, scale: { float: scale } });

/** y [B*M, D], and for the gradient the logs of the sums of the exponentials [B*H, M]. */
lowerOwn<Heads, { qkv: Value }>('TesseraAttention', ({ qkv }, graph, attributes) => {
  const queries = qkv.shape[0]! / attributes.batch - attributes.from;
  const y = shaped([attributes.batch * queries, qkv.shape[1]! / 3]);
  const logSums = shaped([attributes.batch * attributes.heads, queries]);
  return kernelNode(graph, 'Attention', [qkv], [y, logSums], headsAttributes(attributes));
});
lowerOwn<Heads, { dy: Value; qkv: Value; y: Value; kept: Value }>(
  'TesseraAttentionGrad',
  ({ dy, qkv, y, kept }, graph, attributes) =>
    kernelNode(graph, 'AttentionGrad', [qkv, dy, y, kept], [qkv], headsAttributes(attributes)),
);

interface Adamw extends Record<string, Value> {
  scalars: Value;
  m: Value;
  v: Value;
}
/** Besides the moments the members, each a parameter and its gradient. */
lowerOwn<{ beta1: number; beta2: number }, Adamw>(
  'TesseraAdamw',
  ({ scalars, m, v, ...members }, graph, attributes) => {
    const parameters = Object.entries(members).filter(([name]) => name.startsWith('parameter'));
    const outputs = [m, v, ...parameters.map(([, value]) => value)];
    const { beta1, beta2 } = attributes;
    const own = { beta1: { float: beta1 }, beta2: { float: beta2 } };
    return kernelNode(graph, 'Adamw', [scalars, m, v, ...Object.values(members)], outputs, own);
  },
);
lowerOwn<unknown, Record<string, Value>>('TesseraSquaredNorm', (tensors, graph) =>
  kernelNode(graph, 'SquaredNorm', Object.values(tensors), [shaped([])]),
);

lowerOwn<unknown, { x: Value; other: Value }>('TesseraAfter', ({ x, other }, graph) =>
  kernelNode(graph, 'After', [x, other], [x]),
);

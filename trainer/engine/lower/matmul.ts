import { backend_util } from '@tensorflow/tfjs-core';
import type { Graph, Value } from '../graph';
import { size } from '../shapes';
import { lower, reshape, shaped } from './kernel';

interface Transposes {
  transposeA: boolean;
  transposeB: boolean;
}

lower<Transposes, { a: Value; b: Value }>('BatchMatMul', ({ a, b }, graph, { transposeA, transposeB }) =>
  matMul(graph, a, b, transposeA, transposeB),
);

/** a [..., m, k] x b [..., k, n] -> [..., m, n], either one transposed, batch axes broadcast. */
export function matMul(graph: Graph, a: Value, b: Value, transposeA = false, transposeB = false): Value {
  const m = a.shape.at(transposeA ? -1 : -2)!;
  const n = b.shape.at(transposeB ? -2 : -1)!;
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const batch = backend_util.assertAndGetBroadcastShape(batchA, batchB);
  const output = [...batch, m, n];
  if (size(batchB) === 1 && (size(batchA) === 1 || !transposeA)) {
    // The rows of all matrices of `a` meet the same matrix: one large product.
    const rows = reshape(graph, a, size(batchA) === 1 ? a.shape.slice(-2) : [size(batchA) * m, a.shape.at(-1)!]);
    const flat = gemm(graph, rows, reshape(graph, b, b.shape.slice(-2)), transposeA, transposeB);
    return reshape(graph, flat, output);
  }
  return fusedMatMul(graph, a, b, output, transposeA, transposeB);
}

function gemm(graph: Graph, a: Value, b: Value, transA: boolean, transB: boolean): Value {
  const shape = [a.shape[transA ? 1 : 0]!, b.shape[transB ? 0 : 1]!];
  return graph.node('Gemm', [a, b], shaped(shape), { transA: transA ? 1 : 0, transB: transB ? 1 : 0 });
}

function fusedMatMul(graph: Graph, a: Value, b: Value, shape: number[], transA: boolean, transB: boolean): Value {
  if (!transA && !transB) return graph.node('MatMul', [a, b], shaped(shape));
  const attributes = { transA: transA ? 1 : 0, transB: transB ? 1 : 0 };
  return graph.node('FusedMatMul', [a, b], shaped(shape), attributes, 'com.microsoft');
}

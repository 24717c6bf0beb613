import { backend_util } from '@tensorflow/tfjs-core';
import { KERNELS, type Graph, type Value } from '../graph';
import { size } from '../shapes';
import { lower, reshape, shaped } from './kernel';

interface Options {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Multiplies the product. */
  readonly alpha?: number;
}

lower<Options, { a: Value; b: Value }>('BatchMatMul', ({ a, b }, graph, { transposeA, transposeB }) =>
  matMul(graph, a, b, { transposeA, transposeB }),
);

/** a [..., m, k] x b [..., k, n] -> [..., m, n], either one transposed, batch axes broadcast. */
export function matMul(graph: Graph, a: Value, b: Value, options: Options = {}): Value {
  const { transposeA = false, transposeB = false, alpha = 1 } = options;
  const m = a.shape.at(transposeA ? -1 : -2)!;
  const n = b.shape.at(transposeB ? -2 : -1)!;
  const [inner, other] = [a.shape.at(transposeA ? -2 : -1), b.shape.at(transposeB ? -1 : -2)];
  if (inner !== other)
    throw new Error(`inner sides ${inner} and ${other} of [${a.shape.join()}] and [${b.shape.join()}] differ`);
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const output = shaped([...backend_util.assertAndGetBroadcastShape(batchA, batchB), m, n]);
  const attributes = { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0, alpha: { float: alpha } };
  if (size(batchB) === 1 && (size(batchA) === 1 || !transposeA)) {
    // The rows of all matrices of `a` meet the same matrix: one large product.
    const rows = reshape(graph, a, size(batchA) === 1 ? a.shape.slice(-2) : [size(batchA) * m, a.shape.at(-1)!]);
    const matrix = reshape(graph, b, b.shape.slice(-2));
    const flat = graph.node('Gemm', [rows, matrix], shaped([size(batchA) * m, n]), attributes, graph.kernels && size(rows.shape) > 0 && n > 0 ? KERNELS : ''); // prettier-ignore
    return reshape(graph, flat, output.shape);
  }
  if (!transposeA && !transposeB && alpha === 1) return graph.node('MatMul', [a, b], output);
  return graph.node('FusedMatMul', [a, b], output, attributes, 'com.microsoft');
}

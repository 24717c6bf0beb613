/** Products of matrices in a graph, told from the sums that are written as such. */
import type { Constant, Node } from './graph';

export const isProduct = ({ type }: Node): boolean => type === 'Gemm' || type === 'MatMul' || type === 'FusedMatMul';

/** Sums of columns are written as a row of ones times a matrix (lower/reduce.ts): the names of such rows. */
export const rowsOfOnes = (constants: readonly Constant[]): ReadonlySet<string> =>
  new Set(constants.filter(isRowOfOnes).map(({ name }) => name));

const isRowOfOnes = ({ shape, dtype, bytes }: Constant) =>
  dtype === 'float32' && shape.length === 2 && shape[0] === 1 && new Float32Array(bytes.slice().buffer).every((v) => v === 1); // prettier-ignore

export const isColumnSum = ({ inputs }: Node, ones: ReadonlySet<string>): boolean => ones.has(inputs[0]!.name);

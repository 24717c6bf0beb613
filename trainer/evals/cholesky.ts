/** Cholesky's factor of a symmetric positive matrix, and solving with it. All matrices row-major. */

/**
 * L with L L' = matrix [n, n], below and on the diagonal; only that part of `matrix` is read. Throws when the matrix is not
 * positive definite.
 */
export function cholesky(matrix: Float64Array, n: number): Float64Array {
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i * n + j]!;
      for (let k = 0; k < j; k++) rest -= factor[i * n + k]! * factor[j * n + k]!;
      if (i !== j) factor[i * n + j] = rest / factor[j * n + j]!;
      else if (rest > 0) factor[i * n + i] = Math.sqrt(rest);
      else throw new Error(`A ${n} x ${n} matrix is not positive definite.`);
    }
  }
  return factor;
}

/** Rows [rows, n] become x with L x = row. */
export function solveLower(factor: Float64Array, n: number, rows: Float64Array): void {
  for (let start = 0; start < rows.length; start += n) {
    for (let i = 0; i < n; i++) {
      let rest = rows[start + i]!;
      for (let k = 0; k < i; k++) rest -= factor[i * n + k]! * rows[start + k]!;
      rows[start + i] = rest / factor[i * n + i]!;
    }
  }
}

/** Rows [rows, n] become x with L' x = row. */
export function solveUpper(factor: Float64Array, n: number, rows: Float64Array): void {
  for (let start = 0; start < rows.length; start += n) {
    for (let i = n - 1; i >= 0; i--) {
      const x = (rows[start + i]! /= factor[i * n + i]!);
      for (let k = 0; k < i; k++) rows[start + k]! -= factor[i * n + k]! * x;
    }
  }
}

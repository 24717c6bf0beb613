/** Rows of equal width, as t-SNE, k-means and trustworthiness take them. */
export interface Points {
  /** [size, width], row-major. */
  readonly values: Float32Array | Float64Array;
  readonly size: number;
  readonly width: number;
}

/** |a - b|^2 of row `i` of `a` and row `j` of `b`. */
export function squaredDistance(a: Points, i: number, b: Points, j: number): number {
  const { width } = a;
  const x = a.values;
  const y = b.values;
  let p = i * width;
  let q = j * width;
  // Four sums at once, so that an addition need not wait for the one before.
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  const unrolled = p + width - 3;
  for (; p < unrolled; p += 4, q += 4) {
    const d0 = x[p]! - y[q]!;
    const d1 = x[p + 1]! - y[q + 1]!;
    const d2 = x[p + 2]! - y[q + 2]!;
    const d3 = x[p + 3]! - y[q + 3]!;
    s0 += d0 * d0;
    s1 += d1 * d1;
    s2 += d2 * d2;
    s3 += d3 * d3;
  }
  for (; p < (i + 1) * width; p++, q++) s0 += (x[p]! - y[q]!) ** 2;
  return s0 + s1 + (s2 + s3);
}

/** Rows scaled to length 1 (a zero row stays zero). */
export function unitRows({ values, size, width }: Points): Float32Array {
  const units = new Float32Array(values.length);
  for (let i = 0; i < size; i++) {
    const row = values.subarray(i * width, (i + 1) * width);
    let squares = 0;
    for (const x of row) squares += x * x;
    const scale = 1 / Math.max(Math.sqrt(squares), 1e-12);
    units.set(
      row.map((x) => x * scale),
      i * width,
    );
  }
  return units;
}

import { distancesFrom, nearest, type Points } from './distances';

/** Joint probabilities p_ij of t-SNE's high-dimensional neighbours: a symmetric sparse matrix (CSR) that sums to 1. */
export interface Affinities {
  /** Row i is `columns[starts[i] .. starts[i + 1]]`, and `values` likewise. */
  readonly starts: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float64Array;
}

/**
 * Gaussian affinities over the 3 x perplexity nearest neighbours (van der Maaten 2014, section 4.1), each
 * point's width found by bisection so that its neighbourhood has the perplexity.
 */
export async function affinities(points: Points, perplexity: number, pace: () => Promise<void>): Promise<Affinities> {
  const { size } = points;
  const count = Math.min(size - 1, Math.floor(3 * perplexity + 1));
  const neighbours = new Int32Array(size * count);
  const conditional = new Float64Array(size * count); // p_{j|i}
  const distances = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    distancesFrom(points, i, distances);
    const rows = nearest(distances, i, count);
    neighbours.set(rows, i * count);
    conditional.set(
      neighbourhood(
        Float64Array.from(rows, (j) => distances[j]!),
        perplexity,
      ),
      i * count,
    );
    await pace();
  }
  return symmetrised(neighbours, conditional, size);
}

/** p_{j|i} = exp(-beta d_ij) / sum, with the beta whose entropy is log(perplexity). */
export function neighbourhood(distances: Float64Array, perplexity: number): Float64Array {
  const target = Math.log(perplexity);
  const smallest = distances.reduce((a, b) => Math.min(a, b), Infinity);
  let p = distances;
  let beta = 1;
  let low = 0;
  let high = Infinity;
  for (let attempt = 0; attempt < 100; attempt++) {
    const weights = distances.map((d) => Math.exp(-beta * (d - smallest)));
    const total = weights.reduce((a, b) => a + b, 0);
    p = weights.map((w) => w / total);
    const entropy = Math.log(total) + beta * p.reduce((sum, pj, j) => sum + pj * (distances[j]! - smallest), 0);
    if (Math.abs(entropy - target) < 1e-5) break;
    if (entropy > target) {
      low = beta;
      beta = high === Infinity ? beta * 2 : (beta + high) / 2;
    } else {
      high = beta;
      beta = (beta + low) / 2;
    }
  }
  return p;
}

/** p_ij = (p_{j|i} + p_{i|j}) / 2n. */
function symmetrised(neighbours: Int32Array, conditional: Float64Array, size: number): Affinities {
  const count = neighbours.length / size;
  const rows = Array.from({ length: size }, () => new Map<number, number>());
  const add = (i: number, j: number, p: number) => rows[i]!.set(j, (rows[i]!.get(j) ?? 0) + p);
  neighbours.forEach((j, at) => {
    const i = Math.floor(at / count);
    const p = conditional[at]! / (2 * size);
    add(i, j, p);
    add(j, i, p);
  });
  const starts = new Int32Array(size + 1);
  rows.forEach((row, i) => (starts[i + 1] = starts[i]! + row.size));
  return {
    starts,
    columns: Int32Array.from(rows.flatMap((row) => [...row.keys()])),
    values: Float64Array.from(rows.flatMap((row) => [...row.values()])),
  };
}

import type { Engine } from '../engine/types';
import type { Points } from './distances';
import { nearestNeighbours } from './neighbours';
import type { Watch } from './types';

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
export async function affinities(
  engine: Engine,
  points: Points,
  perplexity: number,
  watch: Pick<Watch, 'signal'> = {},
): Promise<Affinities> {
  const { size } = points;
  const count = Math.min(size - 1, Math.floor(3 * perplexity + 1));
  const { rows, squared } = await nearestNeighbours(engine, points, count, watch);
  const conditional = new Float64Array(size * count); // p_{j|i}
  for (let i = 0; i < size; i++) {
    const own = squared.subarray(i * count, (i + 1) * count);
    conditional.set(neighbourhood(own, perplexity), i * count);
  }
  return symmetrised(rows, conditional, size);
}

/** p_{j|i} = exp(-beta d_ij) / sum, with the beta whose entropy is log(perplexity). */
export function neighbourhood(distances: Float64Array, perplexity: number): Float64Array {
  const target = Math.log(perplexity);
  const smallest = distances.reduce((a, b) => Math.min(a, b), Infinity);
  const p = new Float64Array(distances.length);
  let beta = 1;
  let low = 0;
  let high = Infinity;
  for (let attempt = 0; attempt < 100; attempt++) {
    let total = 0;
    let mean = 0; // of the distances beyond the smallest
    for (let j = 0; j < p.length; j++) {
      const beyond = distances[j]! - smallest;
      const weight = Math.exp(-beta * beyond);
      p[j] = weight;
      total += weight;
      mean += weight * beyond;
    }
    for (let j = 0; j < p.length; j++) p[j]! /= total;
    const entropy = Math.log(total) + (beta * mean) / total;
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

/** p_ij = (p_{j|i} + p_{i|j}) / 2n. Of each row the neighbours ascend, and so do those that have it as theirs. */
function symmetrised(neighbours: Int32Array, conditional: Float64Array, size: number): Affinities {
  const count = neighbours.length / size;
  const back = transposed(neighbours, conditional, size);
  const starts = new Int32Array(size + 1);
  const columns = new Int32Array(2 * neighbours.length);
  const values = new Float64Array(2 * neighbours.length);
  let length = 0;
  for (let i = 0; i < size; i++) {
    let at = i * count;
    let other = back.starts[i]!;
    while (at < (i + 1) * count || other < back.starts[i + 1]!) {
      const mine = at < (i + 1) * count ? neighbours[at]! : size;
      const theirs = other < back.starts[i + 1]! ? back.columns[other]! : size;
      let p = 0;
      if (mine <= theirs) p += conditional[at++]!;
      if (theirs <= mine) p += back.values[other++]!;
      columns[length] = Math.min(mine, theirs);
      values[length++] = p / (2 * size);
    }
    starts[i + 1] = length;
  }
  return { starts, columns: columns.slice(0, length), values: values.slice(0, length) };
}

/** For each point those that have it as a neighbour, ascending. */
function transposed(neighbours: Int32Array, conditional: Float64Array, size: number): Affinities {
  const count = neighbours.length / size;
  const starts = new Int32Array(size + 1);
  for (const j of neighbours) starts[j + 1]!++;
  for (let j = 0; j < size; j++) starts[j + 1]! += starts[j]!;
  const filled = starts.slice(0, size);
  const columns = new Int32Array(neighbours.length);
  const values = new Float64Array(neighbours.length);
  for (let at = 0; at < neighbours.length; at++) {
    const to = filled[neighbours[at]!]!++;
    columns[to] = Math.floor(at / count);
    values[to] = conditional[at]!;
  }
  return { starts, columns, values };
}

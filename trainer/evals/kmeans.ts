import { random, type Random } from '../random/random';
import { squaredDistance, type Points } from './distances';
import { createPace } from './pace';
import type { Watch } from './types';

export interface Clustering {
  /** Cluster of each row, 0 the largest. */
  readonly clusters: Int32Array;
  /** [k, width], row-major, as the clusters are numbered. */
  readonly centres: Float64Array;
  /** Sum of squared distances to the cluster centres. */
  readonly inertia: number;
}

export interface KMeansOptions {
  readonly k: number;
  readonly seed: number;
  /** Starts to take the best of. */
  readonly restarts?: number;
}

const MAX_ITERATIONS = 300;
/** Rows between two looks at the clock. */
const ROWS_PER_TURN = 256;

/**
 * k-means (Lloyd 1982) from k-means++ centres (Arthur & Vassilvitskii 2007): the best of a few seeded starts.
 * Fewer than k clusters are used when there are fewer distinct points.
 */
export async function kmeans(
  points: Points,
  { k, seed, restarts = 4 }: KMeansOptions,
  { onProgress, signal }: { readonly onProgress?: (done: number) => void; readonly signal?: AbortSignal } = {},
): Promise<Clustering> {
  if (!(k >= 1 && k <= points.size)) {
    throw new Error(`${points.size} points cannot form ${k} clusters: give a k from 1 to ${points.size}.`);
  }
  let best: Clustering | undefined;
  for (let restart = 0; restart < restarts; restart++) {
    onProgress?.(restart / restarts);
    const found = await lloyd(points, spreadCentres(points, k, random(seed, 'k-means', restart)), { signal });
    if (!best || found.inertia < best.inertia) best = found;
  }
  return largestFirst(best!, k);
}

/**
 * Lloyd's iteration until no row changes its cluster: each row to the nearest centre, each centre to the mean of its
 * rows. A centre that loses its last row stays where it is. A distance falls by no more than its centre has moved, so
 * most need not be measured again (Elkan 2003).
 *
 * @param start centres [k, width], row-major.
 */
export async function lloyd(
  points: Points,
  start: Float64Array,
  { signal }: Pick<Watch, 'signal'> = {},
): Promise<Clustering> {
  const { size, width } = points;
  const k = start.length / width;
  const pace = createPace(signal);
  let centres = { values: start, size: k, width };
  const clusters = new Int32Array(size).fill(-1);
  // What each distance is at least, [size, k], and how far each centre has moved since that was known.
  const atLeast = new Float64Array(size * k);
  const moves = new Float64Array(k);
  let inertia = 0;
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    let changed = false;
    inertia = 0;
    for (let i = 0; i < size; i++) {
      const own = clusters[i]!;
      let nearest = own;
      let squared = own < 0 ? Infinity : squaredDistance(points, i, centres, own);
      if (own >= 0) atLeast[i * k + own] = Math.sqrt(squared);
      for (let c = 0; c < k; c++) {
        if (c === own) continue;
        const bound = Math.max(0, atLeast[i * k + c]! - moves[c]!);
        atLeast[i * k + c] = bound;
        if (bound * bound > squared) continue;
        const candidate = squaredDistance(points, i, centres, c);
        atLeast[i * k + c] = Math.sqrt(candidate);
        // Of equally near centres the first.
        if (candidate < squared || (candidate === squared && c < nearest)) {
          squared = candidate;
          nearest = c;
        }
      }
      changed ||= nearest !== own;
      clusters[i] = nearest;
      inertia += squared;
      if (i % ROWS_PER_TURN === 0) await pace();
    }
    if (!changed) break;
    const means = meansOf(points, clusters, centres);
    moves.forEach((_, c) => (moves[c] = Math.sqrt(squaredDistance(centres, c, means, c))));
    centres = means;
  }
  return { clusters, centres: centres.values, inertia };
}

/** The mean of each cluster's rows; of those without any, the centre as it is. */
function meansOf(
  { values, size, width }: Points,
  clusters: Int32Array,
  centres: { values: Float64Array; size: number },
) {
  const k = centres.size;
  const counts = new Int32Array(k);
  const means = new Float64Array(k * width);
  for (let i = 0; i < size; i++) {
    const cluster = clusters[i]!;
    counts[cluster]!++;
    for (let c = 0; c < width; c++) means[cluster * width + c]! += values[i * width + c]!;
  }
  means.forEach((sum, at) => {
    const count = counts[Math.floor(at / width)]!;
    means[at] = count > 0 ? sum / count : centres.values[at]!;
  });
  return { values: means, size: k, width };
}

/** k-means++: each further centre is a point drawn in proportion to its squared distance from those so far. */
function spreadCentres(points: Points, k: number, draws: Random): Float64Array {
  const { values, size, width } = points;
  const centres = { values: new Float64Array(k * width), size: k, width };
  const distances = new Float64Array(size).fill(Infinity);
  let chosen = draws.int(size);
  for (let c = 0; c < k; c++) {
    centres.values.set(values.subarray(chosen * width, (chosen + 1) * width), c * width);
    let total = 0;
    for (let i = 0; i < size; i++) {
      distances[i] = Math.min(distances[i]!, squaredDistance(points, i, centres, c));
      total += distances[i]!;
    }
    let left = draws.uniform() * total;
    chosen = 0;
    while (chosen < size - 1 && (left -= distances[chosen]!) >= 0) chosen++;
  }
  return centres.values;
}

function largestFirst({ clusters, centres, inertia }: Clustering, k: number): Clustering {
  const counts = new Int32Array(k);
  for (const cluster of clusters) counts[cluster]!++;
  const order = Array.from(counts.keys()).sort((a, b) => counts[b]! - counts[a]!);
  const rank = new Int32Array(k);
  order.forEach((cluster, i) => (rank[cluster] = i));
  const width = centres.length / k;
  const ordered = new Float64Array(centres.length);
  order.forEach((cluster, i) => ordered.set(centres.subarray(cluster * width, (cluster + 1) * width), i * width));
  return { clusters: clusters.map((cluster) => rank[cluster]!), centres: ordered, inertia };
}

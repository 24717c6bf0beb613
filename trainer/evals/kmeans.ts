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
 * rows. A centre that loses its last row stays where it is.
 *
 * @param start centres [k, width], row-major.
 */
export async function lloyd(
  points: Points,
  start: Float64Array,
  { signal }: Pick<Watch, 'signal'> = {},
): Promise<Clustering> {
  const { values, size, width } = points;
  const k = start.length / width;
  const pace = createPace(signal);
  const centres = { values: start.slice(), size: k, width };
  const clusters = new Int32Array(size).fill(-1);
  let inertia = 0;
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    let moved = false;
    inertia = 0;
    for (let i = 0; i < size; i++) {
      const { index, distance } = closest(points, i, centres, k);
      moved ||= clusters[i] !== index;
      clusters[i] = index;
      inertia += distance;
      if (i % ROWS_PER_TURN === 0) await pace();
    }
    if (!moved) break;

    const counts = new Int32Array(k);
    const sums = new Float64Array(k * width);
    for (let i = 0; i < size; i++) {
      const cluster = clusters[i]!;
      counts[cluster]!++;
      for (let c = 0; c < width; c++) sums[cluster * width + c]! += values[i * width + c]!;
    }
    sums.forEach((sum, at) => {
      const count = counts[Math.floor(at / width)]!;
      if (count > 0) centres.values[at] = sum / count;
    });
  }
  return { clusters, centres: centres.values, inertia };
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

function closest(points: Points, i: number, centres: Points, k: number) {
  let index = 0;
  let distance = Infinity;
  for (let c = 0; c < k; c++) {
    const d = squaredDistance(points, i, centres, c);
    if (d < distance) {
      distance = d;
      index = c;
    }
  }
  return { index, distance };
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

import { random, type Random } from '../random/random';
import { squaredDistance, type Points } from './distances';

export interface Clustering {
  /** Cluster of each row, 0 the largest. */
  readonly clusters: Int32Array;
  /** Sum of squared distances to the cluster centres. */
  readonly inertia: number;
}

const RESTARTS = 4;
const MAX_ITERATIONS = 100;

/**
 * k-means (Lloyd 1982) from k-means++ centres (Arthur & Vassilvitskii 2007): the best of a few seeded starts.
 * Fewer than k clusters are used when there are fewer distinct points.
 */
export function kmeans(points: Points, { k, seed }: { readonly k: number; readonly seed: number }): Clustering {
  if (!(k >= 1 && k <= points.size)) {
    throw new Error(`${points.size} points cannot form ${k} clusters: give a k from 1 to ${points.size}.`);
  }
  const starts = Array.from({ length: RESTARTS }, (_, restart) => lloyd(points, k, random(seed, 'k-means', restart)));
  const best = starts.reduce((a, b) => (b.inertia < a.inertia ? b : a));
  return { clusters: largestFirst(best.clusters, k), inertia: best.inertia };
}

function lloyd(points: Points, k: number, draws: Random): Clustering {
  const { values, size, width } = points;
  const centres = spreadCentres(points, k, draws);
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
    }
    if (!moved) break;

    const counts = new Int32Array(k);
    const sums = new Float64Array(k * width);
    for (let i = 0; i < size; i++) {
      const cluster = clusters[i]!;
      counts[cluster]!++;
      for (let c = 0; c < width; c++) sums[cluster * width + c]! += values[i * width + c]!;
    }
    // A centre that lost its last point stays where it is.
    sums.forEach((sum, at) => {
      const count = counts[Math.floor(at / width)]!;
      if (count > 0) centres.values[at] = sum / count;
    });
  }
  return { clusters, inertia };
}

/** k-means++: each further centre is a point drawn in proportion to its squared distance from those so far. */
function spreadCentres(points: Points, k: number, draws: Random) {
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
  return centres;
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

function largestFirst(clusters: Int32Array, k: number): Int32Array {
  const counts = new Int32Array(k);
  for (const cluster of clusters) counts[cluster]!++;
  const order = Array.from(counts.keys()).sort((a, b) => counts[b]! - counts[a]!);
  const rank = new Int32Array(k);
  order.forEach((cluster, i) => (rank[cluster] = i));
  return clusters.map((cluster) => rank[cluster]!);
}

import { squaredDistance, type Points } from './distances';
import { createPace } from './pace';
import type { Watch } from './types';

/**
 * Mean silhouette width (Rousseeuw 1987) in [-1, 1]: how much nearer a point is to its own cluster than to the next,
 * by mean Euclidean distances. A point alone in its cluster counts 0, and so does a single cluster, which sets
 * nothing apart. Every pair of points is measured: give a sample of a large set.
 *
 * @param clusters of each point, from 0 to `k` - 1; some may be empty.
 */
export async function silhouette(
  points: Points,
  clusters: Int32Array,
  k: number,
  { signal }: Pick<Watch, 'signal'> = {},
): Promise<number> {
  const { size } = points;
  const pace = createPace(signal);
  const counts = new Int32Array(k);
  for (const cluster of clusters) counts[cluster]!++;
  // Sum of distances from each point to each cluster, [size, k].
  const sums = new Float64Array(size * k);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) {
      const distance = Math.sqrt(squaredDistance(points, i, points, j));
      sums[i * k + clusters[j]!]! += distance;
      sums[j * k + clusters[i]!]! += distance;
    }
    await pace();
  }

  let total = 0;
  for (let i = 0; i < size; i++) {
    const own = clusters[i]!;
    let next = Infinity;
    for (let c = 0; c < k; c++) {
      if (c !== own && counts[c]! > 0) next = Math.min(next, sums[i * k + c]! / counts[c]!);
    }
    const within = sums[i * k + own]! / (counts[own]! - 1);
    const widest = Math.max(within, next);
    if (counts[own]! > 1 && next < Infinity && widest > 0) total += (next - within) / widest;
  }
  return total / size;
}

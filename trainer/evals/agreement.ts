/** How well a clustering agrees with classes that it was not told of, from the table of their counts. */
import { assign } from './hungarian';

/** How many images of each class are in each cluster. */
export interface Contingency {
  /** [clusters, classes], row-major. */
  readonly counts: Float64Array;
  readonly clusters: number;
  readonly classes: number;
  readonly total: number;
}

export function contingency(clusterOf: Int32Array, labels: Int32Array, clusters: number, classes: number): Contingency {
  const counts = new Float64Array(clusters * classes);
  clusterOf.forEach((cluster, i) => counts[cluster * classes + labels[i]!]!++);
  return { counts, clusters, classes, total: labels.length };
}

/**
 * The class of each cluster in the one-to-one matching that gets most images right (Yang et al. 2010 call its share
 * the clustering accuracy); -1 for clusters that get none, where there are more clusters than classes.
 */
export function matchClasses({ counts, clusters, classes }: Contingency): Int32Array {
  return assign(
    counts.map((count) => -count),
    clusters,
    classes,
  );
}

/**
 * Mutual information over the mean of both entropies (Vinh et al. 2010), in [0, 1]; 1 when neither partition
 * divides anything.
 */
export function normalizedMutualInformation(table: Contingency): number {
  const { counts, classes, total } = table;
  const { rows, columns } = margins(table);
  const [clusterEntropy, classEntropy] = [entropy(rows, total), entropy(columns, total)];
  if (clusterEntropy === 0 && classEntropy === 0) return 1;
  let information = 0;
  counts.forEach((count, at) => {
    if (count === 0) return;
    const expected = (rows[Math.floor(at / classes)]! * columns[at % classes]!) / total;
    information += (count / total) * Math.log(count / expected);
  });
  // Of independent partitions rounding may leave a little less than nothing.
  return Math.max(0, information) / ((clusterEntropy + classEntropy) / 2);
}

/**
 * Rand index over pairs of images, corrected for chance (Hubert & Arabie 1985): 0 for what chance gives, 1 for equal
 * partitions, negative below chance.
 */
export function adjustedRandIndex(table: Contingency): number {
  const pairs = (sizes: Float64Array) => sizes.reduce((sum, n) => sum + (n * (n - 1)) / 2, 0);
  const { rows, columns } = margins(table);
  const together = pairs(table.counts);
  const [byCluster, byClass] = [pairs(rows), pairs(columns)];
  const expected = (byCluster * byClass) / Math.max(1, (table.total * (table.total - 1)) / 2);
  const most = (byCluster + byClass) / 2;
  // Both put all images together, or both each one apart: they are equal.
  return most === expected ? 1 : (together - expected) / (most - expected);
}

/** Images in each cluster and in each class. */
function margins({ counts, clusters, classes }: Contingency) {
  const rows = new Float64Array(clusters);
  const columns = new Float64Array(classes);
  counts.forEach((count, at) => {
    rows[Math.floor(at / classes)]! += count;
    columns[at % classes]! += count;
  });
  return { rows, columns };
}

function entropy(sizes: Float64Array, total: number): number {
  return sizes.reduce((sum, n) => (n > 0 ? sum - (n / total) * Math.log(n / total) : sum), 0);
}

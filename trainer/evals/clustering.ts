import type { ClusterConfig } from '../../protocol/config';
import type { Evaluation } from '../../protocol/events';
import { adjustedRandIndex, contingency, matchClasses, normalizedMutualInformation } from './agreement';
import { squaredDistance, unitRows, type Points } from './distances';
import { kmeans, type Clustering } from './kmeans';
import { checkLabels } from './labels';
import { report } from './report';
import { silhouette } from './silhouette';
import { choose, take, takeRows } from './subset';
import type { Embeddings, Watch } from './types';

/** What clustering sees: two encoders' embeddings of the same test images, and labels to score by. */
export interface TestFeatures {
  readonly classes: readonly string[];
  readonly labels: Int32Array;
  readonly pretrained: Embeddings;
  readonly randomInit: Embeddings;
}

/** A cluster of the pretrained encoder's embeddings. */
export interface Cluster {
  /** The class that it was matched with; absent where that is right of none of its images. */
  readonly match?: number;
  /** Its images by class. */
  readonly counts: readonly number[];
  /** Test images nearest to its centre first, and their distances from it. */
  readonly images: readonly { readonly image: number; readonly distance: number }[];
}

export interface ClusterResult {
  readonly evaluation: Evaluation;
  /** Largest first. */
  readonly clusters: readonly Cluster[];
}

/** All pairs of these are measured, which takes seconds. */
const SILHOUETTE_IMAGES = 5000;

const MEASURES = ['nmi', 'ari', 'silhouette'] as const;

/**
 * Clusters the test images without looking at their labels: k-means on the frozen embeddings scaled to length 1, so
 * that distances order as cosine similarities do. Scored by the accuracy of the best one-to-one matching of clusters
 * with classes, normalised mutual information, adjusted Rand index and, which needs no labels, mean silhouette width;
 * the same for a random-init encoder. The bootstrap resamples images with clusters and matching held fixed.
 *
 * @param shown how many images to name of each cluster.
 */
export async function clusterEvaluation(
  { classes, labels, pretrained, randomInit }: TestFeatures,
  options: ClusterConfig & { readonly seed: number; readonly shown: number },
  { onProgress, signal }: Watch = {},
): Promise<ClusterResult> {
  const startedAt = performance.now();
  checkLabels(labels, pretrained.size, classes, 'test');
  const { seed, restarts } = options;
  checkClusters(options, classes, pretrained.size);
  const k = options.k ?? classes.length;
  const chosen = choose(pretrained.size, options.images ?? Infinity, seed, 'clustered images');
  const truth = take(labels, chosen);

  const judge = async (embeddings: Embeddings, turn: 0 | 1) => {
    const message = `${restarts} starts of k-means${turn === 0 ? '' : ' on a random-init encoder'}`;
    const units = unitRowsOf(embeddings, chosen);
    const told = (done: number) => onProgress?.((turn + 0.8 * done) / 2, message);
    const found = await kmeans(units, { k, seed, restarts }, { onProgress: told, signal });
    onProgress?.((turn + 0.8) / 2, 'Measuring the silhouette');
    const sample = choose(units.size, SILHOUETTE_IMAGES, seed, 'silhouette');
    const width = await silhouette(unitRowsOf(units, sample), take(found.clusters, sample), k, { signal });
    const table = contingency(found.clusters, truth, k, classes.length);
    const matches = matchClasses(table);
    const scores = [normalizedMutualInformation(table), adjustedRandIndex(table), width];
    return { units, found, table, matches, scores, predictions: found.clusters.map((cluster) => matches[cluster]!) };
  };
  const ours = await judge(pretrained, 0);
  const baseline = await judge(randomInit, 1);

  const evaluation = report({
    kind: 'cluster',
    protocol: describe(k, options, chosen.length),
    share: 0,
    trainImages: 0,
    classes,
    testLabels: truth,
    predictions: ours.predictions,
    baseline: { name: 'random init', predictions: baseline.predictions },
    measures: Object.fromEntries(
      MEASURES.map((name, i) => [name, { score: ours.scores[i]!, baseline: baseline.scores[i]! }]),
    ),
    seed,
    startedAt,
  });
  const nearest = nearestToCentres(ours.units, ours.found, options.shown);
  const clusters = nearest.map((rows, cluster): Cluster => {
    const counts = ours.table.counts.slice(cluster * classes.length, (cluster + 1) * classes.length);
    const match = ours.matches[cluster]!;
    const images = rows.map(({ row, distance }) => ({ image: chosen[row]!, distance }));
    return { ...(counts[match] && { match }), counts: Array.from(counts), images };
  });
  return { evaluation, clusters };
}

/** The rows of each cluster that are nearest to its centre, the nearest first. */
function nearestToCentres(points: Points, { clusters, centres }: Clustering, most: number) {
  const { width } = points;
  const k = centres.length / width;
  const byCluster = Array.from({ length: k }, (): { readonly row: number; readonly distance: number }[] => []);
  clusters.forEach((cluster, row) => {
    const squared = squaredDistance(points, row, { values: centres, size: k, width }, cluster);
    byCluster[cluster]!.push({ row, distance: Math.sqrt(squared) });
  });
  return byCluster.map((rows) => rows.sort((a, b) => a.distance - b.distance).slice(0, most));
}

/** The chosen rows, each scaled to length 1. */
function unitRowsOf({ values, width }: Embeddings, chosen: Int32Array): Embeddings {
  const rows = { values: takeRows(values, width, chosen), size: chosen.length, width };
  return { ...rows, values: unitRows(rows) };
}

/** Says before anything is computed that there are more clusters than test images to form them. */
export function checkClusters(options: ClusterConfig, classes: readonly string[], testImages: number): void {
  const k = options.k ?? classes.length;
  const images = Math.min(testImages, options.images ?? Infinity);
  if (k <= images) return;
  const asked = options.k === undefined ? `, one for each class` : '';
  const more = images < testImages ? '`cluster.images`' : 'the number of test images (`data.test`)';
  throw new Error(
    `${images} test images cannot form ${k} clusters${asked}: set \`cluster.k\` to at most ${images}, or raise ${more}.`,
  );
}

function describe(k: number, { restarts }: ClusterConfig, images: number): string {
  const starts = restarts === 1 ? 'a k-means++ start' : `the best of ${restarts} k-means++ starts`;
  const sample = images > SILHOUETTE_IMAGES ? `, silhouette of ${SILHOUETTE_IMAGES} of the images` : '';
  return `k-means on embeddings of length 1, k ${k}, ${starts}, clusters matched one to one with classes${sample}`;
}

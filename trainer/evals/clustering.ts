import type { ClusterConfig } from '../../protocol/config';
import type { Evaluation } from '../../protocol/events';
import { random } from '../random/random';
import { adjustedRandIndex, contingency, matchClasses, normalizedMutualInformation } from './agreement';
import { squaredDistance, unitRows } from './distances';
import { kmeans } from './kmeans';
import { checkLabels } from './labels';
import { report } from './report';
import { silhouette } from './silhouette';
import { take, takeRows } from './subset';
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

  const cluster = async ({ values, width }: Embeddings, turn: 0 | 1) => {
    const message = `${restarts} starts of k-means${turn === 0 ? '' : ' on a random-init encoder'}`;
    const size = chosen.length;
    const rows = takeRows(values, width, chosen);
    const units = { values: unitRows({ values: rows, size, width }), size, width };
    const told = (done: number) => onProgress?.((turn + 0.8 * done) / 2, message);
    const { clusters, centres } = await kmeans(units, { k, seed, restarts }, { onProgress: told, signal });

    onProgress?.((turn + 0.8) / 2, 'Measuring the silhouette');
    const sample = choose(size, SILHOUETTE_IMAGES, seed, 'silhouette');
    const sampled = { values: takeRows(units.values, width, sample), size: sample.length, width };
    const table = contingency(clusters, truth, k, classes.length);
    const matches = matchClasses(table);
    const measures = {
      nmi: normalizedMutualInformation(table),
      ari: adjustedRandIndex(table),
      silhouette: await silhouette(sampled, take(clusters, sample), k, { signal }),
    };
    const predictions = clusters.map((cluster) => matches[cluster]!);
    return { units, clusters, centres, table, matches, measures, predictions };
  };
  const found = await cluster(pretrained, 0);
  const baseline = await cluster(randomInit, 1);

  const evaluation = report({
    kind: 'cluster',
    protocol: describe(k, options, chosen.length),
    share: 0,
    trainImages: 0,
    classes,
    testLabels: truth,
    predictions: found.predictions,
    baseline: { name: 'random init', predictions: baseline.predictions },
    measures: Object.fromEntries(
      (['nmi', 'ari', 'silhouette'] as const).map((name) => {
        return [name, { score: found.measures[name], baseline: baseline.measures[name] }];
      }),
    ),
    seed,
    startedAt,
  });

  const { units, clusters, table, matches } = found;
  const centres = { values: found.centres, size: k, width: units.width };
  const named = Array.from({ length: k }, (_, cluster): Cluster => {
    const images = Array.from(chosen.keys())
      .filter((row) => clusters[row] === cluster)
      .map((row) => ({ image: chosen[row]!, distance: Math.sqrt(squaredDistance(units, row, centres, cluster)) }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, options.shown);
    const counts = Array.from(table.counts.subarray(cluster * classes.length, (cluster + 1) * classes.length));
    const match = matches[cluster]!;
    return { ...(counts[match] && { match }), counts, images };
  });
  return { evaluation, clusters: named };
}

/** At most `most` of `size` rows, a seeded choice, ascending. */
function choose(size: number, most: number, seed: number, what: string): Int32Array {
  if (size <= most) return Int32Array.from({ length: size }, (_, i) => i);
  return random(seed, what).permutation(size).slice(0, most).sort();
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

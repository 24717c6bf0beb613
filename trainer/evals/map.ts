import type { TsneConfig } from '../../protocol/config';
import type { Evaluation } from '../../protocol/events';
import type { Engine } from '../engine/types';
import type { Points } from './distances';
import { mostSimilar } from './knn';
import { nearnessBlocks } from './neighbours';
import { createPace } from './pace';
import { report } from './report';
import { nearnessInMap, trustworthiness } from './trustworthiness';
import { tsne, type TsneMap, type TsneOptions } from './tsne';
import type { Embeddings, Watch } from './types';

/** A t-SNE map, and how far it can be trusted. */
export interface EmbeddingMap extends TsneMap {
  readonly trustworthiness: number;
}

/** Neighbours that trustworthiness asks about, where there are as many. */
const TRUSTED = 12;
/** Neighbours that vote on the class of a point of the map. */
const VOTERS = 10;

export async function mapEmbeddings(
  engine: Engine,
  points: Points,
  options: TsneOptions,
  watch: Watch = {},
): Promise<EmbeddingMap> {
  const map = await tsne(engine, points, options, watch);
  const neighbours = Math.min(TRUSTED, Math.floor((points.size - 1) / 2));
  return { ...map, trustworthiness: await trustworthiness(engine, points, map.points, neighbours, watch) };
}

export type Place = readonly [x: number, y: number];

/**
 * An earlier map as a start for one of `points`: each image where it was, and one that was not there at the place of the most
 * similar that was. Undefined where fewer than three were there, which say nothing of an arrangement.
 *
 * @param places of the earlier map, by row of `points`.
 * @returns [x0, y0, x1, y1, ...]
 */
export async function startFrom(
  engine: Engine,
  points: Points,
  places: readonly (Place | undefined)[],
  watch: Pick<Watch, 'signal'> = {},
): Promise<Float64Array | undefined> {
  const rows = (are: boolean) => places.flatMap((place, row) => ((place !== undefined) === are ? [row] : []));
  const placed = rows(true);
  const others = rows(false);
  if (placed.length < 3) return undefined;
  const start = new Float64Array(2 * points.size);
  for (const row of placed) start.set(places[row]!, 2 * row);
  if (others.length === 0) return start;
  const [some, all] = [rowsOf(points, others), rowsOf(points, placed)];
  for await (const { first, count, nearness } of nearnessBlocks(engine, some, all, watch)) {
    for (let b = 0; b < count; b++) {
      const [nearest] = mostSimilar(nearness.subarray(b * all.size, (b + 1) * all.size), 1).rows;
      start.set(places[placed[nearest!]!]!, 2 * others[first + b]!);
    }
  }
  return start;
}

function rowsOf({ values, width }: Points, rows: readonly number[]): Points {
  const taken = new Float32Array(rows.length * width);
  rows.forEach((row, i) => taken.set(values.subarray(row * width, (row + 1) * width), i * width));
  return { values: taken, size: rows.length, width };
}

export interface MapInput {
  readonly pretrained: Embeddings;
  readonly randomInit: Embeddings;
  /** Of the same images; both are absent where there are none. */
  readonly classes?: readonly string[];
  readonly labels?: Int32Array;
  /** An earlier map as a start. */
  readonly start?: Float64Array;
}

/**
 * Maps the embeddings of the same images by two encoders. KL divergence and trustworthiness say how well a map shows its
 * embeddings; with labels, leave-one-out kNN in the plane says how well it shows the classes.
 */
export async function mapEvaluation(
  engine: Engine,
  { pretrained, randomInit, classes = [], labels, start }: MapInput,
  { seed, perplexity, iterations }: Pick<TsneConfig, 'perplexity' | 'iterations'> & { readonly seed: number },
  { onProgress, signal }: Watch = {},
): Promise<{ readonly evaluation: Evaluation; readonly map: EmbeddingMap }> {
  const startedAt = performance.now();
  const { size } = pretrained;
  const options = { seed, perplexity, iterations };
  const half = (turn: 0 | 1): Watch => ({
    signal,
    onProgress: (done, message) =>
      onProgress?.((turn + done) / 2, turn === 0 ? message : `${message}, random-init encoder`),
  });
  const map = await mapEmbeddings(engine, pretrained, { ...options, start }, half(0));
  const baseline = await mapEmbeddings(engine, randomInit, options, half(1));
  const measures = {
    trustworthiness: { score: map.trustworthiness, baseline: baseline.trustworthiness },
    kl: { score: map.kl, baseline: baseline.kl },
  };
  const protocol = `t-SNE of ${size} images, perplexity ${map.perplexity}, ${iterations} iterations, seed ${seed}`;
  const row = {
    kind: 'tsne' as const,
    variant: 'kNN in the map',
    share: 0,
    trainImages: 0,
    classes,
    measures,
    seed,
    startedAt,
  };
  if (!labels) {
    const seconds = (performance.now() - startedAt) / 1000;
    const figures = { labels: 0, trainImages: 0, testImages: size, classes: 0, measures, seconds };
    return { map, evaluation: { kind: 'tsne', protocol, ...figures } };
  }
  const neighbours = Math.min(VOTERS, size - 1);
  const predict = (points: Float64Array) => classesInMap(points, labels, classes.length, neighbours, signal);
  return {
    map,
    evaluation: report({
      ...row,
      protocol: `${protocol}; classes by leave-one-out kNN in the map, k ${neighbours}`,
      testLabels: labels,
      predictions: await predict(map.points),
      baseline: { name: 'random init', predictions: await predict(baseline.points) },
    }),
  };
}

/** The class that most of a point's nearest others have; of equally many the first. */
async function classesInMap(
  map: Float64Array,
  labels: Int32Array,
  classes: number,
  neighbours: number,
  signal?: AbortSignal,
): Promise<Int32Array> {
  const pace = createPace(signal);
  const predictions = new Int32Array(labels.length);
  const nearness = new Float64Array(labels.length);
  for (let i = 0; i < labels.length; i++) {
    nearnessInMap(map, i, nearness);
    const votes = new Int32Array(classes);
    for (const j of mostSimilar(nearness, neighbours).rows) votes[labels[j]!]!++;
    predictions[i] = votes.indexOf(Math.max(...votes));
    await pace();
  }
  return predictions;
}

/** Where the encoder puts held-out images: a t-SNE map with thumbnails, and how well neighbours and a
 * linear probe tell their classes. */
import { join } from 'node:path';
import type { ExperimentConfig } from '../../protocol/config';
import type { EmbeddingFile, EventBody } from '../../protocol/events';
import { encodeSheet, evalBatches, subset, type Data, type ImageSet } from '../data/index';
import type { DeviceState, Engine } from '../engine/types';
import { knnPredict, type Embedder, type Embeddings } from '../evals/index';
import { kmeans } from '../evals/kmeans';
import { ridgePredict } from '../evals/ridge';
import { trustworthiness } from '../evals/trustworthiness';
import { tsne } from '../evals/tsne';
import { random } from '../random/random';
import { stepName } from './names';
import { makeFolder, replaceFile } from './synced';
import { thumbnails } from './thumbnails';

export interface EmbeddingMapper {
  /** Embeds, maps and scores; returns the events that tell of it. Rejects with the signal's reason when aborted. */
  map(directory: string, state: DeviceState, step: number, signal: AbortSignal): Promise<EventBody[]>;
}

/** Enough to see the classes; a map of more would hold the training up for longer than it is worth. */
const POINTS = 1000;
/** Labelled training images whose neighbours vote, and that the probe is fitted to. */
export const VOTERS = 1000;
const THUMBNAIL = 32;

/** @param embedder takes `batchSize` images at once. */
export function createEmbeddingMapper(
  engine: Engine,
  embedder: Embedder,
  data: Data,
  { seed, probe }: ExperimentConfig,
  batchSize: number,
): EmbeddingMapper {
  const size = data.train.imageSize;
  const shown = choose(data.test ?? data.train, POINTS, seed, 'mapped images');
  const voters = data.test && data.train.labels ? choose(data.train, VOTERS, seed, 'kNN voters') : undefined;
  const embed = (state: DeviceState, set: ImageSet, signal: AbortSignal) =>
    embedder.embed(state, evalBatches(set, { ...data, batchSize }), { signal });

  /** Labels are looked at here, and nothing of it comes back to the training. */
  async function scores(state: DeviceState, test: Embeddings, signal: AbortSignal): Promise<Record<string, number>> {
    const truth = shown.labels;
    if (!voters?.labels || !truth || !data.classes) return {};
    const train = { embeddings: await embed(state, voters, signal), labels: voters.labels };
    const classes = data.classes.length;
    const options = { k: Math.min(probe.k, voters.size), temperature: probe.temperature, classes };
    const top1 = (predictions: Int32Array) =>
      predictions.filter((label, i) => label === truth[i]).length / truth.length;
    return {
      'eval/knn_top1': top1(await knnPredict(engine, train, test, options, { signal })),
      'eval/probe_top1': top1(ridgePredict(train, test, classes)),
    };
  }

  async function map(directory: string, state: DeviceState, step: number, signal: AbortSignal): Promise<EventBody[]> {
    const startedAt = performance.now();
    const embeddings = await embed(state, shown, signal);
    const events: EventBody[] = [];
    const values = await scores(state, embeddings, signal);
    if (Object.keys(values).length > 0) events.push({ type: 'metrics', step, values });
    // A plane shows nothing of fewer than these.
    if (shown.size < 10) return events;

    const { points, kl, perplexity, iterations } = await tsne(embeddings, { seed }, { signal });
    const k = Math.min(data.classes?.length ?? 10, shown.size);
    const { clusters } = await kmeans(embeddings, { k, seed }, { signal });
    const neighbours = Math.min(12, Math.floor((shown.size - 1) / 2));
    const name = `media/embedding-${stepName(step)}`;
    const content: EmbeddingFile = {
      step,
      // Three decimals are a thousandth of what a screen can show.
      points: Array.from(points, (x) => Math.round(x * 1000) / 1000),
      ids: Array.from({ length: shown.size }, (_, i) => shown.id(i)),
      labels: shown.labels && Array.from(shown.labels),
      classes: data.classes,
      clusters: Array.from(clusters),
      png: 'media/thumbnails.png',
      thumbnailSize: Math.min(THUMBNAIL, size),
      columns: Math.ceil(Math.sqrt(shown.size)),
      perplexity,
      seed,
      iterations,
      kl,
      trustworthiness: await trustworthiness(embeddings, points, neighbours, { signal }),
      seconds: (performance.now() - startedAt) / 1000,
    };
    await makeFolder(join(directory, 'media'));
    const tiles = await thumbnails(shown, content.thumbnailSize);
    await replaceFile(join(directory, content.png), await encodeSheet(tiles, content.thumbnailSize, content.columns));
    await replaceFile(join(directory, `${name}.json`), JSON.stringify(content));
    events.push({ type: 'embedding', step, file: `${name}.json`, kl });
    return events;
  }
  return { map };
}

function choose(set: ImageSet, most: number, seed: number, what: string): ImageSet {
  if (set.size <= most) return set;
  return subset(set, random(seed, what).permutation(set.size).slice(0, most).sort());
}

/** Where the encoder puts held-out images: a t-SNE map with thumbnails, and how well neighbours and a
 * linear probe tell their classes. */
import type { ExperimentConfig } from '../../protocol/config';
import type { EventBody } from '../../protocol/events';
import type { Run } from '../../protocol/run';
import { evalBatches, subset, type Data, type ImageSet } from '../data/index';
import type { DeviceState, Engine } from '../engine/types';
import { knnPredict, mapEmbeddings, type Embedder, type Embeddings } from '../evals/index';
import { ridgePredict } from '../evals/ridge';
import { choose } from '../evals/subset';
import { earlierMap, writeMap } from './map-file';
import { stepName } from './names';

export interface EmbeddingMapper {
  /**
   * Embeds, maps and scores; returns the events that tell of it. Rejects with the signal's reason when aborted.
   *
   * @param run with the earlier maps, the newest of which is where this one starts.
   */
  map(directory: string, run: Run, state: DeviceState, step: number, signal: AbortSignal): Promise<EventBody[]>;
}

/** Enough to see the classes; a map of more would hold the training up for longer than it is worth. */
export const POINTS = 1000;
/** Labelled training images whose neighbours vote, and that the probe is fitted to. */
export const VOTERS = 1000;

/** @param embedder takes `batchSize` images at once. */
export function createEmbeddingMapper(
  engine: Engine,
  embedder: Embedder,
  data: Data,
  { seed, probe }: ExperimentConfig,
  batchSize: number,
): EmbeddingMapper {
  const some = (set: ImageSet, most: number, what: string) => subset(set, choose(set.size, most, seed, what));
  const shown = some(data.test ?? data.train, POINTS, 'mapped images');
  const voters = data.test && data.train.labels ? some(data.train, VOTERS, 'kNN voters') : undefined;
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

  async function map(directory: string, run: Run, state: DeviceState, step: number, signal: AbortSignal) {
    const startedAt = performance.now();
    const embeddings = await embed(state, shown, signal);
    const events: EventBody[] = [];
    const values = await scores(state, embeddings, signal);
    if (Object.keys(values).length > 0) events.push({ type: 'metrics', step, values });
    // A plane shows nothing of fewer than these.
    if (shown.size < 10) return events;

    const seen = { images: shown, embeddings };
    const earlier = await earlierMap(engine, directory, run, step, seen, { signal });
    const map = await mapEmbeddings(engine, embeddings, { seed, start: earlier?.start }, { signal });
    const drawn = { step, ...seen, classes: data.classes, map, startedFrom: earlier?.step, seed, startedAt };
    events.push(await writeMap(directory, `media/embedding-${stepName(step)}`, drawn, { signal }));
    return events;
  }
  return { map };
}

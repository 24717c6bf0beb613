/** The health of the representation while it is learned: a look at a few held-out images that costs next to nothing. */
import { random } from '../random/random';
import { subset, type Data } from '../data/index';
import type { DeviceState } from '../engine/types';
import { alignment, spread, uniformity } from '../evals/geometry';
import type { Embedder } from '../evals/index';
import { lidar } from '../evals/lidar';
import { covarianceEigenvalues, effectiveRank, rankMe, singularValues } from '../evals/spectrum';
import type { Method } from '../methods/index';
import { embedViews, viewsToAlign } from './view-embeddings';

export interface HealthMonitor {
  /** Metrics of the state, by their keys. Rejects with the signal's reason when aborted. */
  measure(state: DeviceState, signal: AbortSignal): Promise<Record<string, number>>;
}

/** Two views of each. More would tell little more and take its time from the training. */
export const IMAGES = 256;
/** Of fewer nothing can be said. */
const LEAST_IMAGES = 10;

/**
 * Embeds two views each of a seeded choice of held-out images (of the training images when there are none), always the
 * same. Labels have no part in it.
 *
 * @param batchSize of the embedder.
 */
export function createHealthMonitor(
  embedder: Embedder,
  method: Method,
  data: Data,
  { seed, batchSize }: { readonly seed: number; readonly batchSize: number },
): HealthMonitor {
  const source = data.test ?? data.train;
  const set = subset(source, random(seed, 'health').permutation(source.size).slice(0, IMAGES).sort());
  const views = viewsToAlign(method);
  return {
    async measure(state, signal): Promise<Record<string, number>> {
      if (set.size < LEAST_IMAGES) return {};
      const { first, second } = await embedViews(embedder, state, { set, views, data, seed, batchSize, signal });
      return {
        'health/std': spread(first!),
        'health/rankme': rankMe(singularValues(first!)),
        'health/effective_rank': effectiveRank(covarianceEigenvalues(first!)),
        'health/lidar': lidar([first!, second!]),
        'health/uniformity': uniformity(first!),
        'health/alignment': alignment(first!, second!),
      };
    },
  };
}

/**
 * Drop path, or stochastic depth (Huang et al. 2016, "Deep Networks with Stochastic Depth"), image by image: a residual
 * branch is left out with a probability that grows linearly with depth, and what is kept is scaled so that its mean stays.
 */
import type { Random } from '../random/random';
import type { Encoder } from './encoder';

export interface DropPath {
  /** Probability of the last block's branches; block l of L has l / L of it, counted from 1. */
  readonly rate: number;
  readonly batchSize: number;
  /** The first layer that learns; branches of blocks before it are never left out. 0 by default. */
  readonly from?: number;
}

/** What each branch of an encoder is multiplied with for each image: [branches, B], each 0 or 1 / (1 - its probability). */
export function drawDropPath(
  draws: Random,
  { branches, layers }: Pick<Encoder, 'branches' | 'layers'>,
  { rate, batchSize, from = 0 }: DropPath,
): Float32Array {
  const blocks = layers - 1;
  const factors = new Float32Array(branches * batchSize);
  for (let branch = 0; branch < branches; branch++) {
    const block = 1 + Math.floor((branch * blocks) / branches);
    const probability = block < from ? 0 : (rate * block) / blocks;
    for (let image = 0; image < batchSize; image++) {
      factors[branch * batchSize + image] = draws.uniform() < probability ? 0 : 1 / (1 - probability);
    }
  }
  return factors;
}

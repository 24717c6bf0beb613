import { DataError, stepsPerEpoch } from '../data/index';

/** Optimizer updates of a training, from its `steps`, or its `epochs` of full batches. */
export function totalSteps(
  { steps, epochs, batchSize }: { steps?: number; epochs?: number; batchSize: number },
  images: number,
  block: 'pretrain' | 'finetune',
): number {
  const perEpoch = stepsPerEpoch(images, batchSize);
  if (perEpoch === 0) {
    throw new DataError(
      `${block}.batchSize is ${batchSize}, more than the ${images} training images. Lower it to at most ${images}, or give more images.`,
    );
  }
  return steps ?? Math.max(1, Math.round(epochs! * perEpoch));
}

import { stepsPerEpoch, type Data } from '../data/index';
import type { Method } from '../methods/index';

export interface Moment {
  /** Updates done. */
  readonly step: number;
  readonly totalSteps: number;
  /** That the training goes through, in batches of `batchSize`. */
  readonly images: number;
  readonly batchSize: number;
}

/** What a method wants to know at the update that follows a step, besides images and chance: inputs by name. */
export function scheduledInputs(
  method: Method,
  { mean, std }: Pick<Data, 'mean' | 'std'>,
  { step, totalSteps, images, batchSize }: Moment,
): Record<string, Float32Array> {
  const asked = method.inputs(batchSize);
  const statistics = { pixel_mean: Float32Array.from(mean), pixel_std: Float32Array.from(std) };
  const constants = Object.entries(statistics).filter(([name]) => Object.hasOwn(asked, name));
  const epochSteps = stepsPerEpoch(images, batchSize);
  const scheduled = Object.entries(method.scheduled?.({ step, totalSteps, epochSteps }) ?? {});
  return Object.fromEntries([
    ...constants,
    ...scheduled.map(([name, value]) => [name, Float32Array.of(value)] as const),
  ]);
}

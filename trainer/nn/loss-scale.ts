/**
 * Dynamic loss scaling (Micikevicius et al. 2018, section 3.2): gradients are computed of the loss times a scale, so that they
 * do not vanish in float16, and divided by it before the update. The scale follows them by the rules and defaults of
 * PyTorch's GradScaler, as state of the training: resumed, it goes on as it would have.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import type { HostTensors, Tensors } from '../engine/types';
import { constant } from './initializers';
import { OPTIMIZER_PREFIX } from './optimizer';

export interface LossScaling {
  readonly initial: number;
  /** What the scale is multiplied by after so many updates in a row. */
  readonly growth: number;
  readonly growthInterval: number;
  /** What it is multiplied by where gradients overflow: then nothing is updated. */
  readonly backoff: number;
}

export const gradScaler: LossScaling = { initial: 2 ** 16, growth: 2, growthInterval: 2000, backoff: 0.5 };

const SCALE = `${OPTIMIZER_PREFIX}loss_scale.value`;
/** Updates since the scale changed. */
const UPDATES = `${OPTIMIZER_PREFIX}loss_scale.updates`;
/** Steps without an update, in all. */
const SKIPPED = `${OPTIMIZER_PREFIX}loss_scale.skipped`;

export const initLossScale = ({ initial }: LossScaling): HostTensors => ({
  [SCALE]: constant([], initial),
  [UPDATES]: constant([], 0),
  [SKIPPED]: constant([], 0),
});

/** The largest that a norm may be: by a comparison, since a shader may be compiled as if there were no NaN and infinity to ask for. */
const LARGEST = 3e38;

export const isFiniteNorm = (norm: Scalar): Scalar => tf.lessEqual(norm, LARGEST);

export const lossScale = (state: Tensors): { readonly scale: Scalar; readonly skipped: Scalar } => ({
  scale: state[SCALE] as Scalar,
  skipped: state[SKIPPED] as Scalar,
});

/** The scale after a step, by whether it updated. */
export function nextLossScale(state: Tensors, updated: Scalar, scaling: LossScaling): Record<string, Tensor> {
  const { scale, skipped } = lossScale(state);
  const one = tf.cast(updated, 'float32');
  const updates = tf.mul(tf.add(state[UPDATES]!, 1), one);
  const isDue = tf.greaterEqual(updates, scaling.growthInterval);
  const grown = tf.where(isDue, tf.mul(scale, scaling.growth), scale);
  return {
    [SCALE]: tf.where(updated, grown, tf.mul(scale, scaling.backoff)),
    [UPDATES]: tf.where(isDue, tf.zerosLike(updates), updates),
    [SKIPPED]: tf.add(skipped, tf.sub(1, one)),
  };
}

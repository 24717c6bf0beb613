/**
 * Batch normalisation (Ioffe and Szegedy 2015) with running statistics that are extra state, no parameters: what a
 * training forward makes of them goes into a record that it is handed, and the step returns that.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import { standardizeColumns } from '../engine/ops';
import type { HostTensors, Tensors } from '../engine/types';
import { constant } from './initializers';
import { parameter } from './layers';
import { BUFFER_PREFIX } from './train-step';

const EPSILON = 1e-5;
/** How far one batch moves the running statistics. */
const MOMENTUM = 0.1;

export interface BatchNormOptions {
  /** With `<name>.scale` and `<name>.shift` to train; true by default. */
  readonly affine?: boolean;
}

const runningMean = (name: string) => `${BUFFER_PREFIX}${name}.mean`;
const runningVariance = (name: string) => `${BUFFER_PREFIX}${name}.variance`;

/** `<name>.scale` and `<name>.shift`, and the buffers `buffer.<name>.mean` and `buffer.<name>.variance`, all [width]. */
export function initBatchNorm(name: string, width: number, { affine = true }: BatchNormOptions = {}): HostTensors {
  return {
    ...(affine && { [`${name}.scale`]: constant([width], 1), [`${name}.shift`]: constant([width], 0) }),
    [runningMean(name)]: constant([width], 0),
    [runningVariance(name)]: constant([width], 1),
  };
}

/**
 * x [B, ..., C] -> [B, ..., C], every channel brought to mean 0 and variance 1, then scaled and shifted.
 *
 * With `updates` this is training: the statistics are those of the batch (the biased variance), and the running ones,
 * moved a tenth of the way to them (to the unbiased variance), are written into `updates`, as PyTorch does. A layer that
 * one step runs twice moves them twice. Without `updates` it is evaluation, by the running statistics. Throws when there
 * is a single value of each channel to train on.
 */
export function batchNorm<T extends Tensor>(
  params: Tensors,
  name: string,
  x: T,
  updates?: Record<string, Tensor>,
  { affine = true }: BatchNormOptions = {},
): T {
  const width = x.shape.at(-1)!;
  const scale: Tensor1D = affine ? parameter(params, `${name}.scale`) : tf.ones([width]);
  const shift: Tensor1D = affine ? parameter(params, `${name}.shift`) : tf.zeros([width]);
  if (!updates) {
    const { factor, addend } = asEvaluated(params, name, scale, shift);
    return tf.add(tf.mul(x, factor), addend);
  }
  const count = x.size / width;
  if (count < 2) {
    throw new Error(`${name}: a batch norm cannot train on a single value of each channel; use a larger batch`);
  }
  const { y, mean, variance } = standardizeColumns(tf.reshape(x, [count, width]), scale, shift, EPSILON);
  const before = runningStatistics({ ...params, ...updates }, name);
  updates[runningMean(name)] = moved(before.mean, mean);
  updates[runningVariance(name)] = moved(before.variance, tf.mul(variance, count / (count - 1)));
  return tf.reshape(y, x.shape) as T;
}

/** In evaluation a batch norm is x factor + addend, both [C], by the running statistics. */
function asEvaluated(params: Tensors, name: string, scale: Tensor1D, shift: Tensor1D) {
  const { mean, variance } = runningStatistics(params, name);
  const factor: Tensor1D = tf.mul(scale, tf.rsqrt(tf.add(variance, EPSILON)));
  return { factor, addend: tf.sub<Tensor1D>(shift, tf.mul(mean, factor)) };
}

/** The same with the parameters of an affine layer: what goes into the kernel before it, whose columns are channels. */
export const evaluatedBatchNorm = (params: Tensors, name: string) =>
  asEvaluated(params, name, parameter(params, `${name}.scale`), parameter(params, `${name}.shift`));

const runningStatistics = (params: Tensors, name: string) => ({
  mean: parameter<Tensor1D>(params, runningMean(name)),
  variance: parameter<Tensor1D>(params, runningVariance(name)),
});

const moved = (running: Tensor1D, batch: Tensor1D): Tensor1D =>
  tf.add(tf.mul(running, 1 - MOMENTUM), tf.mul(batch, MOMENTUM));

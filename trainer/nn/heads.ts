/**
 * Heads that a pretext task puts on an encoder and throws away afterwards: projectors and predictors.
 *
 * Parameters of layer i: `<name>.<i>.kernel` [in, out], then either `<name>.<i>.bias` [out], or a batch norm's
 * `<name>.<i>.norm.{scale,shift}` and buffers `buffer.<name>.<i>.norm.{mean,variance}`.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import type { HostTensors, Tensors } from '../engine/types';
import { batchNorm, initBatchNorm } from './batch-norm';
import { xavierUniform } from './initializers';
import { dense, initDense, parameter } from './layers';

export interface HeadConfig {
  /** From what the head takes to what it gives: one layer between each two. */
  readonly widths: readonly number[];
  /**
   * Which layers have a batch norm. A layer of a head with norms has no bias, which a norm would take out again; the
   * last layer's norm is without scale and shift.
   */
  readonly norms: 'none' | 'hidden' | 'all';
}

export function initHead(name: string, { widths, norms }: HeadConfig, seed: number): HostTensors {
  const layers = widths.slice(1).map((outputs, i) => {
    const [layer, inputs, isLast] = [`${name}.${i}`, widths[i]!, i === widths.length - 2];
    if (norms === 'none') return initDense(layer, inputs, outputs, seed);
    return {
      [`${layer}.kernel`]: xavierUniform([inputs, outputs], seed, `${layer}.kernel`),
      ...(!isLast && initBatchNorm(`${layer}.norm`, outputs)),
      ...(isLast && norms === 'all' && initBatchNorm(`${layer}.norm`, outputs, { affine: false })),
    };
  });
  return Object.assign({}, ...layers) as HostTensors;
}

/**
 * x [B, in] -> [B, out], with ReLU between layers. With `updates` the norms go by the batch and write their moved
 * statistics there; without it they go by those that they have gathered.
 */
export function head(
  params: Tensors,
  name: string,
  { widths, norms }: HeadConfig,
  x: Tensor2D,
  updates?: Record<string, Tensor>,
): Tensor2D {
  const last = widths.length - 2;
  for (let i = 0; i <= last; i++) {
    const layer = `${name}.${i}`;
    x = norms === 'none' ? dense(params, layer, x) : tf.matMul(x, parameter<Tensor2D>(params, `${layer}.kernel`));
    if (norms === 'all' || (norms === 'hidden' && i < last)) {
      x = batchNorm(params, `${layer}.norm`, x, updates, { affine: i < last });
    }
    if (i < last) x = tf.relu(x);
  }
  return x;
}

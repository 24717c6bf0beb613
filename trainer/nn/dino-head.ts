/**
 * DINO's projection head (Caron et al. 2021, section 3.1 and appendix C): three layers with GELU, unit length, and the
 * cosine similarity to each prototype, which is a linear layer without bias whose weights are normalised (Salimans and
 * Kingma 2016) and whose magnitude is fixed at 1.
 *
 * Parameters: `head.mlp.<0..2>.{kernel,bias}` and `head.prototypes` [bottleneck, prototypes], of which only the direction
 * of each column counts. Unlike the authors' code, which draws every kernel from a normal with deviation 0.02, the layers
 * start as everywhere else here: narrow ones would do almost nothing.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { gelu } from '../engine/ops';
import type { HostTensors, Tensors } from '../engine/types';
import { normal } from './initializers';
import { dense, initDense, parameter } from './layers';

export interface DinoHeadConfig {
  /** Width of the two hidden layers. */
  readonly hidden: number;
  /** Width of what is compared to the prototypes. */
  readonly bottleneck: number;
  readonly prototypes: number;
}

/** What is frozen at the start of a training. */
export const PROTOTYPES = 'head.prototypes';

export function initDinoHead(inputs: number, config: DinoHeadConfig, seed: number): HostTensors {
  const { hidden, bottleneck, prototypes } = config;
  return {
    ...initDense('head.mlp.0', inputs, hidden, seed),
    ...initDense('head.mlp.1', hidden, hidden, seed),
    ...initDense('head.mlp.2', hidden, bottleneck, seed),
    [PROTOTYPES]: normal([bottleneck, prototypes], 1 / Math.sqrt(bottleneck), seed, PROTOTYPES),
  };
}

/** embeddings [B, D] -> cosine similarities to the prototypes [B, K]. */
export function dinoHead(params: Tensors, embeddings: Tensor2D): Tensor2D {
  const first = gelu(dense(params, 'head.mlp.0', embeddings)); // [B, hidden]
  const second = gelu(dense(params, 'head.mlp.1', first)); // [B, hidden]
  const point = unit(dense(params, 'head.mlp.2', second), 1); // [B, bottleneck]
  return tf.matMul(point, unit(parameter<Tensor2D>(params, PROTOTYPES), 0)); // [B, K]
}

/** Brought to length 1 along `axis`; the epsilon keeps the gradient finite at 0. */
const unit = (x: Tensor2D, axis: number): Tensor2D =>
  tf.mul(x, tf.rsqrt(tf.add(tf.sum(tf.square(x), axis, true), 1e-12)));

/** In nats, of assignments to prototypes: probabilities [..., K] -> [...]. */
export const entropy = (probabilities: Tensor): Tensor =>
  tf.neg(tf.sum(tf.mul(probabilities, tf.log(tf.add(probabilities, 1e-12))), -1));

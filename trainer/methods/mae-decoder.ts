/**
 * MAE's decoder: a transformer of its own width, depth and heads, which knows of the encoder only
 * that it gives one token per visible patch. Thrown away after pretraining.
 *
 * Parameters: `decoder.embed.{kernel,bias}` (from the encoder's width), `decoder.mask` (the shared
 * mask token), `decoder.blocks.<i>...`, `decoder.norm.{scale,shift}`, `decoder.pixels.{kernel,bias}`.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import type { HostTensors, Tensors } from '../engine/types';
import { normal } from '../nn/initializers';
import { dense, initDense, parameter } from '../nn/layers';
import { sinCosPositions } from '../nn/positions';
import { initTransformer, transformer } from '../nn/transformer';
import type { TransformerConfig } from '../nn/transformer';

export interface Decoder {
  init(seed: number): HostTensors;
  /**
   * tokens [B, K, encoder width] of the visible patches, the first of `shuffle` [B, N] int32 -> predicted values
   * [B, N - from, patch values] of the patches from place `from` of `shuffle` on, in its order.
   */
  decode(params: Tensors, tokens: Tensor3D, shuffle: Tensor2D, from: number): Tensor3D;
}

export function createDecoder(
  config: TransformerConfig & {
    readonly encoderWidth: number;
    /** Patches along one side of the image. */
    readonly side: number;
    /** Values of one patch: p * p * C. */
    readonly patchValues: number;
  },
): Decoder {
  const { width, encoderWidth, side, patchValues } = config;
  const patches = side * side;
  const positions = sinCosPositions(side, width);

  return {
    init: (seed) => ({
      ...initDense('decoder.embed', encoderWidth, width, seed),
      'decoder.mask': normal([width], 0.02, seed, 'decoder.mask'),
      ...initTransformer('decoder', config, seed),
      ...initDense('decoder.pixels', width, patchValues, seed),
    }),

    decode(params, tokens, shuffle, from) {
      const [batch, visible] = tokens.shape;
      const embedded = dense(params, 'decoder.embed', tokens); // [B, K, D]
      // Broadcast by multiplying: the gradient of tiling is unrolled into slices.
      const masks = tf.mul(tf.ones([batch, patches - visible, 1]), parameter(params, 'decoder.mask')); // [B, N-K, D]
      const where = tf.gather(tf.tensor2d(positions, [patches, width]), tf.reshape(shuffle, [-1])); // [B*N, D]
      const placed = tf.add(tf.concat([embedded, masks], 1), tf.reshape(where, [batch, patches, width]));
      const decoded = transformer(params, 'decoder', config, placed as Tensor3D, from);
      return dense(params, 'decoder.pixels', decoded); // [B, N - from, p*p*C]
    },
  };
}

/**
 * MAE's decoder: a transformer of its own width, depth and heads, which knows of the encoder only
 * that it gives one token per visible patch. Thrown away after pretraining.
 *
 * Parameters: `decoder.embed.{kernel,bias}` (from the encoder's width), `decoder.mask` (the shared
 * mask token), `decoder.blocks.<i>...`, `decoder.norm.{scale,shift}`, `decoder.pixels.{kernel,bias}`.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { gatherRows } from '../engine/ops';
import type { HostTensors, Tensors } from '../engine/types';
import { normal } from '../nn/initializers';
import { dense, initDense, parameter } from '../nn/layers';
import { patchRows } from '../nn/patches';
import { sinCosPositions } from '../nn/positions';
import { initTransformer, transformer } from '../nn/transformer';
import type { TransformerConfig } from '../nn/transformer';

export interface Decoder {
  init(seed: number): HostTensors;
  /**
   * tokens [B, K, encoder width] of the visible patches -> predicted values [B, N, patch values].
   * `restore` [B, N] int32 says where in the list "visible, then mask tokens" each patch stands, and
   * `shuffle` [B, N] int32, its inverse, which patch stands at each place of the list.
   */
  decode(params: Tensors, tokens: Tensor3D, restore: Tensor2D, shuffle: Tensor2D): Tensor3D;
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

    decode(params, tokens, restore, shuffle) {
      const [batch, visible] = tokens.shape;
      const embedded = dense(params, 'decoder.embed', tokens); // [B, K, D]
      // Broadcast by multiplying: the gradient of tiling is unrolled into slices.
      const masks = tf.mul(tf.ones([batch, patches - visible, 1]), parameter(params, 'decoder.mask')); // [B, N-K, D]
      const list: Tensor2D = tf.reshape(tf.concat([embedded, masks], 1), [batch * patches, width]); // [B*N, D]
      const inPlace = gatherRows(list, patchRows(restore, patches), patchRows(shuffle, patches));
      const all: Tensor3D = tf.reshape(inPlace, [batch, patches, width]); // [B, N, D]
      const placed = tf.add<Tensor3D>(all, tf.tensor2d(positions, [patches, width]));
      const decoded = transformer(params, 'decoder', config, placed);
      return dense(params, 'decoder.pixels', decoded); // [B, N, p*p*C]
    },
  };
}

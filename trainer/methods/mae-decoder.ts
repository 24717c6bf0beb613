/**
 * MAE's decoder: it gets one token per visible patch and the shared mask token, `decoder.mask`, in the place of every
 * hidden one. All else of it is in `token-decoder.ts`.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import type { HostTensors, Tensors } from '../engine/types';
import { normal } from '../nn/initializers';
import { parameter } from '../nn/layers';
import { createTokenDecoder } from './token-decoder';
import type { TokenDecoderConfig } from './token-decoder';

export interface Decoder {
  init(seed: number): HostTensors;
  /**
   * tokens [B, K, encoder width] of the visible patches, the first of `shuffle` [B, N] int32 -> predicted values
   * [B, N - from, patch values] of the patches from place `from` of `shuffle` on, in its order.
   */
  decode(params: Tensors, tokens: Tensor3D, shuffle: Tensor2D, from: number): Tensor3D;
}

export function createDecoder(config: TokenDecoderConfig): Decoder {
  const { width, side } = config;
  const patches = side * side;
  const decoder = createTokenDecoder(config);

  return {
    init: (seed) => ({ ...decoder.init(seed), 'decoder.mask': normal([width], 0.02, seed, 'decoder.mask') }),

    decode(params, tokens, shuffle, from) {
      const [batch, visible] = tokens.shape;
      const embedded = decoder.embed(params, tokens); // [B, K, D]
      // Broadcast by multiplying: the gradient of tiling is unrolled into slices.
      const masks = tf.mul(tf.ones([batch, patches - visible, 1]), parameter(params, 'decoder.mask')); // [B, N-K, D]
      const where = tf.gather(decoder.positions(), tf.reshape(shuffle, [-1])); // [B*N, D]
      const placed = tf.add<Tensor3D>(tf.concat([embedded, masks], 1), tf.reshape(where, [batch, patches, width]));
      return decoder.predict(params, placed, from); // [B, N - from, p*p*C]
    },
  };
}

/**
 * A small transformer on top of an encoder, which makes values of each patch from tokens: of its own width, depth and
 * heads, knowing of the encoder only how wide its tokens are. Thrown away after pretraining.
 *
 * Parameters: `decoder.embed.{kernel,bias}` (from the encoder's width), `decoder.blocks.<i>...`,
 * `decoder.norm.{scale,shift}`, `decoder.pixels.{kernel,bias}`.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import type { HostTensors, Tensors } from '../engine/types';
import { dense, initDense } from '../nn/layers';
import { sinCosPositions } from '../nn/positions';
import { initTransformer, transformer } from '../nn/transformer';
import type { TransformerConfig } from '../nn/transformer';

export interface TokenDecoderConfig extends TransformerConfig {
  readonly encoderWidth: number;
  /** Patches along one side of the image. */
  readonly side: number;
  /** Values of one patch: p * p * C. */
  readonly patchValues: number;
}

export interface TokenDecoder {
  init(seed: number): HostTensors;
  /** Where the patches are, row by row: [N, D]. */
  positions(): Tensor2D;
  /** tokens [B, K, encoder width] -> [B, K, D]. */
  embed(params: Tensors, tokens: Tensor3D): Tensor3D;
  /** Embedded tokens that know where they are, [B, N, D] -> values of those from `from` on, [B, N - from, patch values]. */
  predict(params: Tensors, placed: Tensor3D, from?: number): Tensor3D;
}

export function createTokenDecoder(config: TokenDecoderConfig): TokenDecoder {
  const { width, encoderWidth, side, patchValues } = config;
  const positions = sinCosPositions(side, width);

  return {
    init: (seed) => ({
      ...initDense('decoder.embed', encoderWidth, width, seed),
      ...initTransformer('decoder', config, seed),
      ...initDense('decoder.pixels', width, patchValues, seed),
    }),
    positions: () => tf.tensor2d(positions, [side * side, width]),
    embed: (params, tokens) => dense(params, 'decoder.embed', tokens),
    predict: (params, placed, from = 0) =>
      dense(params, 'decoder.pixels', transformer(params, 'decoder', config, placed, from)),
  };
}

/**
 * Vision Transformer (Dosovitskiy et al. 2020) without a class token: the embedding of an image is
 * the mean of its patch tokens, with which MAE "works similarly well" (He et al. 2021, section 3).
 *
 * Parameters: `encoder.patch.{kernel,bias}`, for each block i `encoder.blocks.<i>.norm1.{scale,shift}`,
 * `.attention.{qkv,out}.{kernel,bias}`, `.norm2.{scale,shift}`, `.mlp.{up,down}.{kernel,bias}`, and
 * `encoder.norm.{scale,shift}`. Kernels are [in, out]. Positions are fixed, so they are no parameters.
 * An image of another size is laid over the same grid: its patches get the positions in between.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Tensors } from '../engine/types';
import type { PatchEncoder } from './encoder';
import { dense, initDense } from './layers';
import { patchify, pickPatches } from './patches';
import { sinCosPositions } from './positions';
import { BRANCHES, initTransformer, lastAttention, transformer, transformerLayers } from './transformer';
import type { TransformerConfig } from './transformer';

export interface VitConfig extends TransformerConfig {
  /** Height and width of an image in pixels. */
  readonly imageSize: number;
  /** Side of a patch in pixels; must divide `imageSize`. */
  readonly patchSize: number;
}

/** Colour images only: every source gives three channels. */
const CHANNELS = 3;

export function createVit(config: VitConfig): PatchEncoder {
  const { imageSize, patchSize, width, depth } = config;
  if (imageSize % patchSize !== 0) {
    throw new Error(`a patch size of ${patchSize} does not divide an image size of ${imageSize}`);
  }
  const side = imageSize / patchSize;
  const patches = side * side;
  const patchValues = patchSize * patchSize * CHANNELS;
  const positions = sinCosPositions(side, width);
  const positionTable = () => tf.tensor2d(positions, [patches, width]); // [N, D]

  /** Patches with their positions: images [B, s, s, C] of any side s that the patch size divides -> [B, N, D]. */
  function placed(params: Tensors, images: Tensor4D): Tensor3D {
    const own = images.shape[1] / patchSize;
    if (!Number.isInteger(own)) {
      throw new Error(`a patch size of ${patchSize} does not divide an image size of ${images.shape[1]}`);
    }
    const where = own === side ? positionTable() : tf.tensor2d(sinCosPositions(own, width, side), [own * own, width]);
    return tf.add(dense(params, 'encoder.patch', patchify(images, patchSize)), where);
  }

  function tokens(params: Tensors, images: Tensor4D, branches?: Tensor2D): Tensor3D {
    return transformer(params, 'encoder', config, placed(params, images), 0, branches);
  }

  return {
    width,
    patchSize,
    patches,
    heads: config.heads,
    // The input, then the blocks; what comes after the last block counts with the head.
    layers: depth + 1,
    branches: depth * BRANCHES,

    init: (seed) => ({
      ...initDense('encoder.patch', patchValues, width, seed),
      ...initTransformer('encoder', config, seed),
    }),

    // Nothing here depends on the batch, so that layers which do not learn are as in evaluation anyway.
    embed: (params, images, _updates, tuning) => tf.mean<Tensor2D>(tokens(params, images, tuning?.branches), 1), // [B, D]

    embedLayers: (params, images) =>
      transformerLayers(params, 'encoder', config, placed(params, images)).map((x) => tf.mean<Tensor2D>(x, 1)), // [B, D]

    tokens: (params, images) => tokens(params, images),

    attention: (params, images) => lastAttention(params, 'encoder', config, placed(params, images)),

    encodeVisible(params, images, keep) {
      const [batch, kept] = keep.shape;
      // Picked before the projection: nothing is ever computed from what is hidden.
      const visible = dense(params, 'encoder.patch', pickPatches(patchify(images, patchSize), keep)); // [B, K, D]
      const where = tf.gather(positionTable(), tf.reshape(keep, [batch * kept])); // [B*K, D]
      const tokens: Tensor3D = tf.add(visible, tf.reshape(where, [batch, kept, width])); // [B, K, D]
      return transformer(params, 'encoder', config, tokens);
    },

    layerOf(parameter) {
      if (parameter.startsWith('encoder.patch.')) return 0;
      const block = /^encoder\.blocks\.(\d+)\./.exec(parameter);
      return block ? Number(block[1]) + 1 : depth + 1;
    },
  };
}

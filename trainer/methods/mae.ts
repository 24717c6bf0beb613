/**
 * Masked autoencoder (He et al. 2021, "Masked Autoencoders Are Scalable Vision Learners",
 * arXiv:2111.06377). Most patches of an image are hidden; the encoder sees the rest, and a small
 * decoder predicts the pixels of the hidden ones.
 *
 * Differences from the authors' code: no class token (their section 3: it works similarly well
 * without), and the mask token is excluded from weight decay like every other 1-D parameter.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Specs, Tensors, TypedArray } from '../engine/types';
import type { PatchEncoder } from '../nn/encoder';
import { patchify, unpatchify } from '../nn/patches';
import type { Random } from '../random/random';
import type { Decoder } from './mae-decoder';
import type { Method } from './method';

export interface MaeConfig {
  readonly imageSize: number;
  readonly maskRatio: number;
  /** Predict each patch normalised by its own mean and standard deviation. */
  readonly normalizeTarget: boolean;
}

const CHANNELS = 3;

/** How many of `patches` the encoder sees: as in the authors' code, rounded down. */
export function visiblePatches(patches: number, maskRatio: number): number {
  return Math.floor(patches * (1 - maskRatio));
}

export function createMae(config: MaeConfig, encoder: PatchEncoder, decoder: Decoder): Method {
  const { imageSize, maskRatio, normalizeTarget } = config;
  const { patches, patchSize } = encoder;
  const visible = visiblePatches(patches, maskRatio);

  function predict(params: Tensors, inputs: MaeInputs): Tensor3D {
    const tokens = encoder.encodeVisible(params, inputs.images, inputs.keep); // [B, K, D]
    return decoder.decode(params, tokens, inputs.restore, inputs.shuffle); // [B, N, p*p*C]
  }

  /** Mean squared error of each image's hidden patches, summed: [B]. Visible patches count nothing. */
  function errors(prediction: Tensor3D, { images, mask }: MaeInputs): Tensor {
    const pixels = patchify(images, patchSize); // [B, N, p*p*C]
    const target = normalizeTarget ? normalized(pixels) : pixels;
    const perPatch = tf.mean(tf.squaredDifference(prediction, target), -1); // [B, N]
    return tf.sum(tf.mul(perPatch, mask), -1); // [B]
  }

  return {
    encoder,

    init: (seed) => ({ ...encoder.init(seed), ...decoder.init(seed) }),

    inputs: (batchSize): Specs => ({
      images: { shape: [batchSize, imageSize, imageSize, CHANNELS], dtype: 'float32' },
      keep: { shape: [batchSize, visible], dtype: 'int32' },
      shuffle: { shape: [batchSize, patches], dtype: 'int32' },
      restore: { shape: [batchSize, patches], dtype: 'int32' },
      mask: { shape: [batchSize, patches], dtype: 'float32' },
    }),

    draw: (batchSize, random) => drawMasks(batchSize, patches, visible, random),

    loss(params, inputs) {
      const own = inputs as MaeInputs;
      const total = tf.sum(errors(predict(params, own), own)); // []
      return { loss: tf.div<Scalar>(total, tf.sum(own.mask)), metrics: {} };
    },

    pictures(params, inputs) {
      const own = inputs as MaeInputs;
      const { images, mask } = own;
      const prediction = predict(params, own);
      // A prediction in normalised values says nothing of a patch's own mean and contrast: the true ones are used.
      const values = normalizeTarget ? denormalized(prediction, patchify(images, patchSize)) : prediction;
      const reconstruction = unpatchify(values, patchSize); // [B, H, W, C]
      const hidden = unpatchify(
        tf.mul(tf.expandDims(mask, -1), tf.ones([patchSize * patchSize * CHANNELS])), // [B, N, p*p*C]
        patchSize,
      ); // [B, H, W, C], 1 where hidden
      const seen = tf.mul(images, tf.sub(1, hidden));
      return {
        original: images,
        masked: seen,
        reconstruction,
        pasted: tf.add(seen, tf.mul(reconstruction, hidden)),
        loss: tf.div(errors(prediction, own), tf.sum(mask, -1)), // [B]
      };
    },
  };
}

interface MaeInputs extends Tensors {
  readonly images: Tensor4D;
  /** Which patches the encoder sees: the first of `shuffle`. */
  readonly keep: Tensor2D;
  readonly shuffle: Tensor2D;
  readonly restore: Tensor2D;
  /** 1 where a patch is hidden. */
  readonly mask: Tensor2D;
}

/**
 * Uniform random sampling without replacement, for each image its own: its patches are shuffled,
 * the first `visible` are kept and the rest is hidden.
 */
function drawMasks(batchSize: number, patches: number, visible: number, random: Random): Record<string, TypedArray> {
  const keep = new Int32Array(batchSize * visible);
  const shuffle = new Int32Array(batchSize * patches);
  const restore = new Int32Array(batchSize * patches);
  const mask = new Float32Array(batchSize * patches).fill(1);
  for (let image = 0; image < batchSize; image++) {
    const start = image * patches;
    const order = random.permutation(patches);
    shuffle.set(order, start);
    keep.set(order.subarray(0, visible), image * visible);
    order.forEach((patch, place) => {
      restore[start + patch] = place;
      if (place < visible) mask[start + patch] = 0;
    });
  }
  return { keep, shuffle, restore, mask };
}

/** Each patch [B, N, V] with mean 0 and variance 1 over its values. */
function normalized(pixels: Tensor3D): Tensor3D {
  const { mean, deviation } = statistics(pixels);
  return tf.div(tf.sub(pixels, mean), deviation);
}

function denormalized(values: Tensor3D, pixels: Tensor3D): Tensor3D {
  const { mean, deviation } = statistics(pixels);
  return tf.add(tf.mul(values, deviation), mean);
}

/** Per patch, [B, N, 1]; the variance is the unbiased one, as torch.var in the authors' code. */
function statistics(pixels: Tensor3D): { readonly mean: Tensor; readonly deviation: Tensor } {
  const values = pixels.shape[2];
  const mean = tf.mean(pixels, -1, true);
  const variance = tf.div(tf.sum(tf.squaredDifference(pixels, mean), -1, true), values - 1);
  return { mean, deviation: tf.sqrt(tf.add(variance, 1e-6)) };
}

/**
 * Masked autoencoder (He et al. 2021, "Masked Autoencoders Are Scalable Vision Learners",
 * arXiv:2111.06377). Most patches of an image are hidden; the encoder sees the rest, and a small
 * decoder predicts the pixels of the hidden ones. Attention does not care for the order of tokens, so
 * from the masking to the loss they stay shuffled, visible patches first: no token is moved, and what
 * concerns the hidden ones alone is the end of each list.
 *
 * Differences from the authors' code: no class token (their section 3: it works similarly well
 * without), and the mask token is excluded from weight decay like every other 1-D parameter.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import type { MaeConfig } from '../../protocol/config';
import type { Specs, Tensors } from '../engine/types';
import type { PatchEncoder } from '../nn/encoder';
import { patchify, pickPatches, unpatchify } from '../nn/patches';
import type { Decoder } from './mae-decoder';
import { drawShuffles } from './mae-masking';
import { lowerRate, onlyMean } from './method';
import type { Method } from './method';

const CHANNELS = 3;

/** How many of `patches` the encoder sees: as in the authors' code, rounded down. */
export function visiblePatches(patches: number, maskRatio: number): number {
  return Math.floor(patches * (1 - maskRatio));
}

export function createMae(config: MaeConfig, imageSize: number, encoder: PatchEncoder, decoder: Decoder): Method {
  const { maskRatio, masking, normalizeTarget, transform, optimizer } = config;
  const { patches, patchSize } = encoder;
  const visible = visiblePatches(patches, maskRatio);
  const values = patchSize * patchSize * CHANNELS;

  /** What the decoder makes of patches `from` and later in the order of `shuffle`: [B, N - from, p*p*C]. */
  function predict(params: Tensors, { images, shuffle }: MaeInputs, from: number): Tensor3D {
    const tokens = encoder.encodeVisible(params, images, places(shuffle, 0, visible)); // [B, K, D]
    return decoder.decode(params, tokens, shuffle, from);
  }

  /** Mean squared errors of the hidden patches, given their predictions [B, N - K, p*p*C]: [B, N - K]. */
  function errors(prediction: Tensor3D, { images, shuffle }: MaeInputs): Tensor2D {
    const pixels = pickPatches(patchify(images, patchSize), places(shuffle, visible, patches));
    return tf.mean(tf.squaredDifference(prediction, normalizeTarget ? normalized(pixels) : pixels), -1);
  }

  return {
    encoder,
    views: { images: { imageSize, transform } },

    init: (seed) => ({ ...encoder.init(seed), ...decoder.init(seed) }),

    inputs: (batchSize): Specs => ({
      images: { shape: [batchSize, imageSize, imageSize, CHANNELS], dtype: 'float32' },
      shuffle: { shape: [batchSize, patches], dtype: 'int32' },
      restore: { shape: [batchSize, patches], dtype: 'int32' },
    }),

    draw: (batchSize, random) => drawShuffles(masking, batchSize, Math.sqrt(patches), visible, random),

    loss(params, inputs) {
      const own = inputs as MaeInputs;
      return { loss: tf.mean<Scalar>(errors(predict(params, own, visible), own)), metrics: {} };
    },

    pictures: {
      title: 'Reconstructions',
      columns: [
        { name: 'original', title: 'original' },
        { name: 'masked', title: 'masked' },
        { name: 'reconstruction', title: 'reconstruction' },
        { name: 'pasted', title: 'visible pasted back' },
      ],
      note:
        `${Math.round(maskRatio * 100)}% of the patches are hidden, and the loss counts only them: what the third column ` +
        'shows where a patch is visible means nothing. In the last column the visible patches are pasted from the ' +
        `original. ${normalizeTarget ? usesTrueStatistics : 'Pixels as predicted, no true patch statistics used.'}`,

      paint(params, inputs) {
        const own = inputs as MaeInputs;
        const { images, restore } = own;
        const shuffled = predict(params, own, 0); // [B, N, p*p*C], in the order of shuffle
        const prediction = pickPatches(shuffled, restore);
        // A prediction in normalised values says nothing of a patch's own mean and contrast: the true ones are used.
        const shown = normalizeTarget ? denormalized(prediction, patchify(images, patchSize)) : prediction;
        const reconstruction = unpatchify(shown, patchSize); // [B, H, W, C]
        const isHidden = tf.cast(tf.greaterEqual(restore, visible), 'float32'); // [B, N]
        const hidden = unpatchify(tf.mul(tf.expandDims(isHidden, -1), tf.ones([values])), patchSize); // [B, H, W, C]
        const seen = tf.mul(images, tf.sub(1, hidden));
        return {
          original: images,
          masked: seen,
          reconstruction,
          pasted: tf.add(seen, tf.mul(reconstruction, hidden)),
          loss: tf.mean(errors(tf.slice(shuffled, [0, visible, 0]), own), 1), // [B]
        };
      },
    },

    failing: {
      symptoms: [
        // Targets have mean 0 and variance 1, as pixels over all images, or within a patch (by the unbiased variance).
        onlyMean('train/loss', normalizeTarget ? (values - 1) / values : 1, { remedy: lowerRate(optimizer) }),
      ],
      collapse: `${lowerRate(optimizer)}; or raise pretrain.maskRatio, now ${maskRatio}, so that neighbours give less away`,
    },
  };
}

const usesTrueStatistics =
  'The model predicts normalised patches: brightness and contrast of each hidden patch come from its true mean and variance.';

interface MaeInputs extends Tensors {
  readonly images: Tensor4D;
  /** [B, N]: each image's patches in an order of its own; the encoder sees the first. */
  readonly shuffle: Tensor2D;
  /** [B, N]: at which place of `shuffle` each patch is. */
  readonly restore: Tensor2D;
}

/** Places `from` and later, up to `to`, of each image's order [B, N] -> [B, to - from]. */
const places = (order: Tensor2D, from: number, to: number): Tensor2D => tf.slice(order, [0, from], [-1, to - from]);

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

/**
 * Image completion (Pathak et al. 2016, "Context Encoders: Feature Learning by Inpainting", arXiv:1604.07379): parts of
 * the pixels are cut out and filled with the mean, the encoder sees the whole image with its holes, and a small decoder
 * predicts what was there. As in the authors' code the prediction also covers a narrow band of what stays visible around
 * a hole, where errors count ten times as much, so that the two join.
 *
 * Differences from the paper: the squared error alone, without the adversarial loss, as in its own feature learning
 * (section 5.2); transformers in place of AlexNet and the channel-wise layer; every image has blocks of its own.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor4D } from '@tensorflow/tfjs-core';
import type { InpaintingConfig } from '../../protocol/config';
import type { Specs, Tensors } from '../engine/types';
import type { PatchEncoder } from '../nn/encoder';
import { unpatchify } from '../nn/patches';
import { drawHoles } from './holes';
import { lowerRate, onlyMean } from './method';
import type { Method } from './method';
import type { TokenDecoder } from './token-decoder';

const CHANNELS = 3;

export function createInpainting(
  config: InpaintingConfig,
  imageSize: number,
  encoder: PatchEncoder,
  decoder: TokenDecoder,
): Method {
  const { overlapWeight, transform, optimizer } = config;

  /** The image as the model completes it, from what is outside of its holes: [B, H, W, C]. */
  function complete(params: Tensors, { images, hole }: InpaintingInputs): Tensor4D {
    const seen = tf.mul<Tensor4D>(images, tf.sub(1, hole)); // 0 is the mean of the pixels
    const tokens = decoder.embed(params, encoder.tokens(params, seen)); // [B, N, D]
    return unpatchify(decoder.predict(params, tf.add(tokens, decoder.positions())), encoder.patchSize);
  }

  /** Mean squared error of the channels of each pixel: [B, H, W, 1]. */
  const errors = (prediction: Tensor4D, images: Tensor4D): Tensor4D =>
    tf.mean(tf.squaredDifference(prediction, images), -1, true);

  /** How much each pixel counts: 1 in a hole, `overlapWeight` in the band around it, and else nothing. */
  const weights = ({ hole, overlap }: InpaintingInputs): Tensor4D => tf.add(hole, tf.mul(overlap, overlapWeight));

  return {
    encoder,
    views: { images: { imageSize, transform } },

    init: (seed) => ({ ...encoder.init(seed), ...decoder.init(seed) }),

    inputs: (batchSize): Specs => ({
      images: { shape: [batchSize, imageSize, imageSize, CHANNELS], dtype: 'float32' },
      hole: { shape: [batchSize, imageSize, imageSize, 1], dtype: 'float32' },
      overlap: { shape: [batchSize, imageSize, imageSize, 1], dtype: 'float32' },
    }),

    draw: (batchSize, random) => drawHoles(config, batchSize, imageSize, random),

    loss(params, inputs) {
      const own = inputs as InpaintingInputs;
      const error = errors(complete(params, own), own.images);
      return {
        loss: weightedMean<Scalar>(error, weights(own)),
        metrics: { 'train/hole_loss': weightedMean(error, own.hole) },
      };
    },

    pictures: {
      title: 'Completions',
      columns: [
        { name: 'hole', title: 'hole' },
        { name: 'guess', title: 'guess' },
        { name: 'pasted', title: 'guess pasted' },
        { name: 'truth', title: 'truth' },
      ],
      note:
        `About ${Math.round(config.holeArea * 100)}% of the pixels are cut out. The loss counts only them and a narrow band ` +
        'around them: what the second column shows elsewhere means nothing. In the third the guess fills the holes only.',

      paint(params, inputs) {
        const own = inputs as InpaintingInputs;
        const { images, hole } = own;
        const guess = complete(params, own);
        const seen = tf.mul(images, tf.sub(1, hole));
        return {
          hole: seen,
          guess,
          pasted: tf.add(seen, tf.mul(guess, hole)),
          truth: images,
          loss: weightedMean(errors(guess, images), weights(own), [1, 2, 3]), // [B]
        };
      },
    },

    failing: {
      symptoms: [onlyMean('train/hole_loss', 1, { remedy: lowerRate(optimizer) })],
      collapse: lowerRate(optimizer),
    },
  };
}

interface InpaintingInputs extends Tensors {
  readonly images: Tensor4D;
  /** [B, H, W, 1]: 1 where a pixel is cut out, else 0. */
  readonly hole: Tensor4D;
  /** [B, H, W, 1]: 1 where a pixel stays but is predicted too. */
  readonly overlap: Tensor4D;
}

/** Over `axes`, by default all. */
const weightedMean = <T extends tf.Tensor>(values: Tensor4D, weights: Tensor4D, axes?: number[]): T =>
  tf.div<T>(tf.sum(tf.mul(values, weights), axes), tf.sum(weights, axes));

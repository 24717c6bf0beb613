/**
 * Rotation (Gidaris et al. 2018, "Unsupervised Representation Learning by Predicting Image Rotations",
 * arXiv:1803.07728). Every image of a batch is posed in all four quarter turns, and a linear head on the embedding says
 * which it is. Turns move pixels and compute none, so that no artefact gives them away.
 *
 * Parameters besides the encoder's: `head.{kernel,bias}`. The paper's encoder is convolutional; a ViT learns here with
 * the positions that it has, since a turned image leaves them where they are.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { RotationConfig } from '../../protocol/config';
import type { Tensors } from '../engine/types';
import type { Encoder } from '../nn/encoder';
import { dense, initDense } from '../nn/layers';
import { choiceLoss, guessing, paintChoices, readAnswers } from './choice';
import { lowerRate } from './method';
import type { Method } from './method';

const TURNS = 4;

export function createRotation({ transform, optimizer }: RotationConfig, imageSize: number, encoder: Encoder): Method {
  /** images [N, H, W, C] -> [N, 4]; `updates` as of `Encoder.embed`. */
  const logits = (params: Tensors, images: Tensor4D, updates?: Record<string, Tensor>): Tensor2D =>
    dense(params, 'head', encoder.embed(params, images, updates));

  return {
    encoder,
    views: { images: { imageSize, transform } },

    init: (seed) => ({ ...encoder.init(seed), ...initDense('head', encoder.width, TURNS, seed) }),

    inputs: (batchSize) => ({
      images: { shape: [batchSize, imageSize, imageSize, 3], dtype: 'float32' },
      turn: { shape: [batchSize], dtype: 'int32' },
    }),

    draw: (batchSize, random) => ({ turn: Int32Array.from({ length: batchSize }, () => random.int(TURNS)) }),

    loss(params, inputs) {
      const { images } = inputs as RotationInputs;
      const batch = images.shape[0];
      const truths = Int32Array.from({ length: TURNS * batch }, (_, i) => Math.floor(i / batch));
      const buffers: Record<string, Tensor> = {};
      const posed = tf.concat(turns(images)); // [4B, H, W, C]
      return { ...choiceLoss(logits(params, posed, buffers), tf.tensor1d(truths, 'int32')), buffers };
    },

    pictures: {
      title: 'Rotation',
      columns: [
        { name: 'posed', title: 'posed' },
        { name: 'answered', title: 'turned back by the guess' },
      ],
      note:
        'Each image is turned counter-clockwise by some quarters, and the model says by how many. It was right where the ' +
        'second picture stands upright. In training every image is posed in all four ways.',

      paint(params, inputs) {
        const { images, turn } = inputs as RotationInputs;
        const posed = turned(images, turn);
        const choices = paintChoices(logits(params, posed), turn);
        const all = tf.scalar(TURNS, 'int32');
        const back: Tensor1D = tf.mod(tf.sub(all, choices.guess), all);
        return { posed, answered: turned(posed, back), ...choices };
      },

      read: (painted) => ({ answers: readAnswers(painted, (turn) => `${turn * 90}°`) }),
    },

    failing: {
      symptoms: [
        guessing(TURNS, {
          remedy: `${lowerRate(optimizer)}, or train for more pretrain.steps: turns are often told only after a long while. Images without an upright side cannot be told at all`,
          patience: 0.3,
        }),
      ],
      collapse: lowerRate(optimizer),
    },
  };
}

interface RotationInputs extends Tensors {
  readonly images: Tensor4D;
  /** [B]: by how many quarters each image is turned in the pictures; a step poses it in all ways. */
  readonly turn: Tensor1D;
}

/** Square images [B, H, H, C] turned counter-clockwise by 0, 1, 2 and 3 quarters. */
function turns(images: Tensor4D): Tensor4D[] {
  const transposed = tf.transpose(images, [0, 2, 1, 3]);
  return [images, tf.reverse(transposed, 1), tf.reverse(images, [1, 2]), tf.reverse(transposed, 2)];
}

/** Each of images [B, H, H, C] turned by as many quarters as `turn` [B] says. */
function turned(images: Tensor4D, turn: Tensor1D): Tensor4D {
  const batch = images.shape[0];
  const rows: Tensor1D = tf.add(tf.mul(turn, tf.scalar(batch, 'int32')), tf.range(0, batch, 1, 'int32')); // [B]
  return tf.gather(tf.concat(turns(images)), rows); // of [4B, H, H, C]
}

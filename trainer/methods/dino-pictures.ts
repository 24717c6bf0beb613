/** What DINO is about, to look at: views, where the teacher's heads attend, and how both use the prototypes. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Tensors } from '../engine/types';
import { entropy } from '../nn/dino-head';
import type { Encoder, PatchEncoder } from '../nn/encoder';
import { unpatchify } from '../nn/patches';
import { teacherOf } from '../nn/train-step';
import type { Comparison } from './dino';
import type { Pictures } from './method';

/** More would be too small to see. */
const VIEWS_SHOWN = 2;
const HEADS_SHOWN = 6;

export function dinoPictures({
  imageSize,
  localSize,
  small,
  encoder,
  compare,
  usage,
}: {
  readonly imageSize: number;
  readonly localSize: number;
  /** Names of the small views. */
  readonly small: readonly string[];
  readonly encoder: Encoder;
  readonly compare: (state: Tensors, inputs: Tensors) => Comparison;
  /** How often each prototype was taken lately, [K], summing to 1. */
  readonly usage: (state: Tensors) => Tensor;
}): Pictures {
  const views = small.slice(0, VIEWS_SHOWN);
  const attending = isPatchEncoder(encoder) ? encoder : undefined;
  const heads = Array.from({ length: Math.min(attending?.heads ?? 0, HEADS_SHOWN) }, (_, head) => `head${head + 1}`);

  return {
    title: 'Views and attention',
    columns: [
      { name: 'global1', title: 'large view' },
      ...views.map((name, i) => ({ name, title: `small view ${i + 1}` })),
      ...heads.map((name, i) => ({ name, title: `head ${i + 1}` })),
    ],
    note:
      `The student has to tell from ${small.length > 0 ? 'any view, large or small,' : 'one view'} what the teacher makes of another. ` +
      (heads.length > 0
        ? "Heads: how much attention each patch of the large view gets in the teacher's last block, on average over all " +
          'patches (there is no class token), relative to the patch that gets the most. '
        : '') +
      'The loss is that of these views.',

    paint(state, inputs) {
      const { teacher, student, losses } = compare(state, inputs);
      const maps = attending && attention(attending, teacherOf(state), inputs.global1 as Tensor4D); // [B, H, N]
      const share = usage(state);
      return {
        global1: inputs.global1!,
        ...Object.fromEntries(views.map((name) => [name, framed(inputs[name] as Tensor4D, imageSize - localSize)])),
        ...Object.fromEntries(
          heads.map((name, head) => [name, heat(tf.slice(maps!, [0, head, 0], [-1, 1, -1]), attending!, inputs)]),
        ),
        loss: losses, // [B]
        teacher_entropy: entropy(teacher), // [2, B]
        student_entropy: entropy(tf.exp(student)), // [V, B]
        usage: tf.mul(share, share.size), // [K]
      };
    },

    read({ teacher_entropy, student_entropy, usage }) {
      const entropy = `Entropy of assignments in nats, of at most ${Math.log(usage!.data.length).toFixed(2)}`;
      const taken = 'How often the teacher took each prototype in the last steps, 1 if all alike';
      return {
        distributions: [
          { title: "teacher's, of large views", axis: entropy, values: [...teacher_entropy!.data] },
          { title: "student's, of all views", axis: entropy, values: [...student_entropy!.data] },
          { title: 'prototypes', axis: taken, values: [...usage!.data] },
        ],
      };
    },
  };
}

const isPatchEncoder = (encoder: Encoder): encoder is PatchEncoder => 'attention' in encoder;

/** What each patch gets, on average over those that attend: -> [B, H, N]. */
const attention = (encoder: PatchEncoder, params: Tensors, images: Tensor4D): Tensor3D =>
  tf.mean(encoder.attention(params, images), 2);

/** Amid the mean colour, `by` px larger: [B, s, s, 3] -> [B, s + by, s + by, 3]. */
function framed(images: Tensor4D, by: number): Tensor4D {
  const sides: [number, number] = [by >> 1, by - (by >> 1)];
  return tf.pad(images, [[0, 0], sides, sides, [0, 0]]);
}

/** From black over red and yellow to white, by the share of the largest: weights [B, 1, N] -> [B, s, s, 3], normalised. */
function heat(weights: Tensor3D, { patchSize }: PatchEncoder, { pixel_mean, pixel_std }: Tensors): Tensor4D {
  const [batch, , patches] = weights.shape;
  const relative = tf.reshape(tf.div(weights, tf.max(weights, -1, true)), [batch, patches, 1]); // [B, N, 1]
  const levels = tf.sub(tf.mul(relative, 3), tf.tensor1d([0, 1, 2])); // [B, N, 3]
  const colours = tf.div(tf.sub(tf.clipByValue(levels, 0, 1), pixel_mean!), pixel_std!);
  const pixels = tf.mul(tf.expandDims(colours, 2), tf.ones([patchSize * patchSize, 1])); // [B, N, p*p, 3]
  return unpatchify(tf.reshape(pixels, [batch, patches, -1]), patchSize);
}

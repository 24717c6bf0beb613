/**
 * DINO (Caron et al. 2021, "Emerging Properties in Self-Supervised Vision Transformers", arXiv:2104.14294): a student and
 * a teacher, which is the student's exponential moving average, assign views of an image to prototypes, and the student
 * learns to agree with what the teacher makes of another view. The teacher sees large views only, the student small ones
 * too. Two things keep both from one answer for everything: the teacher's outputs are centred, so that no prototype wins
 * always, and sharpened by a low temperature, so that not all win alike.
 *
 * The teacher is the better of the two, as in the paper, and the one that is evaluated and exported.
 *
 * Differences from the authors' code: the embedding is the mean of patch tokens, there being no class token; positions
 * are fixed, and those of a small view are interpolated as coordinates where theirs are learned and interpolated as
 * values; the teacher's temperature rises step by step, not epoch by epoch; prototypes that wait have gradients of zero,
 * where theirs have none: meanwhile they decay, which changes no direction, and the optimizer counts their steps. Of a
 * ResNet, the teacher keeps its own running statistics.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { localSizeOf } from '../../protocol/config';
import type { DinoConfig } from '../../protocol/config';
import type { Specs, Tensors } from '../engine/types';
import { dinoHead, entropy, initDinoHead, PROTOTYPES } from '../nn/dino-head';
import type { Encoder } from '../nn/encoder';
import { constant } from '../nn/initializers';
import { initTeacher, teacherOf, TEACHER_PREFIX } from '../nn/train-step';
import { dinoPictures } from './dino-pictures';
import { lowerRate } from './method';
import type { Failing, Method } from './method';

/** The moving mean of the teacher's outputs, [K]. */
const CENTER = 'buffer.center';
/** The moving mean of the teacher's assignments, [K]: only to look at. */
const USAGE = 'buffer.usage';
const USAGE_MOMENTUM = 0.9;

/** Prototypes, in the sense of an entropy, of which fewer are an answer for everything. */
const FEW_PROTOTYPES = 8;
/** Share of the highest entropy from which on an assignment says nothing. */
const EVEN = 0.95;

const LARGE = ['global1', 'global2'];

/** What the networks make of one batch: B images, V views of which the first two are large, K prototypes. */
export interface Comparison {
  /** The teacher's assignments of the large views, [2, B, K]: probabilities. */
  readonly teacher: Tensor3D;
  /** The student's of all views, [V, B, K]: log-probabilities. */
  readonly student: Tensor3D;
  /** Cross entropy of each image, the mean over all pairs of two different views, [B]. */
  readonly losses: Tensor1D;
}

export function createDino(config: DinoConfig, imageSize: number, encoder: Encoder): Method {
  const { head, localViews, studentTemperature, teacherTemperature, centerMomentum } = config;
  const localSize = localSizeOf(config, imageSize);
  const { prototypes } = head;
  const small = Array.from({ length: localViews }, (_, i) => `local${i + 1}`);

  /**
   * Views of one size, as one batch -> outputs [views, B, K]. `updates`, in training, gets the running statistics of batch
   * norms.
   */
  function outputs(
    params: Tensors,
    inputs: Tensors,
    views: readonly string[],
    updates?: Record<string, Tensor>,
  ): Tensor3D {
    const images = tf.concat(views.map((view) => inputs[view] as Tensor4D)); // [views*B, s, s, 3]
    const similarities = dinoHead(params, encoder.embed(params, images, updates)); // [views*B, K]
    return tf.reshape(similarities, [views.length, -1, prototypes]);
  }

  function studentOutputs(state: Tensors, inputs: Tensors, updates?: Record<string, Tensor>): Tensor3D {
    const large = outputs(state, inputs, LARGE, updates);
    if (small.length === 0) return large;
    return tf.concat([large, outputs(state, inputs, small, updates)]); // [V, B, K]
  }

  const teacherOutputs = (state: Tensors, inputs: Tensors, updates?: Record<string, Tensor>) =>
    outputs(teacherOf(state), inputs, LARGE, updates); // [2, B, K]

  function compare(state: Tensors, inputs: Tensors, ofStudent: Tensor3D, ofTeacher: Tensor3D): Comparison {
    const centred = tf.sub(ofTeacher, state[CENTER]!);
    const teacher = tf.softmax<Tensor3D>(tf.div(centred, inputs.teacher_temperature!));
    const student = tf.logSoftmax<Tensor3D>(tf.div(ofStudent, studentTemperature));
    // Of each of the teacher's views, all of the student's but the same one: [1, B, K] - [2, B, K].
    const others = tf.sub(tf.sum(student, 0, true), tf.slice(student, [0, 0, 0], [2, -1, -1]));
    const pairs = 2 * (LARGE.length + small.length - 1);
    const losses = tf.div<Tensor1D>(tf.sum(tf.mul(teacher, others), [0, 2]), -pairs); // [B]
    return { teacher, student, losses };
  }

  return {
    encoder,
    evaluated: teacherOf,
    views: {
      global1: { imageSize, transform: config.transform },
      global2: { imageSize, transform: config.secondTransform },
      ...Object.fromEntries(small.map((view) => [view, { imageSize: localSize, transform: config.localTransform }])),
    },

    init(seed) {
      const student = { ...encoder.init(seed), ...initDinoHead(encoder.width, head, seed) };
      return {
        ...student,
        ...initTeacher(student, () => true),
        [CENTER]: constant([prototypes], 0),
        [USAGE]: constant([prototypes], 1 / prototypes),
      };
    },

    inputs(batchSize): Specs {
      const images = (side: number) => ({ shape: [batchSize, side, side, 3], dtype: 'float32' }) as const;
      const scalar = { shape: [], dtype: 'float32' } as const;
      return {
        ...Object.fromEntries(LARGE.map((view) => [view, images(imageSize)])),
        ...Object.fromEntries(small.map((view) => [view, images(localSize)])),
        teacher_temperature: scalar,
        teacher_momentum: scalar,
        weight_decay: scalar,
        prototypes_learn: scalar,
        pixel_mean: { shape: [3], dtype: 'float32' },
        pixel_std: { shape: [3], dtype: 'float32' },
      };
    },

    draw: () => ({}),

    scheduled({ step, totalSteps }) {
      const progress = step / totalSteps;
      const [from, to] = teacherTemperature;
      const warmed = progress < config.temperatureWarmup ? progress / config.temperatureWarmup : 1;
      return {
        teacher_temperature: from + (to - from) * warmed,
        teacher_momentum: cosine(config.teacherMomentum, 1, progress),
        weight_decay: cosine(config.optimizer.weightDecay, config.finalWeightDecay, progress),
        prototypes_learn: progress < config.freezePrototypes ? 0 : 1,
      };
    },

    loss(state, inputs) {
      const ofStudent: Record<string, Tensor> = {};
      const ofTeacher: Record<string, Tensor> = {};
      const outputs = teacherOutputs(state, inputs, ofTeacher);
      const { teacher, losses } = compare(state, inputs, studentOutputs(state, inputs, ofStudent), outputs);
      const loss = tf.mean<Scalar>(losses);
      const usage = moved(state[USAGE]!, tf.mean(teacher, [0, 1]), USAGE_MOMENTUM); // [K]
      const uncertainty = tf.mean(entropy(teacher));
      return {
        loss,
        metrics: {
          'train/prototype_entropy': entropy(usage),
          'train/assignment_entropy': uncertainty,
          'train/teacher_student_kl': tf.sub(loss, uncertainty),
        },
        buffers: {
          ...ofStudent,
          ...renamed(ofTeacher, (name) => `${TEACHER_PREFIX}${name}`),
          [CENTER]: moved(state[CENTER]!, tf.mean(outputs, [0, 1]), centerMomentum),
          [USAGE]: usage,
        },
      };
    },

    hasTeacher: () => true,

    gradients(grads, { prototypes_learn }) {
      const clipped = Object.entries(grads).map(([name, gradient]): [string, Tensor] => {
        const norm = tf.sqrt(tf.sum(tf.square(gradient)));
        // As in PyTorch's clip_grad_norm_, whose 1e-6 keeps the quotient finite.
        const factor = tf.minimum(tf.div(config.clipParameters, tf.add(norm, 1e-6)), 1);
        return [name, tf.mul(gradient, name === PROTOTYPES ? tf.mul(factor, prototypes_learn!) : factor)];
      });
      return Object.fromEntries(clipped);
    },

    pictures: dinoPictures({
      imageSize,
      localSize,
      small,
      encoder,
      compare: (state, inputs) => compare(state, inputs, studentOutputs(state, inputs), teacherOutputs(state, inputs)),
      usage: (state) => state[USAGE]!,
    }),

    failing: failingOf(config),
  };
}

/** The two ways to one answer for everything (section 5.3 of the paper), and what keeps from them. */
function failingOf(config: DinoConfig): Failing {
  const { head, teacherMomentum, teacherTemperature, centerMomentum, optimizer } = config;
  const { prototypes } = head;
  const few = Math.min(FEW_PROTOTYPES, Math.max(1.5, prototypes / 8));
  const follows =
    teacherMomentum < 0.99
      ? `The teacher follows the student too fast: raise pretrain.teacherMomentum, now ${teacherMomentum}, to 0.996 or more`
      : `Raise pretrain.teacherMomentum, now ${teacherMomentum}, or ${lowerRate(optimizer)}`;
  const decentred =
    centerMomentum > 0.95
      ? `The centre follows too slowly: lower pretrain.centerMomentum, now ${centerMomentum}`
      : follows;
  const highest = Math.max(...teacherTemperature);
  return {
    symptoms: [
      {
        metric: 'train/prototype_entropy',
        side: 'below',
        threshold: Math.log(few),
        means: `the teacher takes fewer than ${few} of ${prototypes} prototypes for all images`,
        remedy: teacherMomentum < 0.99 ? follows : decentred,
      },
      {
        metric: 'train/assignment_entropy',
        side: 'above',
        threshold: EVEN * Math.log(prototypes),
        means: `the teacher takes all ${prototypes} prototypes alike for every image, an entropy of ln ${prototypes} = ${Math.log(prototypes).toFixed(2)}`,
        remedy: `The teacher is not sharp enough: lower pretrain.teacherTemperature, which reaches ${highest}. ${follows}`,
      },
    ],
    collapse: follows,
  };
}

/** From `from` to `to` along half a cosine, for `progress` in 0 .. 1. */
const cosine = (from: number, to: number, progress: number) =>
  to + ((from - to) * (1 + Math.cos(Math.PI * Math.min(1, progress)))) / 2;

const moved = (old: Tensor, by: Tensor, momentum: number): Tensor =>
  tf.add(tf.mul(old, momentum), tf.mul(by, 1 - momentum));

const renamed = (tensors: Tensors, rename: (name: string) => string): Tensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [rename(name), tensor]));

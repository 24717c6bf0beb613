/**
 * MoCo, momentum contrast: a query, one view of an image, must find its key, another view of it, among the keys of other
 * images. Keys come from a momentum encoder, an average of the trained one over time that no gradient reaches.
 *
 * Version 2 (He et al. 2019, arXiv:1911.05722; Chen et al. 2020, arXiv:2003.04297): negatives are the keys of the last
 * batches, in a queue. Version 3 (Chen et al. 2021, arXiv:2104.02057): negatives are the other keys of the batch, both
 * views are queries and keys, a predictor follows the queries' projector, the momentum rises to 1, and a ViT's patch
 * projection stays as it was drawn.
 *
 * As in the authors' code keys are made in training mode: batch norms go by the batch of keys, and the momentum encoder
 * gathers running statistics of its own. The momentum encoder is moved after an update instead of before the next keys are
 * made, which is the same.
 *
 * Left out: shuffling the batch between devices, so that a query and its key do not share the statistics of a batch norm.
 * There is one device; a ViT has no batch norm, nor has the projector of version 2. With a ResNet query and key are
 * normalised with statistics of the same images, which the authors found to make version 2's task easier to cheat.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { MocoConfig } from '../../protocol/config';
import { softmaxCrossEntropy } from '../engine/ops';
import type { HostTensor, HostTensors, Tensors } from '../engine/types';
import type { Encoder } from '../nn/encoder';
import { head, initHead } from '../nn/heads';
import type { HeadConfig } from '../nn/heads';
import { normal } from '../nn/initializers';
import { BUFFER_PREFIX, TEACHER_PREFIX, initTeacher, teacherOf } from '../nn/train-step';
import { guessing } from './choice';
import { accuracy, allAlike, normalized, pairPictures, pairSpecs } from './contrast';
import type { Comparison, Pair, Updates } from './contrast';
import { lowerRate } from './method';
import type { Method, Symptom } from './method';

const QUEUE = `${BUFFER_PREFIX}queue`;
/** The momentum encoder's parts, and their running statistics. */
const followed = /^(buffer\.)?(encoder|projector)\./;

export function createMoco(config: MocoConfig, imageSize: number, encoder: Encoder): Method {
  const { version, momentum, transform } = config;
  const view = { imageSize, transform };
  const contrast = version === 'v2' ? queueContrast(config, encoder) : batchContrast(config, encoder);

  return {
    encoder,
    views: { first: view, second: view },

    init(seed) {
      const state = contrast.init(seed);
      return { ...state, ...initTeacher(state, (name) => followed.test(name)) };
    },
    hasTeacher: (name) => followed.test(name),
    isFrozen: contrast.isFrozen,

    inputs: (batchSize) => ({ ...pairSpecs(batchSize, imageSize), teacher_momentum: { shape: [], dtype: 'float32' } }),

    draw: () => ({}),

    scheduled({ step, totalSteps }) {
      // Half a cosine, from `momentum` to 1.
      const rise = version === 'v3' ? (1 - Math.cos((Math.PI * step) / totalSteps)) / 2 : 0;
      return { teacher_momentum: momentum + (1 - momentum) * rise };
    },

    loss: contrast.loss,

    pictures: pairPictures(contrast.note, contrast.compare),

    failing: { symptoms: [contrast.symptom(remedyOf(config))], collapse: remedyOf(config) },
  };
}

/** A momentum encoder that follows too fast gives keys that change under the queries. */
const remedyOf = ({ momentum, optimizer }: MocoConfig): string =>
  momentum < 0.99
    ? `raise pretrain.momentum, now ${momentum}, to 0.99 or more`
    : `${lowerRate(optimizer)}; with batches of few images, raise pretrain.momentum, now ${momentum}`;

/** Where the versions differ. */
interface Contrast extends Pick<Method, 'isFrozen' | 'loss'> {
  readonly init: (seed: number) => HostTensors;
  readonly note: string;
  readonly symptom: (remedy: string) => Symptom;
  readonly compare: (params: Tensors, pair: Pair) => Comparison;
}

/** What becomes of images [B, H, W, 3] on the trained side, a projection [B, D], and on the side that follows it, keys [B, D]. */
function encoders(encoder: Encoder, projection: HeadConfig) {
  const project = (params: Tensors, images: Tensor4D, updates?: Updates): Tensor2D =>
    head(params, 'projector', projection, encoder.embed(params, images, updates), updates);

  /** Of length 1. The statistics that batch norms gather go into `updates` as the momentum encoder's own. */
  function keys(params: Tensors, images: Tensor4D, updates?: Updates): Tensor2D {
    const own: Updates | undefined = updates && {};
    const result = project({ ...teacherOf(params), ...teacherOf(updates ?? {}) }, images, own);
    for (const [name, value] of Object.entries(own ?? {})) updates![`${TEACHER_PREFIX}${name}`] = value;
    return normalized(result);
  }
  return { project, keys };
}

/** Version 2: the first view asks, the second is the key, and the keys of the batches before it are the negatives. */
function queueContrast({ queue: size, temperature, projector }: MocoConfig, encoder: Encoder): Contrast {
  const projection: HeadConfig = { widths: headWidths(encoder.width, projector, 2), norms: 'none' };
  const { project, keys } = encoders(encoder, projection);

  /** Of each query the similarity to its key, then to all of the queue: [B, 1 + K]. The right choice is always the first. */
  function similarities(queries: Tensor2D, own: Tensor2D, queue: Tensor2D): Tensor2D {
    const positive = tf.sum<Tensor2D>(tf.mul(queries, own), -1, true); // [B, 1]
    return tf.concat([positive, tf.matMul(queries, queue, false, true)], 1);
  }
  const firsts = (rows: Tensor2D) => tf.zeros<tf.Rank.R1>([rows.shape[0]], 'int32');

  return {
    init: (seed) => ({
      ...encoder.init(seed),
      ...initHead('projector', projection, seed),
      [QUEUE]: unitRows(normal([size, projector.output], 1, seed, QUEUE)),
    }),

    loss(params, inputs) {
      const pair = inputs as Pair;
      const queue = params[QUEUE] as Tensor2D;
      const updates: Updates = {};
      const queries = normalized(project(params, pair.first, updates));
      const own = keys(params, pair.second, updates);
      const logits: Tensor2D = tf.div(similarities(queries, own, queue), temperature);
      const batch = own.shape[0];
      return {
        loss: tf.mean<Scalar>(softmaxCrossEntropy(logits, firsts(logits))),
        metrics: { 'train/accuracy': accuracy(logits, firsts(logits)) },
        // The newest keys first: the oldest fall off the end.
        buffers: { ...updates, [QUEUE]: tf.concat([own, tf.slice(queue, 0, size - batch)]) },
      };
    },

    note:
      'The first view asks for its key, the second view as the momentum encoder sees it. Negatives are the newest keys of ' +
      'the queue; the loss is against all of it. Similarities are of projections, not of embeddings.',

    symptom: (remedy) => guessing(1 + size, { remedy: `${allAlike} ${remedy}` }),

    compare(params, pair) {
      const queue = params[QUEUE] as Tensor2D;
      const queries = normalized(project(params, pair.first));
      const own = keys(params, pair.second);
      const all = similarities(queries, own, queue); // [B, 1 + K]
      return {
        first: queries,
        second: own,
        loss: softmaxCrossEntropy(tf.div(all, temperature), firsts(all)),
        negatives: tf.slice(all, [0, 1], [-1, Math.min(size, SHOWN)]),
      };
    },
  };
}

/** Of the queue, in pictures. */
const SHOWN = 64;

/** Version 3: each view asks for the other view's key among all keys of its batch; the predictor makes the question. */
function batchContrast({ temperature, projector, backbone, batchSize }: MocoConfig, encoder: Encoder): Contrast {
  // As in the authors' code: for a ViT a deeper projector, and a batch norm at the end of the predictor.
  const isVit = backbone.type === 'vit';
  const projection: HeadConfig = { widths: headWidths(encoder.width, projector, isVit ? 3 : 2), norms: 'all' };
  const { hidden, output } = projector;
  const prediction: HeadConfig = { widths: [output, hidden, output], norms: isVit ? 'all' : 'hidden' };
  const { project, keys } = encoders(encoder, projection);

  const queries = (params: Tensors, images: Tensor4D, updates?: Updates): Tensor2D =>
    normalized(head(params, 'predictor', prediction, project(params, images, updates), updates));

  /** Each query's similarities to all keys, [B, B], and its own key's place [B]. */
  function choices(asked: Tensor2D, answers: Tensor2D): { logits: Tensor2D; labels: Tensor1D } {
    const logits: Tensor2D = tf.div(tf.matMul(asked, answers, false, true), temperature);
    return { logits, labels: tf.range(0, asked.shape[0], 1, 'int32') };
  }

  /** Both directions. The factor keeps the size of gradients when the temperature changes. */
  function losses(directions: ReturnType<typeof choices>[]): Tensor1D {
    const rows = directions.map(({ logits, labels }) => softmaxCrossEntropy(logits, labels));
    return tf.mul(tf.addN(rows), 2 * temperature); // [B]
  }

  return {
    init: (seed) => ({
      ...encoder.init(seed),
      ...initHead('projector', projection, seed),
      ...initHead('predictor', prediction, seed),
    }),

    isFrozen: (name) => isVit && name.startsWith('encoder.patch.'),

    loss(params, inputs) {
      const { first, second } = inputs as Pair;
      const updates: Updates = {};
      const [q1, q2] = [queries(params, first, updates), queries(params, second, updates)];
      const [k1, k2] = [keys(params, first, updates), keys(params, second, updates)];
      const directions = [choices(q1, k2), choices(q2, k1)];
      const accuracies = directions.map(({ logits, labels }) => accuracy(logits, labels));
      return {
        loss: tf.mean<Scalar>(losses(directions)),
        metrics: { 'train/accuracy': tf.div(tf.addN(accuracies), 2) },
        buffers: updates,
      };
    },

    note:
      'Each view asks for the key of the other, which the momentum encoder makes. Compared are the question of the first ' +
      'view and the key of the second. The loss is among the images shown, so it is smaller than in a larger batch.',

    symptom(remedy) {
      const symptom = guessing(batchSize, { remedy: `${allAlike} ${remedy}` });
      // The loss is the sum of both directions, times 2 T.
      const factor = 4 * temperature;
      const means = `${symptom.means}, times ${factor} as its two directions are scaled`;
      return { ...symptom, threshold: factor * symptom.threshold, means };
    },

    compare(params, { first, second }) {
      const [q1, q2] = [queries(params, first), queries(params, second)];
      const [k1, k2] = [keys(params, first), keys(params, second)];
      return { first: q1, second: k2, loss: losses([choices(q1, k2), choices(q2, k1)]) };
    },
  };
}

function headWidths(inputs: number, { layers, hidden, output }: MocoConfig['projector'], usual: number): number[] {
  return [inputs, ...Array.from({ length: (layers ?? usual) - 1 }, () => hidden), output];
}

/** Rows at length 1, on the host: [R, D]. */
function unitRows({ shape, dtype, data }: HostTensor): HostTensor {
  const width = shape[1]!;
  const scaled = data.slice();
  for (let start = 0; start < scaled.length; start += width) {
    const length = Math.hypot(...scaled.subarray(start, start + width));
    for (let i = start; i < start + width; i++) scaled[i]! /= length;
  }
  return { shape, dtype, data: scaled };
}

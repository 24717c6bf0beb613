/** What contrastive methods share: comparing views on the unit sphere, and showing how views compare. */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { HostTensor, Specs, Tensors } from '../engine/types';
import type { Pictures, Reading } from './method';

const CHANNELS = 3;

/** What a loss by chance means for a contrastive task. */
export const allAlike = 'Views of all images are projected alike. In most cases the updates are too large:';

/** The running statistics that a forward pass has moved, by the names of the state that they are kept in. */
export type Updates = Record<string, Tensor>;

/** Two views of the same images, [B, H, W, 3] each. */
export interface Pair extends Tensors {
  readonly first: Tensor4D;
  readonly second: Tensor4D;
}

export function pairSpecs(batchSize: number, imageSize: number): Specs {
  const view = { shape: [batchSize, imageSize, imageSize, CHANNELS], dtype: 'float32' } as const;
  return { first: view, second: view };
}

/** Rows at length 1: [R, D] -> [R, D]. */
export function normalized(rows: Tensor2D): Tensor2D {
  const squares = tf.sum(tf.square(rows), -1, true); // [R, 1]
  return tf.mul(rows, tf.rsqrt(tf.add(squares, 1e-12)));
}

/** Share of the rows of logits [R, C] that are largest at their label [R]. */
export function accuracy(logits: Tensor2D, labels: Tensor1D): Scalar {
  return tf.mean<Scalar>(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32'));
}

/** How pairs compare: unit vectors of the first and of the second views, [B, D] each, and the loss of each image [B]. */
export interface Comparison {
  readonly first: Tensor2D;
  readonly second: Tensor2D;
  readonly loss: Tensor1D;
  /** Similarities to what the views should be told from, [B, M]; when not given, the views of the other images. */
  readonly negatives?: Tensor2D;
}

/** Both views of each image, their similarity matrix, and the similarities of positives and negatives. */
export function pairPictures(note: string, compare: (params: Tensors, inputs: Pair) => Comparison): Pictures {
  return {
    title: 'Views',
    columns: [
      { name: 'first', title: 'first view' },
      { name: 'second', title: 'second view' },
    ],
    note,
    paint(params, inputs) {
      const pair = inputs as Pair;
      const { first, second, loss, negatives } = compare(params, pair);
      // The views of an image beside each other: agreement is a diagonal of squares of two.
      const views: Tensor2D = tf.reshape(tf.stack([first, second], 1), [-1, first.shape[1]]); // [2B, D]
      const painted = {
        first: pair.first,
        second: pair.second,
        loss,
        similarities: tf.matMul(views, views, false, true),
      };
      return negatives ? { ...painted, negatives } : painted;
    },
    read: ({ similarities, negatives }) => readSimilarities(similarities!, negatives),
  };
}

function readSimilarities({ data, shape }: HostTensor, negatives?: HostTensor): Reading {
  const views = shape[0]!;
  const at = (pairs: (a: number, b: number) => boolean): number[] => {
    const values: number[] = [];
    for (let a = 0; a < views; a++) {
      for (let b = a + 1; b < views; b++) if (pairs(a, b)) values.push(data[a * views + b]!);
    }
    return values;
  };
  const isPair = (a: number, b: number) => a >> 1 === b >> 1;
  return {
    similarities: {
      labels: Array.from(
        { length: views },
        (_, i) => `image ${(i >> 1) + 1}, ${i % 2 === 0 ? 'first' : 'second'} view`,
      ),
      values: Array.from(data),
    },
    distributions: [
      { title: 'positive pairs', values: at(isPair) },
      { title: 'negative pairs', values: negatives ? Array.from(negatives.data) : at((a, b) => !isPair(a, b)) },
    ],
  };
}

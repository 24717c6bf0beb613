/**
 * SimCLR (Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations", arXiv:2002.05709).
 * Two random views are drawn of each of N images; each view must find the other of its image among all 2N - 1 others by
 * cosine similarity, in both directions (NT-Xent). What is compared is not the embedding but what a small projector makes
 * of it; the projector is thrown away.
 *
 * Both views go through encoder and projector as one batch of 2N, so batch norms see both. As in the authors' code the
 * projector's last layer has a batch norm and neither bias nor ReLU; its scale is left out. The loss is the mean over the
 * 2N views, as in the paper (the code adds the two directions: twice that).
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import type { SimclrConfig } from '../../protocol/config';
import { softmaxCrossEntropy } from '../engine/ops';
import type { Tensors } from '../engine/types';
import type { Encoder } from '../nn/encoder';
import { head, initHead } from '../nn/heads';
import type { HeadConfig } from '../nn/heads';
import { guessing } from './choice';
import { accuracy, allAlike, normalized, pairPictures, pairSpecs } from './contrast';
import type { Pair, Updates } from './contrast';
import { lowerRate } from './method';
import type { Method } from './method';

export function createSimclr(config: SimclrConfig, imageSize: number, encoder: Encoder): Method {
  const { temperature, transform, projector, batchSize, optimizer } = config;
  const view = { imageSize, transform };
  const hidden = Array.from({ length: projector.layers - 1 }, () => projector.hidden);
  const projection: HeadConfig = { widths: [encoder.width, ...hidden, projector.output], norms: 'all' };

  /** All views on the unit sphere, the first ones before the second ones: [2N, D]. */
  function project(params: Tensors, { first, second }: Pair, updates?: Updates): Tensor2D {
    const embedded = encoder.embed(params, tf.concat([first, second]), updates); // [2N, width]
    return normalized(head(params, 'projector', projection, embedded, updates));
  }

  /** What each view [2N, D] has to choose from: similarities [2N, 2N], and which of them is the other view [2N]. */
  function choices(views: Tensor2D): { logits: Tensor2D; labels: Tensor1D } {
    const count = views.shape[0];
    const similarities: Tensor2D = tf.div(tf.matMul(views, views, false, true), temperature); // [2N, 2N]
    const index = tf.range(0, count, 1, 'int32');
    const self = tf.equal(tf.expandDims(index, 1), index); // [2N, 2N]
    const labels = Int32Array.from({ length: count }, (_, i) => (i + count / 2) % count);
    return {
      logits: tf.where<Tensor2D>(self, tf.fill<tf.Rank.R2>([count, count], -1e9), similarities),
      labels: tf.tensor1d(labels, 'int32'),
    };
  }

  return {
    encoder,
    views: { first: view, second: view },

    init: (seed) => ({ ...encoder.init(seed), ...initHead('projector', projection, seed) }),

    inputs: (batchSize) => pairSpecs(batchSize, imageSize),

    draw: () => ({}),

    loss(params, inputs) {
      const updates: Updates = {};
      const { logits, labels } = choices(project(params, inputs as Pair, updates));
      return {
        loss: tf.mean<Scalar>(softmaxCrossEntropy(logits, labels)),
        metrics: { 'train/accuracy': accuracy(logits, labels) },
        buffers: updates,
      };
    },

    pictures: pairPictures(
      'Each view should be most similar to the other view of its image. The loss is among the views shown, so it is ' +
        'smaller than in a batch of more images. Similarities are of projections, not of embeddings.',
      (params, pair) => {
        const views = project(params, pair);
        const { logits, labels } = choices(views);
        const [first, second] = tf.split(views, 2) as [Tensor2D, Tensor2D];
        const losses = tf.reshape(softmaxCrossEntropy(logits, labels), [2, -1]); // [2, N]
        return { first, second, loss: tf.mean<Tensor1D>(losses, 0) };
      },
    ),

    failing: {
      symptoms: [guessing(2 * batchSize - 1, { remedy: `${allAlike} ${lowerRate(optimizer)}` })],
      collapse: lowerRate(optimizer),
    },
  };
}

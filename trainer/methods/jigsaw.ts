/**
 * Jigsaw puzzles (Noroozi and Favaro 2016, "Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles",
 * arXiv:1603.09246). An image is cut into tiles, these are laid out in one of a set of orders, and a head that sees the
 * embeddings of all tiles says in which. What would give the order away without a look at the tiles' content is taken
 * from them: edges, by a gap and a jitter; brightness and contrast, by normalising every channel of every tile.
 *
 * One encoder embeds each tile by itself, as an image of the tile's size. So a ViT gives a tile's tokens the positions of
 * a grid as large as a tile, the same in every tile: they say where in a tile a patch is, and nothing of where in the
 * image the tile was. Positions are no parameters, so the weights are those of the encoder for whole images, which is
 * kept.
 *
 * Parameters besides the encoder's: `head.hidden.{kernel,bias}` and `head.order.{kernel,bias}`. Differences from the
 * paper: the head is one hidden layer on the tiles' embeddings; the set's orders maximise the smallest distance, not the
 * mean.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { tilingOf } from '../../protocol/config';
import type { JigsawConfig } from '../../protocol/config';
import type { Tensors } from '../engine/types';
import type { Encoder } from '../nn/encoder';
import { dense, initDense } from '../nn/layers';
import { pickPatches, unpatchify } from '../nn/patches';
import { choiceLoss, guessing, paintChoices, readAnswers } from './choice';
import { lowerRate } from './method';
import type { Method } from './method';

const CHANNELS = 3;

/**
 * `tileEncoder` is `encoder` for images of the tile's size. `orders` [permutations, tiles] says which tile lies at each
 * place, both counted row by row.
 */
export function createJigsaw(
  config: JigsawConfig,
  imageSize: number,
  encoder: Encoder,
  tileEncoder: Encoder,
  orders: Uint8Array,
): Method {
  const { grid, permutations, hiddenWidth, transform, optimizer } = config;
  const { cell, tile, margin } = tilingOf(config, imageSize);
  const tiles = grid * grid;
  const room = cell - tile + 1;

  /** Pixels of an image in reading order: by order and place the first of the tile's cell; those of a tile from its first. */
  const cells = Int32Array.from(orders, (at) =>
    pixel(margin + Math.floor(at / grid) * cell, margin + (at % grid) * cell),
  );
  const inTile = Int32Array.from({ length: tile * tile }, (_, i) => pixel(Math.floor(i / tile), i % tile));
  /** By order and tile the place where it lies: the orders' inverses. */
  const places = Int32Array.from(orders, (_, i) => {
    const first = i - (i % tiles);
    return orders.subarray(first, first + tiles).indexOf(i % tiles);
  });

  function pixel(row: number, column: number): number {
    return row * imageSize + column;
  }

  /** The rows of a table [permutations, tiles] that `permutation` [B] names. */
  const pick = (table: Int32Array, permutation: Tensor1D): Tensor2D =>
    tf.gather(tf.tensor2d(table, [permutations, tiles], 'int32'), permutation); // [B, T]

  /** The tiles of every image in the order in which they are laid out: [B, T, p * p, C]. */
  function cut({ images, permutation, jitter }: JigsawInputs): Tensor4D {
    const batch = images.shape[0];
    const first = Int32Array.from({ length: batch }, (_, image) => image * imageSize * imageSize);
    const corners = tf.add(tf.add(pick(cells, permutation), jitter), tf.tensor2d(first, [batch, 1], 'int32')); // [B, T]
    const pixels = tf.add<Tensor>(tf.expandDims(corners, -1), tf.tensor1d(inTile, 'int32')); // [B, T, p*p]
    const all: Tensor2D = tf.reshape(images, [-1, CHANNELS]); // [B*H*W, C]
    return tf.gather<Tensor>(all, pixels) as Tensor4D;
  }

  /** tiles [B, T, p * p, C] -> [B, permutations]; `updates` as of `Encoder.embed`. */
  function logits(params: Tensors, laidOut: Tensor4D, updates?: Record<string, Tensor>): Tensor2D {
    const batch = laidOut.shape[0];
    const images: Tensor4D = tf.reshape(normalized(laidOut), [batch * tiles, tile, tile, CHANNELS]);
    const embedded: Tensor2D = tf.reshape(tileEncoder.embed(params, images, updates), [batch, tiles * encoder.width]);
    return dense(params, 'head.order', tf.relu(dense(params, 'head.hidden', embedded)));
  }

  /** Tiles [B, T, p * p, C] in the middle of their cells, with gaps between: [B, H, W, C]. */
  function picture(laidOut: Tensor4D): Tensor4D {
    const batch = laidOut.shape[0];
    const before = Math.floor((cell - tile) / 2);
    const gap: [number, number] = [before, cell - tile - before];
    const square: Tensor4D = tf.reshape(laidOut, [batch * tiles, tile, tile, CHANNELS]);
    const framed = tf.pad(square, [[0, 0], gap, gap, [0, 0]]); // [B*T, cell, cell, C]
    const all = unpatchify(tf.reshape(framed, [batch, tiles, cell * cell * CHANNELS]), cell); // [B, grid*cell, grid*cell, C]
    const side: [number, number] = [margin, imageSize - grid * cell - margin];
    return tf.pad(all, [[0, 0], side, side, [0, 0]]);
  }

  return {
    encoder,
    views: { images: { imageSize, transform } },

    init: (seed) => ({
      ...encoder.init(seed),
      ...initDense('head.hidden', tiles * encoder.width, hiddenWidth, seed),
      ...initDense('head.order', hiddenWidth, permutations, seed),
    }),

    inputs: (batchSize) => ({
      images: { shape: [batchSize, imageSize, imageSize, CHANNELS], dtype: 'float32' },
      permutation: { shape: [batchSize], dtype: 'int32' },
      jitter: { shape: [batchSize, tiles], dtype: 'int32' },
    }),

    draw: (batchSize, random) => ({
      permutation: Int32Array.from({ length: batchSize }, () => random.int(permutations)),
      jitter: Int32Array.from({ length: batchSize * tiles }, () => pixel(random.int(room), random.int(room))),
    }),

    loss(params, inputs) {
      const own = inputs as JigsawInputs;
      const buffers: Record<string, Tensor> = {};
      return { ...choiceLoss(logits(params, cut(own), buffers), own.permutation), buffers };
    },

    pictures: {
      title: 'Jigsaw',
      columns: [
        { name: 'puzzle', title: 'puzzle' },
        { name: 'answered', title: 'put together by the guess' },
        { name: 'original', title: 'original' },
      ],
      note:
        `The tiles are laid out in one of ${permutations} orders, and the model says in which: the answer names the tile at ` +
        'each place, row by row. It sees every tile by itself, with its own brightness and contrast taken out.',

      paint(params, inputs) {
        const own = inputs as JigsawInputs;
        const laidOut = cut(own);
        const choices = paintChoices(logits(params, laidOut), own.permutation);
        const values: Tensor3D = tf.reshape(laidOut, [laidOut.shape[0], tiles, -1]); // [B, T, p*p*C]
        const answered: Tensor4D = tf.reshape(pickPatches(values, pick(places, choices.guess)), laidOut.shape);
        return { puzzle: picture(laidOut), answered: picture(answered), original: own.images, ...choices };
      },

      read: (painted) => ({ answers: readAnswers(painted, (permutation) => nameOf(orders, tiles, permutation)) }),
    },

    failing: {
      symptoms: [
        guessing(permutations, {
          remedy: `Lower pretrain.permutations, now ${permutations}, or train for more pretrain.steps: puzzles are often solved only after a long while. Else ${lowerRate(optimizer)}`,
          patience: 0.3,
        }),
      ],
      collapse: lowerRate(optimizer),
    },
  };
}

interface JigsawInputs extends Tensors {
  readonly images: Tensor4D;
  /** [B]: in which of the orders the tiles of each image are laid out. */
  readonly permutation: Tensor1D;
  /** [B, T]: how far each tile is from the first pixel of its cell, in pixels of the image in reading order. */
  readonly jitter: Tensor2D;
}

/** Each channel of each tile [B, T, p * p, C] with mean 0 and variance 1. */
function normalized(tiles: Tensor4D): Tensor {
  const mean = tf.mean(tiles, 2, true); // [B, T, 1, C]
  const variance = tf.mean(tf.squaredDifference(tiles, mean), 2, true);
  return tf.div(tf.sub(tiles, mean), tf.sqrt(tf.add(variance, 1e-6)));
}

/** Such as "2 1 4 3": the tiles in the order of their places, counted from 1. */
function nameOf(orders: Uint8Array, tiles: number, permutation: number): string {
  return Array.from(orders.subarray(permutation * tiles, (permutation + 1) * tiles), (tile) => tile + 1).join(' ');
}

/**
 * Colorization (Zhang, Isola and Efros 2016, "Colorful Image Colorization", arXiv:1603.08511; as pretraining: Larsson et
 * al. 2017, "Colorization as a Proxy Task", arXiv:1703.04044). The encoder sees the lightness of an image; from each of
 * its tokens one linear layer predicts the colours of the cells of that patch: how probable each bin of a and b is (Lab),
 * by cross entropy with the soft-encoded truth in which rare colours count more, or a and b themselves.
 *
 * The lightness L goes in as a grey image like any other: L / 100 for red, green and blue, in the normalisation of the
 * data set. That is a change of unit from the paper's (L - 50) / 100, and the grey of that lightness has sRGB values at
 * most 0.034 away, so that a colour image needs no other treatment when the encoder is reused than it always gets.
 *
 * Differences from the paper: 261 bins, the nearest of some sRGB colour on a grid of 10 (`lab.ts`; the authors' list of 313
 * also has pairs that no sRGB colour is near); how frequent they are is not taken from ImageNet but followed during
 * training, as an average that forgets over some hundred steps and starts even; a ViT, whose patches have few cells each.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import type { ColorizationConfig } from '../../protocol/config';
import type { HostTensors, Specs, Tensors } from '../engine/types';
import type { PatchEncoder } from '../nn/encoder';
import { constant } from '../nn/initializers';
import { dense, initDense } from '../nn/layers';
import { patchify, unpatchify } from '../nn/patches';
import { colourBins, labOfRgb, rgbOfLab } from './lab';
import { lowerRate } from './method';
import type { Method } from './method';

const CHANNELS = 3;
/** Width of a bin, and the deviation of the soft encoding, both in units of a and b. */
const GRID = 10;
const SIGMA = 5;
/** An image without any a or b beyond this is grey, and does not count. */
const GREY = 5;
/** Brings a and b to about -1 .. 1 for the regression. */
const RANGE = 110;
/** Of the average that follows how frequent the bins are: how much of it a step keeps. */
const KEPT = 0.99;
const PRIOR = 'buffer.prior';
/** Images of a batch whose guesses are made colours, to tell of them how colourful they are. */
const LOOKED_AT = 8;
/** A share of the true colourfulness below which guesses are grey. */
const ALL_GREY = 0.02;
/** A share of images with colours below which there is next to nothing to learn from. */
const FEW_COLOURFUL = 0.05;

/** What the two targets have apart: what is predicted of a cell, the loss of it, and the colour that it means. */
interface Target {
  /** Values that are predicted of a cell. */
  readonly values: number;
  readonly buffers: HostTensors;
  /** predicted [R, values], ab [R, 2], counts [R] (1 if the cell is of a colourful image, else 0) -> losses [R]. */
  losses(
    state: Tensors,
    predicted: Tensor2D,
    ab: Tensor2D,
    counts: Tensor1D,
  ): { readonly losses: Tensor1D; readonly buffers: Record<string, Tensor> };
  /** [R, values] -> [R, 2]. */
  colours(predicted: Tensor2D): Tensor2D;
}

export function createColorization(config: ColorizationConfig, imageSize: number, encoder: PatchEncoder): Method {
  const { cells, transform, optimizer } = config;
  const { width, patches, patchSize } = encoder;
  const target = config.target === 'bins' ? binsTarget(config) : regressionTarget();
  /** Cells of an image. */
  const count = patches * cells * cells;
  /** Side of a cell in px. */
  const cellSize = patchSize / cells;

  function observe({ images, pixel_mean, pixel_std }: ColorizationInputs) {
    const rgb = tf.clipByValue(tf.add(tf.mul(images, pixel_std), pixel_mean), 0, 1);
    const lab = labOfRgb(rgb); // [B, H, W, 3]
    const [light, ab] = tf.split(lab, [1, 2], 3) as [Tensor4D, Tensor4D];
    const colourful = tf.cast(tf.greater(tf.max(tf.abs(ab), [1, 2, 3]), GREY), 'float32'); // [B]
    const counts = tf.mul(tf.expandDims(colourful, 1), tf.ones([1, count])); // [B, cells]
    return {
      light,
      grey: tf.div<Tensor4D>(tf.sub(tf.div(light, 100), pixel_mean), pixel_std), // [B, H, W, 3]
      ab: meanOfCells(ab),
      colourful: colourful as Tensor1D,
      counts: tf.reshape<tf.Rank.R1>(counts, [-1]), // [B*cells]
    };
  }

  /** ab [B, H, W, 2] -> [B*cells, 2], in the order of the patches and of the cells in them. */
  function meanOfCells(ab: Tensor4D): Tensor2D {
    const side = imageSize / cellSize;
    const pixels = tf.reshape(patchify(ab, cellSize), [-1, side * side, cellSize * cellSize, 2]);
    const cellMeans: Tensor4D = tf.reshape(tf.mean(pixels, 2), [-1, side, side, 2]);
    return tf.reshape(patchify(cellMeans, cells), [-1, 2]);
  }

  function judge(params: Tensors, inputs: ColorizationInputs) {
    const seen = observe(inputs);
    const tokens = encoder.tokens(params, seen.grey); // [B, N, D]
    const predicted: Tensor2D = tf.reshape(dense(params, 'head', tokens), [-1, target.values]); // [B*cells, values]
    return { ...seen, predicted, ...target.losses(params, predicted, seen.ab, seen.counts) };
  }

  return {
    encoder,
    views: { images: { imageSize, transform } },

    init: (seed) => ({
      ...encoder.init(seed),
      ...initDense('head', width, cells * cells * target.values, seed),
      ...target.buffers,
    }),

    inputs: (batchSize): Specs => ({
      images: { shape: [batchSize, imageSize, imageSize, CHANNELS], dtype: 'float32' },
      pixel_mean: { shape: [CHANNELS], dtype: 'float32' },
      pixel_std: { shape: [CHANNELS], dtype: 'float32' },
    }),

    draw: () => ({}),

    loss(params, inputs) {
      const { losses, counts, colourful, buffers, predicted, ab } = judge(params, inputs as ColorizationInputs);
      const rows = Math.min(LOOKED_AT, colourful.size) * count;
      const looked = (values: Tensor2D): Tensor2D => tf.slice(values, [0, 0], [rows, -1]);
      return {
        loss: meanWhere<Scalar>(losses, counts),
        metrics: {
          'train/colourful': tf.mean(colourful),
          'train/chroma': tf.div(meanChroma(target.colours(looked(predicted))), meanChroma(looked(ab))),
        },
        buffers,
      };
    },

    pictures: {
      title: 'Colours',
      columns: [
        { name: 'grey', title: 'grey' },
        { name: 'guess', title: 'guess' },
        { name: 'truth', title: 'truth' },
      ],
      note:
        `Colours are guessed for cells of ${cellSize} x ${cellSize} px, smoothly joined and put on the true lightness. ` +
        'Many colours can be right: what counts is whether they are plausible.',

      paint(params, inputs) {
        const own = inputs as ColorizationInputs;
        const batch = own.images.shape[0];
        const { light, grey, predicted, losses, colourful } = judge(params, own);
        const cellColours: Tensor3D = tf.reshape(target.colours(predicted), [batch, patches, cells * cells * 2]);
        const ab = enlarge(unpatchify(cellColours, cells), imageSize); // [B, H, W, 2]
        const rgb = rgbOfLab(tf.concat([light, ab], 3));
        return {
          grey,
          guess: tf.div(tf.sub(rgb, own.pixel_mean), own.pixel_std),
          truth: own.images,
          loss: tf.mean(tf.reshape(losses, [batch, count]), 1), // [B]
          counts: colourful, // [B]
        };
      },
    },

    failing: {
      symptoms: [
        {
          metric: 'train/colourful',
          side: 'below',
          threshold: FEW_COLOURFUL,
          means: `hardly any image has colours: those without any beyond ${GREY} in a and b do not count`,
          remedy:
            'Give images with colours as data.source, or set pretrain.method to one that asks for none, such as "inpainting"',
        },
        {
          metric: 'train/chroma',
          side: 'below',
          threshold: ALL_GREY,
          means: 'all guesses are grey',
          remedy:
            config.target === 'bins'
              ? `Raise pretrain.rebalance, now ${config.rebalance}, so that rare colours count more, or ${lowerRate(optimizer)}`
              : `A regression takes the mean of all colours that are possible: set pretrain.target to "bins", or ${lowerRate(optimizer)}`,
        },
      ],
      collapse: lowerRate(optimizer),
    },
  };
}

/** Mean distance from grey of colours [R, 2], a scalar that is never 0. */
const meanChroma = (ab: Tensor2D): Tensor => tf.add(tf.mean(tf.sqrt(tf.sum(tf.square(ab), 1))), 1e-3);

/** Of all pixels of a data set, by channel, in 0 .. 1. */
export interface Statistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Whether a data set has no colours at all: each image gives its three channels the same values. */
export const isGrey = ({ mean, std }: Statistics): boolean =>
  [mean, std].every((channels) => Math.max(...channels) - Math.min(...channels) < 1e-6);

interface ColorizationInputs extends Tensors {
  readonly images: Tensor4D;
  /** [3], what `images` were normalised with. */
  readonly pixel_mean: Tensor1D;
  readonly pixel_std: Tensor1D;
}

/** Section 2.1 and 2.2 of the paper. */
function binsTarget({ rebalance, temperature }: ColorizationConfig): Target {
  const bins = colourBins(GRID);
  const axis = (which: 0 | 1) => tf.tensor2d([bins.map((bin) => bin[which])]); // [1, Q]

  return {
    values: bins.length,
    buffers: { [PRIOR]: constant([bins.length], 1 / bins.length) },

    losses(state, predicted, ab, counts) {
      const [a, b] = tf.split(ab, 2, 1) as [Tensor2D, Tensor2D]; // [R, 1]
      const distances = tf.add<Tensor2D>(tf.squaredDifference(a, axis(0)), tf.squaredDifference(b, axis(1))); // [R, Q]
      const soft = softEncoding(distances);
      const entropy = tf.neg(tf.sum(tf.mul(soft, tf.logSoftmax(predicted)), 1)); // [R]

      const prior = state[PRIOR] as Tensor1D;
      const weights = tf.gather(weightsOf(prior, rebalance), tf.argMin<Tensor1D>(distances, 1)); // [R]
      // The mean of soft encodings is the smoothed frequency of the paper. A batch of greys leaves the prior as it is.
      const rows = tf.expandDims(counts, 1); // [R, 1]
      const moved = tf.sum(tf.mul(rows, tf.sub(soft, prior)), 0); // [Q]
      const next = tf.add(prior, tf.mul(tf.div(moved, atLeastOne(counts)), 1 - KEPT));
      return { losses: tf.mul(entropy, weights), buffers: { [PRIOR]: next } };
    },

    /** The annealed mean: between the mean of the distribution, which is greyish, and its mode, which jumps. */
    colours(predicted) {
      const sharpened = tf.softmax(tf.div(predicted, temperature)); // [R, Q]
      return tf.matMul(sharpened, tf.concat<Tensor2D>([axis(0), axis(1)]), false, true); // [R, 2]
    },
  };
}

/**
 * Squared distances [R, Q] to the bins -> Gaussian weights that sum to 1, [R, Q]. The authors keep the 10 nearest, which
 * have over 99% of it, and which take longer to find than all else in the loss.
 */
const softEncoding = (distances: Tensor2D): Tensor2D => tf.softmax(tf.div(distances, -2 * SIGMA ** 2));

/** How much a cell counts whose nearest bin is that: the inverse of a mixture of prior and even, 1 on average. [Q]. */
function weightsOf(prior: Tensor1D, rebalance: number): Tensor1D {
  const inverse = tf.reciprocal(tf.add(tf.mul(prior, rebalance), (1 - rebalance) / prior.size));
  return tf.div(inverse, tf.sum(tf.mul(prior, inverse)));
}

function regressionTarget(): Target {
  return {
    values: 2,
    buffers: {},
    losses: (_state, predicted, ab) => ({
      losses: tf.mean<Tensor1D>(tf.squaredDifference(predicted, tf.div(ab, RANGE)), 1),
      buffers: {},
    }),
    colours: (predicted) => tf.mul(predicted, RANGE),
  };
}

/** The mean of the values [R] where `counts` is 1, and 0 if it is nowhere. */
const meanWhere = <T extends Tensor>(values: Tensor1D, counts: Tensor1D): T =>
  tf.div<T>(tf.sum(tf.mul(values, counts)), atLeastOne(counts));

const atLeastOne = (counts: Tensor1D): Scalar => tf.maximum<Scalar>(tf.sum(counts), 1);

/** Square maps [B, g, g, C] -> [B, size, size, C], bilinear between the middles of cells. */
function enlarge(maps: Tensor4D, size: number): Tensor4D {
  const [batch, side, , channels] = maps.shape;
  const rows = tf.tensor2d(interpolation(side, size), [size, side]);
  const across = (x: Tensor): Tensor => tf.matMul(tf.reshape<tf.Rank.R2>(x, [-1, side]), rows, false, true);
  const wide = tf.reshape(across(tf.transpose(maps, [0, 3, 1, 2])), [batch, channels, side, size]); // [B, C, g, S]
  const tall = tf.reshape(across(tf.transpose(wide, [0, 1, 3, 2])), [batch, channels, size, size]); // [B, C, S, S']
  return tf.transpose(tall, [0, 3, 2, 1]) as Tensor4D; // [B, S', S, C]
}

/** [size, side]: what each of `size` pixels takes of `side` cells. */
function interpolation(side: number, size: number): Float32Array {
  const weights = new Float32Array(size * side);
  for (let pixel = 0; pixel < size; pixel++) {
    const at = Math.min(side - 1, Math.max(0, ((pixel + 0.5) * side) / size - 0.5));
    const below = Math.min(side - 2, Math.floor(at));
    if (side === 1) weights[pixel] = 1;
    else {
      weights[pixel * side + below] = 1 - (at - below);
      weights[pixel * side + below + 1] = at - below;
    }
  }
  return weights;
}

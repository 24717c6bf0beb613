import type { Tensor } from '@tensorflow/tfjs-core';
import type { OptimizerConfig, TransformConfig } from '../../protocol/config';
import type { Answer, Distribution, Similarities } from '../../protocol/events';
import type { HostTensors, Specs, Tensors, TypedArray } from '../engine/types';
import type { Encoder } from '../nn/encoder';
import type { Training } from '../nn/train-step';
import type { Random } from '../random/random';

/** A pretext task: what a run needs to know of it, and nothing about how the run is kept. */
export interface Method extends Training {
  readonly encoder: Encoder;
  /**
   * What the loader draws of every image, by the name of the input that takes it: [B, imageSize, imageSize, 3],
   * normalised. A method that needs one view calls it `images`.
   */
  readonly views: Readonly<Record<string, View>>;
  /**
   * The state that a training starts with, a pure function of the seed: every trainable parameter, the encoder's under
   * `encoder.`, and under `buffer.` what is not trained (see `trainer/nn/train-step.ts`).
   */
  init(seed: number): HostTensors;
  /**
   * All that one step takes besides the state: views, random draws and scheduled scalars; and, when a method asks for
   * them, `pixel_mean` and `pixel_std` [3], which the views were normalised with.
   */
  inputs(batchSize: number): Specs;
  /** The random draws for one batch. */
  draw(batchSize: number, random: Random): Record<string, TypedArray>;
  /** The scalars that change over a training, by the names of their inputs: momenta, temperatures. */
  scheduled?(progress: Progress): Record<string, number>;
  /**
   * What is judged and exported of a state, by the encoder's names: a teacher, if that is the better one. By default the
   * state itself.
   */
  readonly evaluated?: <T>(state: Readonly<Record<string, T>>) => Readonly<Record<string, T>>;
  /** What it means to learn this task, for people to look at. */
  readonly pictures: Pictures;
  /** How failing at it shows. */
  readonly failing: Failing;
}

/** How failing to learn a task shows, and which value of the config to change then. */
export interface Failing {
  readonly symptoms: readonly Symptom[];
  /** What to do when all images get the same embedding: the likely cause, and the value to change. */
  readonly collapse: string;
}

/** A metric that stays at a value from which nothing is learned. */
export interface Symptom {
  readonly metric: string;
  /** It shows when the metric is at least, or at most, this. */
  readonly side: 'above' | 'below';
  readonly threshold: number;
  /** What it means: "The loss is that of answers by chance". */
  readonly means: string;
  /** The likely cause, and the value of the config to change. */
  readonly remedy: string;
  /** Share of a training in which it may well be so before the task is learned; by default a tenth. */
  readonly patience?: number;
}

export interface View {
  /** Side in px. */
  readonly imageSize: number;
  readonly transform: TransformConfig;
}

export interface Progress {
  /** Updates done. */
  readonly step: number;
  readonly totalSteps: number;
  /** Updates in one pass over the images. */
  readonly epochSteps: number;
}

/** The remedy that all methods have in common. */
export const lowerRate = ({ baseLr }: OptimizerConfig): string =>
  `lower pretrain.optimizer.baseLr, now ${baseLr}, or lengthen pretrain.optimizer.warmup`;

/** Share of the error of predicting the mean from which on no more than that is predicted. */
const ONLY_MEAN = 0.97;

/** A squared error, `metric`, that is no better than that of predicting the mean, `ofMean`. */
export const onlyMean = (metric: string, ofMean: number, more: Pick<Symptom, 'remedy'>): Symptom => ({
  metric,
  side: 'above',
  threshold: ONLY_MEAN * ofMean,
  means: `the error is that of predicting the mean of all pixels, ${ofMean.toFixed(2)}`,
  ...more,
});

/** Pictures of what is asked and what is answered, for the same inputs as `loss`, and what is read from them. */
export interface Pictures {
  /** What they show, as a heading: "Reconstructions". */
  readonly title: string;
  /** The pictures of one image, from left to right, with the words above them. */
  readonly columns: readonly { readonly name: string; readonly title: string }[];
  /** What a reader must know so that the pictures do not mislead, in a few sentences. */
  readonly note: string;
  /**
   * Each column by its name, [B, h, w, 3] in normalised pixels; per-image losses [B] under `loss`, and under `counts` 1 for
   * the images that count in the mean of them and 0 for others, where not all do; and what `read` wants.
   */
  readonly paint: (params: Tensors, inputs: Tensors) => Record<string, Tensor>;
  /** What the further outputs of `paint` say. */
  readonly read?: (painted: HostTensors) => Reading;
}

export interface Reading {
  /** Of a task with a right answer, one for each image. */
  readonly answers?: readonly Answer[];
  readonly similarities?: Similarities;
  /** Beside each other: scores of positives and negatives. */
  readonly distributions?: readonly Distribution[];
}

import type { Evaluation } from '../../protocol/events';
import type { HostTensors } from '../engine/types';

/** Embeddings of a set of images, one row per image in the set's order. */
export interface Embeddings {
  /** [size, width], row-major. */
  readonly values: Float32Array;
  readonly size: number;
  readonly width: number;
}

export interface LabelledEmbeddings {
  readonly embeddings: Embeddings;
  readonly labels: Int32Array;
}

export interface TrainAndTest<T> {
  readonly train: T;
  readonly test: T;
}

/** An encoder's embeddings. */
export interface Features extends TrainAndTest<Embeddings> {
  /** The training images as augmented, embedded once per view; none where a protocol trains on them as they are. */
  readonly views?: readonly Embeddings[];
}

/** What a protocol on the frozen encoder sees: two encoders' embeddings of the same labelled images. */
export interface FrozenFeatures {
  /** Class names; a label is an index into them. */
  readonly classes: readonly string[];
  readonly labels: TrainAndTest<Int32Array>;
  readonly pretrained: Features;
  /** The baseline: the same architecture with fresh weights. */
  readonly randomInit: Features;
}

export interface ImageBatch {
  /** [B, H, W, C], normalised. */
  readonly images: Float32Array;
  /** Valid images; the rest of the batch is padding. */
  readonly count: number;
}

/** Batches of augmented views, in a seeded order. */
export interface TrainBatches {
  /** images [B, H, W, C]; indices [B], which of the chosen images each one shows. */
  next(): Promise<{ readonly images: Float32Array; readonly indices: Int32Array }>;
  dispose(): void | Promise<void>;
}

/** Labelled images for protocols that train the encoder. */
export interface LabelledImages {
  readonly classes: readonly string[];
  readonly labels: TrainAndTest<Int32Array>;
  /** [H, W, C] */
  readonly imageShape: readonly [number, number, number];
  /** `steps` batches of exactly `batchSize` of the training images that `chosen` names; the same call gives the same batches. */
  trainBatches(chosen: Int32Array, batchSize: number, steps: number): TrainBatches;
  /** Every test image once, in order, the last batch padded. */
  testBatches(batchSize: number): AsyncIterable<ImageBatch>;
}

/** How a long evaluation is watched and stopped. */
export interface Watch {
  /** `done` in [0, 1]. */
  readonly onProgress?: (done: number, message: string) => void;
  readonly signal?: AbortSignal;
}

export interface FinetuneResult {
  readonly evaluation: Evaluation;
  /** The fine-tuned model: `encoder.*` and `head.*`. */
  readonly weights: HostTensors;
}

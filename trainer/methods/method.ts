import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import type { HostTensors, Specs, Tensors, TypedArray } from '../engine/types';
import type { Encoder } from '../nn/encoder';
import type { Random } from '../random/random';

/** A pretext task: what a run needs to know of it, and nothing about how the run is kept. */
export interface Method {
  readonly encoder: Encoder;
  /** Every trainable parameter; the encoder's under `encoder.`. A pure function of the seed. */
  init(seed: number): HostTensors;
  /** What one step takes besides the state: `images` [B, H, W, C] and its random draws. */
  inputs(batchSize: number): Specs;
  /** The random draws for one batch, all `inputs` but `images`. */
  draw(batchSize: number, random: Random): Record<string, TypedArray>;
  /** The loss of one batch, and further scalars to log under their metric keys. */
  loss(params: Tensors, inputs: Tensors): { readonly loss: Scalar; readonly metrics: Record<string, Tensor> };
  /**
   * What the dashboard shows of the task, for the same inputs as `loss`:
   * images [B, H, W, C] in normalised pixels, by column name, and per-image losses [B] under `loss`.
   */
  pictures(params: Tensors, inputs: Tensors): Record<string, Tensor>;
}

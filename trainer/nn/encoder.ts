import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import type { HostTensors, Tensors } from '../engine/types';

/** What a forward of fine-tuning has of its own. */
export interface Tuning {
  /** The first layer (see `layerOf`) that learns. Those before it stay as in evaluation: 0 by default, so none. */
  readonly from?: number;
  /** Stochastic depth: what each residual branch is multiplied with for each image, [branches, B] (drop-path.ts). */
  readonly branches?: Tensor2D;
}

/**
 * A backbone as everything that reuses it sees it. Parameters are named tensors under
 * `encoder.`; every function is pure and traceable.
 */
export interface Encoder {
  /** Width of an embedding. */
  readonly width: number;
  /**
   * Fresh parameters, a pure function of the seed, whose names start with `encoder.`, and fresh running statistics, which
   * are not trained and whose names start with `buffer.encoder.`.
   */
  init(seed: number): HostTensors;
  /**
   * images [B, H, W, C], normalised -> embedding [B, width] (the mean over all places of the image). With `updates` as in
   * training, where batch norms go by the batch and write their next running statistics there; without, by the running ones.
   */
  embed(params: Tensors, images: Tensor4D, updates?: Record<string, Tensor>, tuning?: Tuning): Tensor2D;
  /**
   * The embedding after each block, in order, the last one as `embed` gives it: images [B, H, W, C], normalised -> one
   * [B, width of the block] for each block. Of a ViT all are behind the final norm, as DINO takes the features of several
   * blocks (Caron et al. 2021, `get_intermediate_layers`). Never as in training: batch norms go by the running statistics.
   */
  embedLayers(params: Tensors, images: Tensor4D): Tensor2D[];
  /**
   * For layer-wise learning-rate decay: 0 at the input, `layers - 1` at the last block, `layers` for what
   * comes after it, as for the head that is put on top.
   */
  layerOf(parameter: string): number;
  readonly layers: number;
  /** Residual branches, as many in each block, in order. */
  readonly branches: number;
}

/** A backbone whose tokens are patches, so that a method may hide some before they enter. */
export interface PatchEncoder extends Encoder {
  readonly patchSize: number;
  /** Number of patches of one image. */
  readonly patches: number;
  /** Attention heads of a block. */
  readonly heads: number;
  /** images [B, H, W, C], normalised -> tokens [B, N, width] after the final norm, patches row by row. */
  tokens(params: Tensors, images: Tensor4D): Tensor3D;
  /**
   * Encodes the patches that `keep` names and nothing else.
   * images [B, H, W, C], keep [B, K] int32, each in 0 .. patches - 1 -> tokens [B, K, width], in the order of `keep`.
   */
  encodeVisible(params: Tensors, images: Tensor4D, keep: Tensor2D): Tensor3D;
  /**
   * How the last block attends, to look at: images [B, H, W, C] -> [B, heads, N, N], from each patch to all, summing to 1
   * over the last axis.
   */
  attention(params: Tensors, images: Tensor4D): Tensor4D;
}

/** The part of a state that is the encoder's: its parameters and running statistics. */
export const encoderOf = <T>(state: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(state).filter(([name]) => /^(buffer\.)?encoder\./.test(name)));

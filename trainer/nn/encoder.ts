import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import type { HostTensors, Tensors } from '../engine/types';

/**
 * A backbone as everything that reuses it sees it. Parameters are named tensors under
 * `encoder.`; every function is pure and traceable.
 */
export interface Encoder {
  /** Width of an embedding. */
  readonly width: number;
  /** Fresh parameters, a pure function of the seed. Names start with `encoder.`. */
  init(seed: number): HostTensors;
  /** images [B, H, W, C], normalised -> embedding [B, width] (mean of patch tokens after the final norm). */
  embed(params: Tensors, images: Tensor4D): Tensor2D;
  /** For layer-wise learning-rate decay: 0 at the input, `layers - 1` at the last block. */
  layerOf(parameter: string): number;
  readonly layers: number;
}

/** A backbone whose tokens are patches, so that a method may hide some before they enter. */
export interface PatchEncoder extends Encoder {
  readonly patchSize: number;
  /** Number of patches of one image. */
  readonly patches: number;
  /**
   * Encodes the patches that `keep` names and nothing else.
   * images [B, H, W, C]; keep [B * K] int32, indices into the B * patches rows; inverse [B * patches]
   * int32, where each row went or B * K if it was dropped -> tokens [B, K, width].
   */
  encodeVisible(params: Tensors, images: Tensor4D, keep: Tensor1D, inverse: Tensor1D): Tensor3D;
}

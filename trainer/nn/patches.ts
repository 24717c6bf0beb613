/** Square images as lists of non-overlapping patches, and back; picking and reordering patches. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';

/**
 * images [B, H, W, C] -> [B, N, p * p * C] with N = (H / p) * (W / p): patches row by row, each
 * with its pixels row by row, channels last. The patch size p must divide H and W.
 */
export function patchify(images: Tensor4D, patchSize: number): Tensor3D {
  const [batch, height, width, channels] = images.shape;
  const [rows, columns] = [height / patchSize, width / patchSize];
  const strips = tf.reshape(images, [batch * rows, patchSize, columns, patchSize * channels]); // [B*h, p, w, p*C]
  const patches = tf.transpose(strips, [0, 2, 1, 3]); // [B*h, w, p, p*C]
  return tf.reshape(patches, [batch, rows * columns, patchSize * patchSize * channels]); // [B, N, p*p*C]
}

/** The inverse of `patchify` for square images: [B, N, p * p * C] -> [B, side * p, side * p, C], N = side². */
export function unpatchify(patches: Tensor3D, patchSize: number): Tensor4D {
  const [batch, count, size] = patches.shape;
  const side = Math.sqrt(count);
  const channels = size / (patchSize * patchSize);
  const rows = tf.reshape(patches, [batch * side, side, patchSize, patchSize * channels]); // [B*h, w, p, p*C]
  const strips = tf.transpose(rows, [0, 2, 1, 3]); // [B*h, p, w, p*C]
  return tf.reshape(strips, [batch, side * patchSize, side * patchSize, channels]); // [B, H, W, C]
}

/** Each image's patches at the places that `indices` [B, K] names, in its order: patches [B, N, V] -> [B, K, V]. */
export function pickPatches(patches: Tensor3D, indices: Tensor2D): Tensor3D {
  const [, count, values] = patches.shape;
  const rows: Tensor2D = tf.reshape(patches, [-1, values]); // [B*N, V]
  return tf.reshape(tf.gather(rows, patchRows(indices, count)), [...indices.shape, values]);
}

/**
 * indices [B, K] into each image's own `count` patches -> [B * K] into the rows of all images'
 * patches, [B * count].
 */
export function patchRows(indices: Tensor2D, count: number): Tensor1D {
  const [batch, picked] = indices.shape;
  const starts = Int32Array.from({ length: batch }, (_, image) => image * count);
  return tf.reshape(tf.add(indices, tf.tensor2d(starts, [batch, 1], 'int32')), [batch * picked]); // [B*K]
}

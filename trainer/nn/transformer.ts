/** The pre-norm transformer block of ViT (Dosovitskiy et al. 2020), shared by encoders and decoders. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { gelu, scaledDotProductAttention } from '../engine/ops';
import type { HostTensors, Tensors } from '../engine/types';
import { dense, initDense, initLayerNorm, layerNorm } from './layers';

export interface TransformerConfig {
  /** Width of a token; a multiple of `heads`. */
  readonly width: number;
  /** Number of blocks. */
  readonly depth: number;
  /** Attention heads per block. */
  readonly heads: number;
  /** Hidden width of the MLP as a multiple of `width`. */
  readonly mlpRatio: number;
}

/** Parameters of `<name>.blocks.<i>` for each block, and of the final norm `<name>.norm`. */
export function initTransformer(name: string, config: TransformerConfig, seed: number): HostTensors {
  const { width, depth, heads, mlpRatio } = config;
  if (width % heads !== 0) throw new Error(`${name}: ${heads} heads do not divide a width of ${width}`);
  const hidden = Math.round(width * mlpRatio);
  const blocks = Array.from({ length: depth }, (_, i) => {
    const block = `${name}.blocks.${i}`;
    return {
      ...initLayerNorm(`${block}.norm1`, width),
      ...initDense(`${block}.attention.qkv`, width, 3 * width, seed),
      ...initDense(`${block}.attention.out`, width, width, seed),
      ...initLayerNorm(`${block}.norm2`, width),
      ...initDense(`${block}.mlp.up`, width, hidden, seed),
      ...initDense(`${block}.mlp.down`, hidden, width, seed),
    };
  });
  return Object.assign({}, ...blocks, initLayerNorm(`${name}.norm`, width)) as HostTensors;
}

/** tokens [B, N, D] through all blocks and the final norm -> [B, N, D]. */
export function transformer(params: Tensors, name: string, config: TransformerConfig, tokens: Tensor3D): Tensor3D {
  let x = tokens;
  for (let i = 0; i < config.depth; i++) {
    const block = `${name}.blocks.${i}`;
    x = tf.add(x, attention(params, `${block}.attention`, config.heads, layerNorm(params, `${block}.norm1`, x)));
    x = tf.add(x, mlp(params, `${block}.mlp`, layerNorm(params, `${block}.norm2`, x)));
  }
  return layerNorm(params, `${name}.norm`, x);
}

/** Multi-head self-attention (Vaswani et al. 2017): x [B, N, D] -> [B, N, D]. */
export function attention(params: Tensors, name: string, heads: number, x: Tensor3D): Tensor3D {
  const [batch, tokens, width] = x.shape;
  const headWidth = width / heads;
  const qkv = tf.reshape(dense(params, `${name}.qkv`, x), [batch, tokens, 3, heads, headWidth]); // [B, N, 3, H, d]
  const [q, k, v] = tf
    .split(tf.transpose(qkv, [2, 0, 3, 1, 4]), 3, 0) // 3 x [1, B, H, N, d]
    .map((part) => tf.reshape(part, [batch * heads, tokens, headWidth])) as [Tensor3D, Tensor3D, Tensor3D]; // [B*H, N, d]
  const perHead = scaledDotProductAttention(q, k, v); // [B*H, N, d]
  const mixed: Tensor4D = tf.reshape(perHead, [batch, heads, tokens, headWidth]); // [B, H, N, d]
  const joined: Tensor3D = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, tokens, width]); // [B, N, D]
  return dense(params, `${name}.out`, joined);
}

function mlp(params: Tensors, name: string, x: Tensor3D): Tensor3D {
  return dense(params, `${name}.down`, gelu(dense(params, `${name}.up`, x)));
}

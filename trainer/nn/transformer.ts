/** The pre-norm transformer block of ViT (Dosovitskiy et al. 2020), shared by encoders and decoders. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { gelu, headsOf, multiHeadAttention, recomputed } from '../engine/ops';
import type { HostTensors, Tensors } from '../engine/types';
import { dense, initDense, initLayerNorm, layerNorm, normedDense } from './layers';

export interface TransformerConfig {
  /** Width of a token; a multiple of `heads`. */
  readonly width: number;
  /** Number of blocks. */
  readonly depth: number;
  /** Attention heads per block. */
  readonly heads: number;
  /** Hidden width of the MLP as a multiple of `width`. */
  readonly mlpRatio: number;
  /** Whether a block is computed again for its gradient, instead of what it made being kept; false by default. */
  readonly recompute?: boolean;
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

/** Residual branches of a block: attention, and MLP. */
export const BRANCHES = 2;

/**
 * tokens [B, N, D] through all blocks and the final norm -> [B, N - from, D], those from `from` on: the others matter to
 * the last block only by what it attends to. `branches` [depth * BRANCHES, B] is what each residual branch is multiplied
 * with for each image; 1 when it is not given.
 */
export function transformer(
  params: Tensors,
  name: string,
  config: TransformerConfig,
  tokens: Tensor3D,
  from = 0,
  branches?: Tensor2D,
): Tensor3D {
  const [batch, count, width] = tokens.shape;
  const factors = branches && tf.split(branches, config.depth * BRANCHES); // each [1, B]
  let x: Tensor2D = tf.reshape(tokens, [batch * count, width]);
  for (let i = 0; i < config.depth; i++) {
    const first = i === config.depth - 1 ? from : 0;
    const own = factors?.slice(i * BRANCHES, (i + 1) * BRANCHES);
    const block = `${name}.blocks.${i}`;
    const through = (given: Tensor2D, weights: Tensors) =>
      throughBlock(weights, block, config.heads, given, batch, first, own);
    x = config.recompute ? recomputed(through, x, parametersOf(params, block)) : through(x, params);
  }
  return tf.reshape(layerNorm(params, `${name}.norm`, x), [batch, count - from, width]);
}

/** Those whose names begin with the block's. */
const parametersOf = (params: Tensors, block: string): Tensors =>
  Object.fromEntries(Object.entries(params).filter(([name]) => name.startsWith(`${block}.`)));

/** tokens [B, N, D] as `transformer` takes them -> what each block makes of them, behind the final norm: [B, N, D] each. */
export function transformerLayers(
  params: Tensors,
  name: string,
  config: TransformerConfig,
  tokens: Tensor3D,
): Tensor3D[] {
  const [batch, count, width] = tokens.shape;
  let x: Tensor2D = tf.reshape(tokens, [batch * count, width]);
  return Array.from({ length: config.depth }, (_, i) => {
    x = throughBlock(params, `${name}.blocks.${i}`, config.heads, x, batch);
    return tf.reshape(layerNorm(params, `${name}.norm`, x), [batch, count, width]);
  });
}

/** x [B*N, D] -> [B*M, D], tokens `from` and later; `factors` of its two branches, [1, B] each. */
function throughBlock(
  params: Tensors,
  block: string,
  heads: number,
  x: Tensor2D,
  batch: number,
  from = 0,
  factors?: readonly Tensor[],
): Tensor2D {
  const width = x.shape[1];
  const kept: Tensor2D = tf.reshape(rest(tf.reshape(x, [batch, -1, width]), from), [-1, width]); // [B*M, D]
  const mixed = tf.add<Tensor2D>(kept, times(attention(params, block, heads, x, batch, from), factors?.[0]));
  return tf.add(mixed, times(mlp(params, block, mixed), factors?.[1]));
}

/** A branch x [B*M, D], each image times its own factor [1, B]. */
function times(x: Tensor2D, factor?: Tensor): Tensor2D {
  if (!factor) return x;
  const rows = tf.mul(tf.reshape(x, [factor.size, -1]), tf.reshape(factor, [-1, 1])); // [B, M*D]
  return tf.reshape(rows, x.shape);
}

/**
 * How the last block attends, for people to look at: tokens [B, N, D] as `transformer` takes them -> weights
 * [B, heads, N, N], from each token to all, summing to 1 over the last axis.
 */
export function lastAttention(params: Tensors, name: string, config: TransformerConfig, tokens: Tensor3D): Tensor4D {
  const [batch, count, width] = tokens.shape;
  const { heads, depth } = config;
  const block = (i: number) => `${name}.blocks.${i}`;
  let x: Tensor2D = tf.reshape(tokens, [batch * count, width]);
  for (let i = 0; i < depth - 1; i++) x = throughBlock(params, block(i), heads, x, batch);
  const [q, k] = headsOf(queriesKeysValues(params, block(depth - 1), x), batch, heads); // [B, H, N, d]
  return tf.softmax(tf.mul(tf.matMul(q!, k!, false, true), Math.sqrt(heads / width))); // [B, H, N, N]
}

/** x [A, N, D] -> [A, N - from, D]. */
const rest = (x: Tensor3D, from: number): Tensor3D => (from === 0 ? x : tf.slice(x, [0, from, 0]));

/** Multi-head self-attention behind its norm, of tokens `from` and later: x [B*N, D] -> [B*M, D]. */
function attention(params: Tensors, block: string, heads: number, x: Tensor2D, batch: number, from: number): Tensor2D {
  const mixed = multiHeadAttention(queriesKeysValues(params, block, x), { batch, heads, from }); // [B*M, D]
  return dense(params, `${block}.attention.out`, mixed);
}

/** Behind the block's first norm: x [R, D] -> [R, 3D]. */
const queriesKeysValues = (params: Tensors, block: string, x: Tensor2D): Tensor2D =>
  normedDense(params, `${block}.norm1`, `${block}.attention.qkv`, x);

/** D -> hidden -> D with GELU between, behind its norm: x [R, D] -> [R, D]. */
function mlp(params: Tensors, block: string, x: Tensor2D): Tensor2D {
  const hidden = normedDense(params, `${block}.norm2`, `${block}.mlp.up`, x); // [R, hidden]
  return dense(params, `${block}.mlp.down`, gelu(hidden));
}

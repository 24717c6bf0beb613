/**
 * Layers as pure functions of named parameters. A layer called `name` owns the parameters
 * `<name>.<part>`; its `init...` gives fresh ones.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { standardize } from '../engine/ops';
import type { HostTensors, Tensors } from '../engine/types';
import { constant, xavierUniform } from './initializers';

/** Of layer norms, as in MAE. */
const EPSILON = 1e-6;

/** The parameter called `name`; says which one is missing, where tfjs would fail somewhere inside. */
export function parameter<T extends Tensor>(params: Tensors, name: string): T {
  const tensor = params[name];
  if (!tensor) throw new Error(`there is no parameter "${name}" among the ${Object.keys(params).length} given`);
  return tensor as T;
}

/** `<name>.kernel` [in, out] and `<name>.bias` [out]. */
export function initDense(name: string, inputs: number, outputs: number, seed: number): HostTensors {
  return {
    [`${name}.kernel`]: xavierUniform([inputs, outputs], seed, `${name}.kernel`),
    [`${name}.bias`]: constant([outputs], 0),
  };
}

/** x [..., in] -> x kernel + bias [..., out]. */
export function dense<T extends Tensor>(params: Tensors, name: string, x: T): T {
  const kernel = parameter<Tensor2D>(params, `${name}.kernel`);
  const [inputs, outputs] = kernel.shape;
  const rows = tf.reshape(x, [-1, inputs]); // [R, in]
  const y = tf.add(tf.matMul(rows, kernel), parameter(params, `${name}.bias`)); // [R, out]
  return tf.reshape(y, [...x.shape.slice(0, -1), outputs]) as T; // [..., out]
}

/** `<name>.scale` and `<name>.shift` [width]. */
export function initLayerNorm(name: string, width: number): HostTensors {
  return { [`${name}.scale`]: constant([width], 1), [`${name}.shift`]: constant([width], 0) };
}

/** Normalises the last axis to mean 0 and variance 1, then scales and shifts it. */
export function layerNorm<T extends Tensor>(params: Tensors, name: string, x: T): T {
  const scale = parameter<Tensor1D>(params, `${name}.scale`);
  const shift = parameter<Tensor1D>(params, `${name}.shift`);
  return tf.add(tf.mul(standardize(x, EPSILON), scale), shift);
}

/**
 * `dense` of `layerNorm`: x [R, in] -> [R, out].
 *
 * The norm's scale and shift and the bias all go into the kernel, which is small beside x. With n the standardized rows,
 * (n scale + shift) kernel + bias = n K + b, where K = scale kernel (row by row) and b = shift kernel + bias. A row of n
 * sums to 0 and one of n + 1 to `in`, so n K + b = (n + 1) K', where K' is K with every column moved until it sums to its
 * element of b: by (b - the sum of scale kernel) / in = ((shift - scale) kernel + bias) / in.
 */
export function normedDense(params: Tensors, norm: string, name: string, x: Tensor2D): Tensor2D {
  const kernel = parameter<Tensor2D>(params, `${name}.kernel`); // [in, out]
  const scale = parameter<Tensor1D>(params, `${norm}.scale`); // [in]
  const inputs = kernel.shape[0];
  const lift: Tensor2D = tf.reshape(tf.sub(parameter(params, `${norm}.shift`), scale), [1, inputs]);
  const move = tf.div(tf.add(tf.matMul(lift, kernel), parameter(params, `${name}.bias`)), inputs); // [1, out]
  const folded = tf.add<Tensor2D>(tf.mul(kernel, tf.expandDims(scale, 1)), move); // K' [in, out]
  return tf.matMul(standardize(x, EPSILON, 1), folded);
}

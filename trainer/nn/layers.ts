/**
 * Layers as pure functions of named parameters. A layer called `name` owns the parameters
 * `<name>.<part>`; its `init...` gives fresh ones.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { foldNorm, standardize } from '../engine/ops';
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

/** `dense` of `layerNorm`: x [R, in] -> [R, out], with all that the norm learns in the kernel, which is small beside x. */
export function normedDense(params: Tensors, norm: string, name: string, x: Tensor2D): Tensor2D {
  const folded = foldNorm(
    parameter(params, `${name}.kernel`), // [in, out]
    parameter(params, `${norm}.scale`), // [in]
    parameter(params, `${norm}.shift`), // [in]
    parameter(params, `${name}.bias`), // [out]
  );
  return tf.matMul(standardize(x, EPSILON, 1), folded);
}

/**
 * Ops that tfjs lacks or does badly. Each is a plain function that works on every backend, with
 * a gradient. A backend that registers a kernel of the same name (the tracer does: lower/fused.ts)
 * runs that; any other runs the composition written here, which is also what the tests compare to.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { NamedTensorMap, Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import './gradients';
import type { Tensors } from './types';

/** Exact GELU: x Phi(x), with the error function (Hendrycks & Gimpel 2016). Any shape. */
export function gelu<T extends Tensor>(x: T): T {
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
}

/** Layer normalisation over the last axis. x [..., D], scale [D], shift [D] -> [..., D]. */
export function layerNorm<T extends Tensor>(x: T, scale: Tensor1D, shift: Tensor1D, eps: number): T {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true); // [..., 1]
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, eps))), scale), shift);
}

/**
 * Rows of x [R, D] named by indices [K] (int32, each row at most once) -> [K, D]. `inverse` [R] (int32) says where
 * each row of x went, or K if nowhere: with it the gradient is a gather too, where the general one must scatter.
 */
export const gatherRows = (x: Tensor2D, indices: Tensor1D, inverse: Tensor1D): Tensor2D =>
  tf.customGrad((rows, save) => {
    (save as (tensors: Tensor[]) => void)([inverse]);
    return {
      value: tf.gather(rows as Tensor2D, indices),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const nothing = tf.fill([1, x.shape[1]], 0);
        return tf.gather(tf.concat([dy as Tensor2D, nothing as Tensor2D], 0), saved[0] as Tensor1D);
      },
    };
  })(x);

/** Cross entropy of each row. logits [B, C], labels [B] (int32) -> [B], in nats. */
export function softmaxCrossEntropy(logits: Tensor2D, labels: Tensor1D): Tensor1D {
  const classes = logits.shape[1];
  return tf.neg(tf.sum(tf.mul(tf.oneHot(labels, classes, 1, 0, 'float32'), tf.logSoftmax(logits)), -1));
}

/** A scalar function of named tensors and its gradients by the same names; zero where it does not depend on one. */
export function valueAndGrads(f: (params: Tensors) => Scalar, params: Tensors): { value: Scalar; grads: Tensors } {
  const names = Object.keys(params);
  const inputs = names.map((name) => params[name]!);
  const { value, grads } = tf.engine().gradients(() => f(params), inputs) as {
    value: Scalar;
    grads: (Tensor | undefined)[];
  };
  const named: NamedTensorMap = {};
  names.forEach((name, i) => (named[name] = grads[i] ?? tf.zerosLike(inputs[i]!)));
  return { value, grads: named };
}

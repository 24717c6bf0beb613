/**
 * Ops that tfjs lacks or does badly. Each is a plain function that works on every backend, with
 * a gradient. A backend with a kernel for it (the tracer: lower/fused.ts) runs that; any other
 * runs the composition written here, which is also what the tests compare the kernel to.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import './gradients';
import type { Tensors } from './types';

const hasKernel = (name: string) => Boolean(tf.getKernel(name, tf.engine().backendName));

/** Runs a kernel of this engine's own. */
const run = (name: string, inputs: Tensors, attributes = {}): Tensor[] => {
  const outputs: Tensor | Tensor[] = tf.engine().runKernel(name, inputs, attributes);
  return Array.isArray(outputs) ? outputs : [outputs];
};

function requireShape(what: string, { shape }: Tensor, wanted: number[]): void {
  if (!tf.util.arraysEqual(shape, wanted)) throw new Error(`${what} is [${shape.join()}], not [${wanted.join()}]`);
}

function requireFloat(what: string, { dtype }: Tensor): void {
  if (dtype !== 'float32') throw new Error(`${what} is ${dtype}, not float32`);
}

/** Exact GELU: x Phi(x), with the error function (Hendrycks & Gimpel 2016). Any shape. */
export function gelu<T extends Tensor>(x: T): T {
  if (hasKernel('TesseraGelu')) return run('TesseraGelu', { x })[0] as T;
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
}

tf.registerGradient({
  kernelName: 'TesseraGelu',
  inputsToSave: ['x'],
  outputsToSave: [false, true],
  gradFunc: (dys, [x, phi]) => ({
    x: () => run('TesseraGeluGrad', { dy: (dys as Tensor[])[0]!, x: x!, phi: phi! })[0]!,
  }),
});

/** Layer normalisation over the last axis. x [..., D], scale [D], shift [D] -> [..., D]. */
export function layerNorm<T extends Tensor>(x: T, scale: Tensor1D, shift: Tensor1D, eps: number): T {
  requireShape('the scale of layerNorm', scale, x.shape.slice(-1));
  requireShape('the shift of layerNorm', shift, x.shape.slice(-1));
  if (hasKernel('TesseraLayerNorm')) return run('TesseraLayerNorm', { x, scale, shift }, { eps })[0] as T;
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true); // [..., 1]
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, eps))), scale), shift);
}

tf.registerGradient({
  kernelName: 'TesseraLayerNorm',
  inputsToSave: ['x', 'scale'],
  outputsToSave: [false, false, true],
  gradFunc: (dys, [x, scale, deviation], attributes) => {
    const inputs = { dy: (dys as Tensor[])[0]!, x: x!, scale: scale!, deviation: deviation! };
    const [dx, dScale, dShift] = run('TesseraLayerNormGrad', inputs, attributes) as [Tensor, Tensor, Tensor];
    return { x: () => dx, scale: () => dScale, shift: () => dShift };
  },
});

/** Attention: softmax(q kᵀ / sqrt(d)) v (Vaswani et al. 2017). q, k, v [B, N, d] -> [B, N, d]; B holds the heads too. */
export function scaledDotProductAttention(q: Tensor3D, k: Tensor3D, v: Tensor3D): Tensor3D {
  requireShape('k of attention', k, q.shape);
  requireShape('v of attention', v, q.shape);
  const scale = 1 / Math.sqrt(q.shape[2]);
  if (hasKernel('TesseraAttention')) return run('TesseraAttention', { q, k, v }, { scale })[0] as Tensor3D;
  return tf.matMul(tf.softmax(tf.matMul(tf.mul(q, scale), k, false, true)), v);
}

tf.registerGradient({
  kernelName: 'TesseraAttention',
  inputsToSave: ['q', 'k', 'v'],
  outputsToSave: [true, true],
  gradFunc: (dys, [q, k, v, y, weights], attributes) => {
    const inputs = { dy: (dys as Tensor[])[0]!, q: q!, k: k!, v: v!, y: y!, weights: weights! };
    const [dq, dk, dv] = run('TesseraAttentionGrad', inputs, attributes) as [Tensor, Tensor, Tensor];
    return { q: () => dq, k: () => dk, v: () => dv };
  },
});

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
        const nothing: Tensor2D = tf.fill([1, x.shape[1]], 0);
        return tf.gather(tf.concat([dy as Tensor2D, nothing], 0), saved[0] as Tensor1D);
      },
    };
  })(x);

/** Cross entropy of each row. logits [B, C], labels [B] (int32) -> [B], in nats. */
export function softmaxCrossEntropy(logits: Tensor2D, labels: Tensor1D): Tensor1D {
  const classes = logits.shape[1];
  // By comparison: tfjs's oneHot refuses a single class.
  const hit = tf.equal(tf.expandDims(labels, 1), tf.range(0, classes, 1, 'int32')); // [B, C]
  return tf.neg(tf.sum(tf.mul(tf.cast(hit, 'float32'), tf.logSoftmax(logits)), -1));
}

/** A scalar function of named tensors and its gradients by the same names; zero where it does not depend on one. */
export function valueAndGrads(f: (params: Tensors) => Scalar, params: Tensors): { value: Scalar; grads: Tensors } {
  const names = Object.keys(params);
  for (const name of names) requireFloat(`parameter "${name}"`, params[name]!);
  const inputs = names.map((name) => params[name]!);
  const gradients = tf.engine().gradients(() => f(params), inputs);
  const value = gradients.value;
  requireFloat('the value to differentiate', value);
  requireShape('the value to differentiate', value, []);
  const grads = gradients.grads as (Tensor | undefined)[];
  const named = names.map((name, i) => [name, grads[i] ?? tf.zerosLike(inputs[i]!)] as const);
  return { value, grads: Object.fromEntries(named) };
}

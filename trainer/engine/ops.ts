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

/**
 * Exact GELU: x Phi(x), with the error function (Hendrycks & Gimpel 2016). Any shape. Written as sqrt(2) s Phi(sqrt(2) s)
 * with s = x / sqrt(2), whose two factors vanish into the products before and after it (simplify.ts).
 */
export function gelu<T extends Tensor>(x: T): T {
  return tf.mul<T>(erfGate(tf.mul(x, Math.SQRT1_2)), Math.SQRT2);
}

/** s (1 + erf(s)) / 2. */
function erfGate(s: Tensor): Tensor {
  if (hasKernel('TesseraErfGate')) return run('TesseraErfGate', { s })[0]!;
  return tf.mul(tf.mul(s, 0.5), tf.add(tf.erf(s), 1));
}

tf.registerGradient({
  kernelName: 'TesseraErfGate',
  inputsToSave: ['s'],
  outputsToSave: [false, true],
  gradFunc: (dys, [s, phi]) => ({
    s: () => run('TesseraErfGateGrad', { dy: (dys as Tensor[])[0]!, s: s!, phi: phi! })[0]!,
  }),
});

/**
 * x kernel, its columns in `parts` equal parts: x [R, in], kernel [in, out] -> parts x [R, out / parts]. Each is a product
 * of its own, since splitting x kernel copies it; the gradient joins the parts, since one large product is faster.
 */
export function matMulParts(x: Tensor2D, kernel: Tensor2D, parts: number): Tensor2D[] {
  const width = kernel.shape[1] / parts;
  if (!Number.isInteger(width)) throw new Error(`${kernel.shape[1]} columns cannot be split into ${parts} equal parts`);
  if (hasKernel('TesseraMatMulParts')) return run('TesseraMatMulParts', { x, kernel }, { parts }) as Tensor2D[];
  return tf.split(tf.matMul(x, kernel), parts, 1);
}

tf.registerGradient({
  kernelName: 'TesseraMatMulParts',
  inputsToSave: ['x', 'kernel'],
  gradFunc: (dys, [x, kernel]) => {
    const dy = tf.concat([dys].flat() as Tensor2D[], 1); // [R, out]
    return {
      x: () => tf.matMul(dy, kernel as Tensor2D, false, true),
      kernel: () => tf.matMul(x as Tensor2D, dy, true, false),
    };
  },
});

/**
 * Each row of the last axis less its mean and divided by its deviation, sqrt(variance + eps); then `mean` is added.
 * x [..., D] -> [..., D].
 */
export function standardize<T extends Tensor>(x: T, eps: number, mean = 0): T {
  if (hasKernel('TesseraStandardize')) return run('TesseraStandardize', { x }, { eps, mean })[0] as T;
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true); // [..., 1]
  return tf.add(tf.mul(centred, tf.rsqrt(tf.add(variance, eps))), mean);
}

tf.registerGradient({
  kernelName: 'TesseraStandardize',
  outputsToSave: [true, true],
  gradFunc: (dys, [y, rate], attributes) => ({
    x: () => run('TesseraStandardizeGrad', { dy: (dys as Tensor[])[0]!, y: y!, rate: rate! }, attributes)[0]!,
  }),
});

interface StandardizedColumns {
  /** [R, C] */
  readonly y: Tensor2D;
  /** [C]; no gradient passes through it, nor through the variance. */
  readonly mean: Tensor1D;
  /** [C], biased. */
  readonly variance: Tensor1D;
}

/**
 * Each column less its mean and divided by its deviation, sqrt(variance + eps), then scaled and shifted, as batch norms do:
 * x [R, C], scale and shift [C].
 */
export function standardizeColumns(x: Tensor2D, scale: Tensor1D, shift: Tensor1D, eps: number): StandardizedColumns {
  if (hasKernel('TesseraStandardizeColumns')) {
    const outputs = run('TesseraStandardizeColumns', { x, scale, shift }, { eps });
    const [y, mean, variance] = outputs as [Tensor2D, Tensor1D, Tensor1D];
    return { y, mean, variance };
  }
  const { mean, variance } = tf.moments(x, 0) as { mean: Tensor1D; variance: Tensor1D };
  const standardized = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, eps)));
  return { y: tf.add(tf.mul(standardized, scale), shift), mean, variance };
}

tf.registerGradient({
  kernelName: 'TesseraStandardizeColumns',
  inputsToSave: ['scale'],
  outputsToSave: [false, false, false, true, true],
  gradFunc: (dys, [scale, centred, rate]) => {
    const inputs = { dy: (dys as Tensor[])[0]!, scale: scale!, centred: centred!, rate: rate! };
    const [x, dScale, dShift] = run('TesseraStandardizeColumnsGrad', inputs) as [Tensor, Tensor, Tensor];
    return { x: () => x, scale: () => dScale, shift: () => dShift };
  },
});

/** Attention: softmax(q kᵀ / sqrt(d)) v (Vaswani et al. 2017). q [B, M, d], k, v [B, N, d] -> [B, M, d]; B holds the heads too. */
export function scaledDotProductAttention(q: Tensor3D, k: Tensor3D, v: Tensor3D): Tensor3D {
  requireShape('k of attention', k, [q.shape[0], k.shape[1], q.shape[2]]);
  requireShape('v of attention', v, k.shape);
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

/**
 * Ops that tfjs lacks or does badly. Each is a plain function that works on every backend, with
 * a gradient. A backend with a kernel for it (the tracer: lower/fused.ts) runs that; any other
 * runs the composition written here, which is also what the tests compare the kernel to.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { hasKernel, runKernel as run } from './gradients';
import type { Tensors } from './types';

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

/**
 * s (1 + erf(s)) / 2. What the gradient needs is saved here, where other ops return it: for a second output tfjs makes a
 * gradient of zeros on the host, and of the widest tensors of a step that took as long as tracing all else.
 */
function erfGate(s: Tensor): Tensor {
  if (!hasKernel('TesseraErfGate')) return tf.mul(tf.mul(s, 0.5), tf.add(tf.erf(s), 1));
  const gate = tf.customGrad((x, save) => {
    const [value, phi] = run('TesseraErfGate', { s: x as Tensor }) as [Tensor, Tensor];
    (save as tf.GradSaveFunc)([x as Tensor, phi]);
    const gradFunc = (dy: Tensor, [own, saved]: Tensor[]) =>
      run('TesseraErfGateGrad', { dy, s: own!, phi: saved! })[0]!;
    return { value, gradFunc };
  });
  return gate(s);
}

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

/**
 * A dense layer's kernel [in, out] and bias [out] and the scale and shift [in] of the layer norm before it, as one matrix
 * [in, out]. With n the standardized rows, (n scale + shift) kernel + bias = n K + b, where K = scale kernel (row by row) and
 * b = shift kernel + bias. A row of n sums to 0 and one of n + 1 to `in`, so n K + b = (n + 1) K', where K' is K with every
 * column moved until it sums to its element of b: by (b - the sum of scale kernel) / in = ((shift - scale) kernel + bias) / in.
 */
export function foldNorm(kernel: Tensor2D, scale: Tensor1D, shift: Tensor1D, bias: Tensor1D): Tensor2D {
  const [inputs, outputs] = kernel.shape;
  requireShape('scale', scale, [inputs]);
  requireShape('shift', shift, [inputs]);
  requireShape('bias', bias, [outputs]);
  if (hasKernel('TesseraFoldNorm')) return run('TesseraFoldNorm', { kernel, scale, shift, bias })[0] as Tensor2D;
  const lift = tf.reshape<tf.Rank.R2>(tf.sub(shift, scale), [1, inputs]);
  const move = tf.div(tf.add(tf.matMul(lift, kernel), bias), inputs); // [1, out]
  return tf.add(tf.mul(kernel, tf.expandDims(scale, 1)), move);
}

tf.registerGradient({
  kernelName: 'TesseraFoldNorm',
  inputsToSave: ['kernel', 'scale', 'shift'],
  gradFunc: (dy, [kernel, scale, shift]) => {
    const inputs = { dy: dy as Tensor, kernel: kernel!, scale: scale!, shift: shift! };
    const gradients = run('TesseraFoldNormGrad', inputs) as [Tensor, Tensor, Tensor, Tensor];
    const [dKernel, dScale, dShift, dBias] = gradients;
    return { kernel: () => dKernel, scale: () => dScale, shift: () => dShift, bias: () => dBias };
  },
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
  inputsToSave: ['x', 'scale'],
  outputsToSave: [false, true, true],
  gradFunc: (dys, [x, scale, mean, variance], attributes) => {
    const inputs = { dy: (dys as Tensor[])[0]!, x: x!, scale: scale!, mean: mean!, variance: variance! };
    const [dx, dScale, dShift] = run('TesseraStandardizeColumnsGrad', inputs, attributes) as [Tensor, Tensor, Tensor];
    return { x: () => dx, scale: () => dScale, shift: () => dShift };
  },
});

const flat = (x: Tensor): Tensor1D => tf.reshape(x, [x.size]);

/** A parameter of any shape and its gradient. */
export interface Member {
  readonly parameter: Tensor;
  readonly gradient: Tensor;
}

/** What `adamwUpdate` takes besides the members. */
export interface AdamwRules {
  /** The moments' decay rates. */
  readonly beta1: number;
  readonly beta2: number;
  /** [4]: `rate`, `floor`, what to `keep` of a parameter before it is updated, and `clip`, which multiplies the gradients. */
  readonly scalars: Tensor1D;
}

/**
 * One update of parameters whose moments are kept end to end, m and v [sum of their sizes], as sums (nn/adamw.ts), where
 * g is a gradient times `clip`: m' = beta1 m + g, v' = beta2 v + g², parameter' = keep parameter - rate m' / (sqrt(v') + floor).
 */
export function adamwUpdate(members: readonly Member[], m: Tensor, v: Tensor, rules: AdamwRules) {
  const { beta1, beta2, scalars } = rules;
  if (hasKernel('TesseraAdamw')) {
    const inputs: Record<string, Tensor> = { scalars, m, v };
    members.forEach(({ parameter, gradient }, i) => {
      inputs[`parameter${i}`] = parameter;
      inputs[`gradient${i}`] = gradient;
    });
    const [nextM, nextV, ...parameters] = run('TesseraAdamw', inputs, { beta1, beta2 }) as [
      Tensor,
      Tensor,
      ...Tensor[],
    ];
    return { m: nextM, v: nextV, parameters };
  }
  const [rate, floor, keep, clip] = tf.unstack(scalars) as [Tensor, Tensor, Tensor, Tensor];
  const gradient = tf.mul(tf.concat(members.map(({ gradient }) => flat(gradient))), clip); // [size]
  const nextM = tf.add(tf.mul(m, beta1), gradient);
  const nextV = tf.add(tf.mul(v, beta2), tf.square(gradient));
  const change = tf.mul(tf.div(nextM, tf.add(tf.sqrt(nextV), floor)), rate);
  const changes = split(change, members.map(({ parameter }) => parameter.size)); // prettier-ignore
  const parameters = members.map(({ parameter }, i) =>
    tf.sub(tf.mul(parameter, keep), tf.reshape(changes[i]!, parameter.shape)),
  );
  return { m: nextM, v: nextV, parameters };
}

/** The global norm of tensors of any shapes. */
export function globalNorm(tensors: readonly Tensor[]): Scalar {
  if (hasKernel('TesseraSquaredNorm'))
    return tf.sqrt(run('TesseraSquaredNorm', Object.fromEntries(tensors.map((tensor, i) => [i, tensor])))[0] as Scalar);
  // In two stages: one sum of millions of values would lose what is added last.
  const row = 1024;
  const size = tensors.reduce((sum, tensor) => sum + tensor.size, 0);
  const rest = tf.zeros([(row - (size % row)) % row]);
  const rows = tf.reshape(tf.concat([...tensors.map(flat), rest as Tensor1D]), [-1, row]);
  return tf.sqrt(tf.sum<Scalar>(tf.sum(tf.square(rows), 1)));
}

/**
 * x, which is not there before `other` is. A step that is one graph is free to run its ops in any order that their inputs
 * allow: this is how a program says more. Without a gradient.
 */
export function after<T extends Tensor>(x: T, other: Tensor): T {
  return hasKernel('TesseraAfter') ? (run('TesseraAfter', { x, other })[0] as T) : x;
}

/**
 * Splits [sum of sizes] into parts of the given sizes, a few at a time: on WebGPU one op may write to no more tensors
 * than a shader has storage buffers, of which every device has 8, one being the input's.
 */
export function split(flat: Tensor, sizes: readonly number[]): Tensor[] {
  if (sizes.length === 1) return [flat];
  const each = Math.ceil(sizes.length / 7);
  const groups = Array.from({ length: Math.ceil(sizes.length / each) }, (_, i) =>
    sizes.slice(i * each, (i + 1) * each),
  );
  const totals = groups.map((group) => group.reduce((sum, size) => sum + size, 0));
  return tf.split(flat, totals).flatMap((part, i) => split(part, groups[i]!));
}

/** How the rows of `qkv` are to be taken. */
export interface Heads {
  readonly batch: number;
  readonly heads: number;
  /** The first token that attends, 0 by default; all are attended to. */
  readonly from?: number;
}

/**
 * Multi-head self-attention: in each head softmax(q kᵀ / sqrt(d)) v (Vaswani et al. 2017). qkv [B*N, 3D], in a row the
 * queries of all heads, then the keys, then the values -> [B*M, D], where M leaves the first `from` of N tokens out.
 */
export function multiHeadAttention(qkv: Tensor2D, { batch, heads, from = 0 }: Heads): Tensor2D {
  const [rows, columns] = qkv.shape;
  if (rows % batch !== 0 || columns % (3 * heads) !== 0)
    throw new Error(
      `qkv of attention is [${qkv.shape.join()}], which ${batch} images and ${heads} heads do not divide`,
    );
  const [tokens, width] = [rows / batch, columns / 3];
  if (from >= tokens) throw new Error(`of ${tokens} tokens none is left from ${from} on`);
  const scale = Math.sqrt(heads / width);
  if (hasKernel('TesseraAttention'))
    return run('TesseraAttention', { qkv }, { batch, heads, from, scale })[0] as Tensor2D;
  const [q, k, v] = headsOf(qkv, batch, heads) as [Tensor4D, Tensor4D, Tensor4D]; // [B, H, N, d]
  const asking = tf.slice(q, [0, 0, from, 0]); // [B, H, M, d]
  const mixed = tf.matMul(tf.softmax(tf.matMul(tf.mul(asking, scale), k, false, true)), v); // [B, H, M, d]
  return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch * (tokens - from), width]);
}

/** qkv [B*N, 3D] -> the queries, keys and values of each head, [B, H, N, d] each. */
export function headsOf(qkv: Tensor2D, batch: number, heads: number): Tensor4D[] {
  const [tokens, width] = [qkv.shape[0] / batch, qkv.shape[1] / 3];
  const apart = tf.reshape(qkv, [batch, tokens, 3, heads, width / heads]);
  return tf.unstack(tf.transpose(apart, [2, 0, 3, 1, 4])) as Tensor4D[];
}

tf.registerGradient({
  kernelName: 'TesseraAttention',
  inputsToSave: ['qkv'],
  outputsToSave: [true, true],
  gradFunc: (dys, [qkv, y, kept], attributes) => {
    const inputs = { dy: (dys as Tensor[])[0]!, qkv: qkv!, y: y!, kept: kept! };
    return { qkv: () => run('TesseraAttentionGrad', inputs, attributes)[0]! };
  },
});

/**
 * f(x, params), whose gradient computes it again from x instead of keeping what it made on the way (Chen et al. 2016,
 * "Training Deep Nets with Sublinear Memory Cost"). What f takes besides must be constant.
 */
export function recomputed<T extends Tensor>(f: (x: T, params: Tensors) => T, x: T, params: Tensors): T {
  const names = Object.keys(params);
  const named = (values: readonly Tensor[]): Tensors => Object.fromEntries(names.map((name, i) => [name, values[i]!]));
  const op = tf.customGrad((...given) => {
    const save = given.pop() as tf.GradSaveFunc;
    const [input, ...values] = given as [T, ...Tensor[]];
    save([input, ...values]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [again, ...weights] = saved as [T, ...Tensor[]];
      // Not before it is needed.
      const late = after(again, dy);
      const inputs = [late, ...weights];
      // tfjs forgets the outer tape, from which it has yet to dispose of what was saved, when an inner one ends.
      const { state } = tf.engine();
      const tape = state.activeTape;
      const { grads } = tf.engine().gradients(() => f(late, named(weights)), inputs, dy as T);
      state.activeTape = tape;
      return grads;
    };
    return { value: f(input, named(values)), gradFunc };
  });
  return op(x, ...names.map((name) => params[name]!));
}

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

import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { gelu, softmaxCrossEntropy, valueAndGrads } from '../engine/ops';
import type { Engine, HostTensor, HostTensors, Step, Tensors } from '../engine/types';
import { constant, normal, xavierUniform } from '../nn/initializers';
import { learningRate } from '../nn/schedule';
import { random } from '../random/random';
import { createPace } from './pace';
import { take } from './subset';
import type { Embeddings } from './types';

/** Linear layers on standardised embeddings, with GELU between: one of them is a linear classifier. */
export interface ProbeClassifier {
  /** Of each feature of the training embeddings, [width]. */
  readonly mean: Float64Array;
  readonly std: Float64Array;
  readonly layers: readonly Layer[];
}

interface Layer {
  /** [inputs, outputs] */
  readonly kernel: Float32Array;
  /** [outputs] */
  readonly bias: Float32Array;
}

/** What a probe learns from. */
export interface ProbeTraining {
  /** The training images as embedded once or, augmented, several times: pass e over them sees view e modulo their number. */
  readonly views: readonly Embeddings[];
  readonly labels: Int32Array;
}

export interface ProbeRecipe {
  readonly classes: number;
  /** Widths of the hidden layers; none for a linear classifier. */
  readonly hidden: readonly number[];
  readonly optimizer: 'sgd' | 'lars';
  /** Share of all steps in which the rate rises from 0. */
  readonly warmup: number;
  readonly learningRates: readonly number[];
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
  /** What to start from; fresh weights by default. */
  readonly start?: readonly Layer[];
}

const MOMENTUM = 0.9;
/** Of LARS: the norm of a scaled gradient as a share of its parameter's norm. */
const TRUST = 0.001;
/** Added to the variance, as in the batch norm before MAE's linear layer. */
const EPSILON = 1e-6;
/** Of the last layer's weights, as in MAE, where zero weights will not do: LARS goes by their norm, and an MLP by their rows. */
const HEAD_STD = 0.01;
/** Rows whose logits are computed at once. */
const BLOCK = 256;

/**
 * Trains one classifier per learning rate, side by side on the same batches and from the same weights: momentum 0.9, by
 * LARS (You et al. 2017) if asked, cosine to 0 per step, no weight decay. A linear one by SGD starts from zero weights (the
 * problem is convex).
 */
export async function trainProbes(
  engine: Engine,
  { views, labels }: ProbeTraining,
  recipe: ProbeRecipe,
  { onProgress, signal }: { readonly onProgress?: (done: number) => void; readonly signal?: AbortSignal } = {},
): Promise<ProbeClassifier[]> {
  const { classes, hidden, learningRates, epochs, batchSize, seed } = recipe;
  const { size, width } = views[0]!;
  const rates = learningRates.length;
  const batch = Math.min(batchSize, size);
  const perEpoch = Math.floor(size / batch);
  const scaling = statistics(views);
  const start = initial([width, ...hidden, classes], recipe);

  const state = engine.upload({ ...start, ...Object.fromEntries(Object.entries(start).map(atRest)) });
  const program = await engine.compile(momentumStep(hidden.length + 1, classes, recipe.optimizer), {
    state: state.specs,
    inputs: {
      x: { shape: [1, batch, width], dtype: 'float32' },
      labels: { shape: [rates * batch], dtype: 'int32' },
      lr: { shape: [rates, 1, 1], dtype: 'float32' },
    },
  });
  try {
    const pace = createPace(signal);
    const totalSteps = epochs * perEpoch;
    // From step 0, so that without warmup the first update has the full rate, as PyTorch's cosine does.
    const schedule = { peak: 1, min: 0, warmupSteps: Math.round(recipe.warmup * totalSteps), totalSteps };
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = random(seed, 'probe order', epoch).permutation(size);
      for (let b = 0; b < perEpoch; b++) {
        const chosen = order.subarray(b * batch, (b + 1) * batch);
        const rate = learningRate(schedule, epoch * perEpoch + b);
        await program.run(state, {
          x: standardised(views[epoch % views.length]!, scaling, chosen),
          labels: repeated(take(labels, chosen), rates),
          lr: Float32Array.from(learningRates, (peak) => peak * rate),
        });
        await pace();
      }
      onProgress?.((epoch + 1) / epochs);
    }
    const trained = await state.read(Object.keys(start));
    const ofRate = (name: string, r: number) => {
      const { data } = trained[name]!;
      return (data as Float32Array).slice((r * data.length) / rates, ((r + 1) * data.length) / rates);
    };
    return learningRates.map((_, r) => ({
      ...scaling,
      layers: [...hidden, classes].map((_, i) => ({ kernel: ofRate(`${i}.kernel`, r), bias: ofRate(`${i}.bias`, r) })),
    }));
  } finally {
    program.dispose();
    state.dispose();
  }
}

/** `<i>.kernel` [rates, in, out] and `<i>.bias` [rates, 1, out], the same for each rate. */
function initial(widths: readonly number[], { learningRates, start, ...recipe }: ProbeRecipe): HostTensors {
  const rates = learningRates.length;
  const tensor = (shape: readonly number[], data: Float32Array): HostTensor => ({
    ...{ shape: [rates, ...shape], dtype: 'float32' },
    data: repeated(data, rates),
  });
  const layers = widths.slice(1).map((outputs, i): HostTensors => {
    const { kernel, bias } = start?.[i] ?? freshLayer(widths, i, recipe);
    return { [`${i}.kernel`]: tensor([widths[i]!, outputs], kernel), [`${i}.bias`]: tensor([1, outputs], bias) };
  });
  return Object.assign({}, ...layers) as HostTensors;
}

function freshLayer(
  widths: readonly number[],
  i: number,
  { hidden, optimizer, seed }: Pick<ProbeRecipe, 'hidden' | 'optimizer' | 'seed'>,
): Layer {
  const shape = [widths[i]!, widths[i + 1]!] as const;
  const name = `probe.${i}.kernel`;
  const std = hidden.length === 0 && optimizer === 'sgd' ? 0 : HEAD_STD;
  const { data } = i < hidden.length ? xavierUniform(shape, seed, name) : normal(shape, std, seed, name);
  return { kernel: data as Float32Array, bias: new Float32Array(shape[1]) };
}

const VELOCITY = 'velocity.';
const atRest = ([name, { shape }]: [string, HostTensor]) => [`${VELOCITY}${name}`, constant([...shape], 0)] as const;

/** The sum of the losses of all rates, so that none touches another's gradient. */
function momentumStep(layers: number, classes: number, optimizer: ProbeRecipe['optimizer']): Step {
  return (state, { x, labels, lr }) => {
    const params = Object.fromEntries(Object.entries(state).filter(([name]) => !name.startsWith(VELOCITY)));
    const { value, grads } = valueAndGrads((given) => {
      const logits = forward(given, layers, x!); // [rates, B, C]
      const rows = tf.reshape(logits, [-1, classes]); // [rates * B, C]
      return tf.div<Scalar>(tf.sum(softmaxCrossEntropy(rows as Tensor2D, labels as Tensor1D)), x!.shape[1]!);
    }, params);
    const next: Record<string, Tensor> = {};
    for (const [name, old] of Object.entries(params)) {
      const gradient = grads[name]!;
      const adapts = optimizer === 'lars' && name.endsWith('.kernel');
      const velocity = tf.add(
        tf.mul(state[`${VELOCITY}${name}`]!, MOMENTUM),
        adapts ? tf.mul(gradient, trustOf(old, gradient)) : gradient,
      );
      next[`${VELOCITY}${name}`] = velocity;
      next[name] = tf.sub(old, tf.mul(velocity, lr!)); // lr [rates, 1, 1] is broadcast
    }
    return { state: next, outputs: { loss: value } };
  };
}

/** x [1, B, width] -> logits [rates, B, classes]. */
function forward(params: Tensors, layers: number, x: Tensor): Tensor {
  for (let i = 0; i < layers; i++) {
    if (i > 0) x = gelu(x);
    x = tf.add(tf.matMul(x, params[`${i}.kernel`]!), params[`${i}.bias`]!); // [rates, B, out]
  }
  return x;
}

/** What LARS multiplies the gradient of each rate's kernel with, [rates, 1, 1]; 1 where one of both norms is zero. */
function trustOf(kernel: Tensor, gradient: Tensor): Tensor {
  const norm = (x: Tensor) => tf.sqrt(tf.sum(tf.square(x), [1, 2], true));
  const [own, of] = [norm(kernel), norm(gradient)];
  const isZero = tf.equal(tf.minimum(own, of), 0);
  // A quotient without zeros, since the other branch of a choice is computed as well.
  const ratio = tf.div(tf.mul(own, TRUST), tf.where(isZero, tf.onesLike(of), of));
  return tf.where(isZero, tf.onesLike(ratio), ratio);
}

/** logits [size, classes] of embeddings, computed in blocks of rows. */
export async function probeLogits(
  engine: Engine,
  { layers, ...scaling }: ProbeClassifier,
  embeddings: Embeddings,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { size, width } = embeddings;
  const classes = layers.at(-1)!.bias.length;
  const block = Math.min(size, BLOCK);
  const weights = layers.map(({ kernel, bias }, i): HostTensors => {
    const outputs = bias.length;
    return {
      [`${i}.kernel`]: { shape: [1, kernel.length / outputs, outputs], dtype: 'float32', data: kernel },
      [`${i}.bias`]: { shape: [1, 1, outputs], dtype: 'float32', data: bias },
    };
  });
  const state = engine.upload(Object.assign({}, ...weights) as HostTensors);
  const program = await engine.compile(
    (params, { x }) => ({ outputs: { logits: forward(params, layers.length, x!) } }), // [1, block, classes]
    { state: state.specs, inputs: { x: { shape: [1, block, width], dtype: 'float32' } } },
  );
  try {
    const pace = createPace(signal);
    const all = new Float32Array(size * classes);
    for (let start = 0; start < size; start += block) {
      const rows = Int32Array.from({ length: block }, (_, i) => Math.min(start + i, size - 1));
      const { logits } = await program.run(state, { x: standardised(embeddings, scaling, rows) });
      const count = Math.min(block, size - start);
      all.set((logits!.data as Float32Array).subarray(0, count * classes), start * classes);
      await pace();
    }
    return all;
  } finally {
    program.dispose();
    state.dispose();
  }
}

/** The class with the largest logit, per row of logits [n, classes]; the first of equal ones. */
export function argmaxRows(logits: Float32Array, classes: number): Int32Array {
  return Int32Array.from({ length: logits.length / classes }, (_, i) => {
    let best = 0;
    for (let c = 1; c < classes; c++) if (logits[i * classes + c]! > logits[i * classes + best]!) best = c;
    return best;
  });
}

type Scaling = Pick<ProbeClassifier, 'mean' | 'std'>;

/** Mean and (biased) standard deviation of each feature over all rows of all views. */
function statistics(views: readonly Embeddings[]): Scaling {
  const { width } = views[0]!;
  const rows = views.reduce((sum, { size }) => sum + size, 0);
  const mean = new Float64Array(width);
  const variance = new Float64Array(width);
  for (const { values } of views) values.forEach((x, at) => (mean[at % width]! += x / rows));
  for (const { values } of views)
    values.forEach((x, at) => (variance[at % width]! += (x - mean[at % width]!) ** 2 / rows));
  return { mean, std: variance.map((v) => Math.sqrt(v + EPSILON)) };
}

/** The rows that `chosen` names, [chosen.length, width]. */
function standardised({ values, width }: Embeddings, { mean, std }: Scaling, chosen: Int32Array): Float32Array {
  const rows = new Float32Array(chosen.length * width);
  chosen.forEach((row, i) => {
    for (let d = 0; d < width; d++) rows[i * width + d] = (values[row * width + d]! - mean[d]!) / std[d]!;
  });
  return rows;
}

/** All values, `times` times over. */
function repeated<T extends Float32Array | Int32Array>(values: T, times: number): T {
  const longer = new (values.constructor as new (length: number) => T)(values.length * times);
  for (let i = 0; i < times; i++) longer.set(values, i * values.length);
  return longer;
}

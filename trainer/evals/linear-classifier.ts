import * as tf from '@tensorflow/tfjs-core';
import type { Rank, Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { softmaxCrossEntropy, valueAndGrads } from '../engine/ops';
import type { Engine, Step, TypedArray } from '../engine/types';
import { constant } from '../nn/initializers';
import { learningRate } from '../nn/schedule';
import { random } from '../random/random';
import { createPace } from './pace';
import { take, takeRows } from './subset';
import type { Embeddings, LabelledEmbeddings } from './types';

/** One linear layer on standardised embeddings: logits = ((e - mean) / std) kernel + bias. */
export interface LinearClassifier {
  /** Of each feature of the training embeddings, [width]. */
  readonly mean: Float64Array;
  readonly std: Float64Array;
  /** [width, classes] */
  readonly kernel: Float32Array;
  /** [classes] */
  readonly bias: Float32Array;
}

export interface LinearOptions {
  readonly classes: number;
  readonly learningRates: readonly number[];
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
}

const MOMENTUM = 0.9;
/** Added to the variance, as in the batch norm before MAE's linear layer. */
const EPSILON = 1e-6;

/**
 * Trains one classifier per learning rate, side by side as one wide linear layer on the same batches: SGD with
 * momentum 0.9, cosine to 0 per step, no weight decay, from zero weights (the problem is convex).
 */
export async function trainLinear(
  engine: Engine,
  { embeddings, labels }: LabelledEmbeddings,
  { classes, learningRates, epochs, batchSize, seed }: LinearOptions,
  { onProgress, signal }: { readonly onProgress?: (done: number) => void; readonly signal?: AbortSignal } = {},
): Promise<LinearClassifier[]> {
  const { size, width } = embeddings;
  const rates = learningRates.length;
  const wide = rates * classes;
  const batch = Math.min(batchSize, size);
  const perEpoch = Math.floor(size / batch);
  const scaling = statistics(embeddings);
  const rows = standardised(embeddings, scaling);

  const state = engine.upload({
    kernel: constant([width, wide], 0),
    bias: constant([wide], 0),
    'velocity.kernel': constant([width, wide], 0),
    'velocity.bias': constant([wide], 0),
  });
  const program = await engine.compile(sgdStep(batch, rates, classes), {
    state: state.specs,
    inputs: {
      x: { shape: [batch, width], dtype: 'float32' },
      labels: { shape: [batch * rates], dtype: 'int32' },
      lr: { shape: [wide], dtype: 'float32' },
    },
  });
  try {
    const pace = createPace(signal);
    // From step 0, so that the first update has the full rate, as PyTorch's cosine does.
    const cosine = { peak: 1, min: 0, warmupSteps: 0, totalSteps: epochs * perEpoch };
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = random(seed, 'probe order', epoch).permutation(size);
      for (let b = 0; b < perEpoch; b++) {
        const chosen = order.subarray(b * batch, (b + 1) * batch);
        const rate = learningRate(cosine, epoch * perEpoch + b);
        await program.run(state, {
          x: takeRows(rows, width, chosen),
          labels: repeated(take(labels, chosen), rates),
          lr: repeated(
            Float32Array.from(learningRates, (peak) => peak * rate),
            classes,
          ),
        });
        await pace();
      }
      onProgress?.((epoch + 1) / epochs);
    }
    const { kernel, bias } = await state.read(['kernel', 'bias']);
    return learningRates.map((_, r) => ({
      ...scaling,
      kernel: columns(kernel!.data as Float32Array, wide, r * classes, classes),
      bias: (bias!.data as Float32Array).slice(r * classes, (r + 1) * classes),
    }));
  } finally {
    program.dispose();
    state.dispose();
  }
}

/** `rates` classifiers of `classes` columns each; the sum of their losses, so that none touches another's gradient. */
function sgdStep(batch: number, rates: number, classes: number): Step {
  return ({ kernel, bias, ...velocities }, { x, labels, lr }) => {
    const { value, grads } = valueAndGrads(
      (layer) => {
        const wide = tf.add(tf.matMul(x as Tensor2D, layer.kernel as Tensor2D), layer.bias!); // [B, rates * C]
        const logits = tf.reshape<Rank.R2>(wide, [batch * rates, classes]); // a row per image and rate
        return tf.div<Scalar>(tf.sum(softmaxCrossEntropy(logits, labels as Tensor1D)), batch);
      },
      { kernel: kernel!, bias: bias! },
    );
    const velocity = (name: string) => tf.add(tf.mul(velocities[`velocity.${name}`]!, MOMENTUM), grads[name]!);
    const v = { kernel: velocity('kernel'), bias: velocity('bias') };
    return {
      state: {
        kernel: tf.sub(kernel!, tf.mul(v.kernel, lr!)), // lr [rates * C] is broadcast over rows
        bias: tf.sub(bias!, tf.mul(v.bias, lr!)),
        'velocity.kernel': v.kernel,
        'velocity.bias': v.bias,
      },
      outputs: { loss: value },
    };
  };
}

/** logits [size, classes] of embeddings. */
export async function linearLogits(
  { mean, std, kernel, bias }: LinearClassifier,
  embeddings: Embeddings,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { size, width } = embeddings;
  const classes = bias.length;
  const rows = standardised(embeddings, { mean, std });
  const logits = new Float32Array(size * classes);
  const pace = createPace(signal);
  for (let i = 0; i < size; i++) {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    row.set(bias);
    for (let d = 0; d < width; d++) {
      const x = rows[i * width + d]!;
      for (let c = 0; c < classes; c++) row[c]! += x * kernel[d * classes + c]!;
    }
    await pace();
  }
  return logits;
}

/** The class with the largest logit, per row of logits [n, classes]; the first of equal ones. */
export function argmaxRows(logits: Float32Array, classes: number): Int32Array {
  return Int32Array.from({ length: logits.length / classes }, (_, i) => {
    let best = 0;
    for (let c = 1; c < classes; c++) if (logits[i * classes + c]! > logits[i * classes + best]!) best = c;
    return best;
  });
}

type Scaling = Pick<LinearClassifier, 'mean' | 'std'>;

/** Mean and (biased) standard deviation of each feature. */
function statistics({ values, size, width }: Embeddings): Scaling {
  const mean = new Float64Array(width);
  const variance = new Float64Array(width);
  values.forEach((x, at) => (mean[at % width]! += x / size));
  values.forEach((x, at) => (variance[at % width]! += (x - mean[at % width]!) ** 2 / size));
  return { mean, std: variance.map((v) => Math.sqrt(v + EPSILON)) };
}

function standardised({ values, width }: Embeddings, { mean, std }: Scaling): Float32Array {
  return values.map((x, at) => (x - mean[at % width]!) / std[at % width]!);
}

/** Each value `times` times in a row. */
function repeated<T extends TypedArray>(values: T, times: number): T {
  const longer = new (values.constructor as new (length: number) => T)(values.length * times);
  values.forEach((value, i) => longer.fill(value, i * times, (i + 1) * times));
  return longer;
}

function columns(matrix: Float32Array, width: number, start: number, count: number): Float32Array {
  return Float32Array.from(
    { length: (matrix.length / width) * count },
    (_, i) => matrix[Math.floor(i / count) * width + start + (i % count)]!,
  );
}

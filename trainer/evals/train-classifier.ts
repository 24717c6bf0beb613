import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { FinetuneConfig } from '../../protocol/config';
import { gelu } from '../engine/ops';
import type { DeviceState, Engine, HostTensors, Specs, Tensors } from '../engine/types';
import { createOptimizer } from '../nn/create-optimizer';
import { drawDropPath } from '../nn/drop-path';
import type { Encoder } from '../nn/encoder';
import { normal } from '../nn/initializers';
import { dense, initDense } from '../nn/layers';
import { learningRate } from '../nn/schedule';
import { trained, trainStep, type Training } from '../nn/train-step';
import { random } from '../random/random';
import { argmaxRows } from './probe-classifier';
import { drawMix, mixImages, targets, type MixOptions } from './mixing';
import { take } from './subset';
import type { LabelledImages } from './types';

export interface ClassifierOptions
  extends MixOptions, Pick<FinetuneConfig, 'layerDecay' | 'blocks' | 'dropPath' | 'labelSmoothing' | 'optimizer'> {
  /** At most as many images as there are. */
  readonly batchSize: number;
  readonly steps: number;
  readonly seed: number;
}

export interface ClassifierInput {
  readonly encoder: Encoder;
  readonly data: LabelledImages;
  /** Which of the training images to learn from. */
  readonly chosen: Int32Array;
  /** Parameters and running statistics of `encoder`, and `head.*`. */
  readonly start: HostTensors;
}

/** Of the last layer's weights, as in MAE: the encoder hardly changes before the head has learnt something. */
const HEAD_STD = 2e-5;
const TEST_BATCH = 128;

/**
 * Loss of a classifier, an encoder and its head, and what of it learns: all, or the last `blocks` of the encoder with its
 * final norm and the head, or, with none, the head alone. Inputs: images [B, H, W, C], targets [B, classes] and, with drop
 * path, branches [branches, B].
 */
export function classifierTraining(
  encoder: Encoder,
  { blocks }: Pick<FinetuneConfig, 'blocks'>,
): Training & { readonly from: number } {
  const from = firstTrained(encoder, blocks);
  return {
    from,
    isFrozen: (name) => name.startsWith('encoder.') && encoder.layerOf(name) < from,
    loss(params, { images, targets, branches }) {
      const buffers: Record<string, Tensor> = {};
      const tuning = { from, branches: branches as Tensor2D | undefined };
      const embedding = encoder.embed(params, images as Tensor4D, buffers, tuning);
      const answers = tf.logSoftmax(head(params, embedding)); // [B, classes]
      const rows = tf.neg(tf.sum(tf.mul(targets!, answers), -1)); // [B]
      return { loss: tf.mean<Scalar>(rows), metrics: {}, buffers };
    },
  };
}

/** The first layer (see `Encoder.layerOf`) that learns. */
function firstTrained({ layers }: Encoder, blocks?: number): number {
  if (blocks === undefined) return 0;
  return blocks === 0 ? Infinity : layers - blocks;
}

/** Trains encoder and head from `start`, then predicts the test images. */
export async function trainClassifier(
  engine: Engine,
  { encoder, data, chosen, start }: ClassifierInput,
  options: ClassifierOptions,
  { onProgress, signal }: { readonly onProgress: (done: number) => void; readonly signal?: AbortSignal },
): Promise<{ readonly weights: HostTensors; readonly predictions: Int32Array }> {
  const { batchSize, steps, layerDecay, dropPath, labelSmoothing, seed, optimizer: settings } = options;
  const [height, width] = data.imageShape;
  const classes = data.classes.length;
  const { from, ...training } = classifierTraining(encoder, options);
  const optimizer = createOptimizer({
    ...settings,
    scale: (name) => (name.startsWith('encoder.') ? layerDecay ** (encoder.layers - encoder.layerOf(name)) : 1),
  });
  const schedule = {
    peak: (settings.baseLr * batchSize) / 256,
    min: settings.minLr,
    warmupSteps: Math.round(settings.warmup * steps),
    totalSteps: steps,
  };
  const inputs: Specs = {
    images: { shape: [batchSize, ...data.imageShape], dtype: 'float32' },
    targets: { shape: [batchSize, classes], dtype: 'float32' },
    ...(dropPath > 0 && { branches: { shape: [encoder.branches, batchSize], dtype: 'float32' } }),
    lr: { shape: [], dtype: 'float32' },
    step: { shape: [], dtype: 'float32' },
  };
  const state = engine.upload({ ...start, ...optimizer.init(trained(start, training.isFrozen)) });
  const program = await engine.compile(trainStep(training, optimizer), { state: state.specs, inputs });
  const batches = data.trainBatches(chosen, batchSize, steps);
  try {
    const labels = take(data.labels.train, chosen);
    for (let step = 1; step <= steps; step++) {
      signal?.throwIfAborted();
      const { images, indices } = await batches.next();
      const mix = drawMix(random(seed, 'mix', step), options, { batchSize, height, width });
      const { loss } = await program.run(state, {
        images: mix ? mixImages(images, data.imageShape, mix) : images,
        targets: targets(take(labels, indices), classes, labelSmoothing, mix),
        ...(dropPath > 0 && {
          branches: drawDropPath(random(seed, 'drop path', step), encoder, { rate: dropPath, batchSize, from }),
        }),
        lr: Float32Array.of(learningRate(schedule, step)),
        step: Float32Array.of(step),
      });
      if (!Number.isFinite(loss!.data[0])) {
        throw new Error(`The loss is not finite at step ${step} of fine-tuning: lower \`finetune.optimizer.baseLr\`.`);
      }
      onProgress(step / steps);
    }
    const predictions = await predict(engine, encoder, state, Object.keys(start), data, signal);
    return { weights: await state.read(Object.keys(start)), predictions };
  } finally {
    await batches.dispose();
    program.dispose();
    state.dispose();
  }
}

async function predict(
  engine: Engine,
  encoder: Encoder,
  state: DeviceState,
  parameters: readonly string[],
  data: LabelledImages,
  signal?: AbortSignal,
): Promise<Int32Array> {
  const batch = Math.min(TEST_BATCH, data.labels.test.length);
  const program = await engine.compile(
    (params, { images }) => ({ outputs: { logits: head(params, encoder.embed(params, images as Tensor4D)) } }),
    {
      state: Object.fromEntries(parameters.map((name) => [name, state.specs[name]!])),
      inputs: { images: { shape: [batch, ...data.imageShape], dtype: 'float32' } },
    },
  );
  try {
    const predictions: number[] = [];
    for await (const { images, count } of data.testBatches(batch)) {
      signal?.throwIfAborted();
      const { logits } = await program.run(state, { images });
      predictions.push(...argmaxRows(logits!.data as Float32Array, data.classes.length).subarray(0, count));
    }
    return Int32Array.from(predictions);
  } finally {
    program.dispose();
  }
}

/** embedding [B, width] -> hidden layers with GELU -> logits [B, classes]. */
function head(params: Tensors, embedding: Tensor2D): Tensor2D {
  const layers = Object.keys(params).filter((name) => /^head\.\d+\.kernel$/.test(name)).length;
  let x = embedding;
  for (let layer = 0; layer < layers; layer++) {
    if (layer > 0) x = gelu(x);
    x = dense(params, `head.${layer}`, x);
  }
  return x;
}

/** `head.<i>.{kernel,bias}`, one layer per hidden width and the last one. */
export function initHead(width: number, hidden: readonly number[], classes: number, seed: number): HostTensors {
  const widths = [width, ...hidden, classes];
  const layers = widths.slice(1).map((outputs, i) => initDense(`head.${i}`, widths[i]!, outputs, seed));
  const last = `head.${hidden.length}.kernel`;
  const small = normal([widths.at(-2)!, classes], HEAD_STD, seed, last);
  return Object.assign({}, ...layers, { [last]: small }) as HostTensors;
}

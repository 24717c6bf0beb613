import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { mean } from '@tensorflow/tfjs-core';
import type { FinetuneConfig } from '../../protocol/config';
import { gelu, softmaxCrossEntropy } from '../engine/ops';
import type { DeviceState, Engine, HostTensors, Tensors } from '../engine/types';
import { encoderOf, type Encoder } from '../nn/encoder';
import { normal } from '../nn/initializers';
import { dense, initDense } from '../nn/layers';
import { createOptimizer } from '../nn/create-optimizer';
import { learningRate } from '../nn/schedule';
import { trained, trainStep } from '../nn/train-step';
import { checkLabels, checkTrainingLabels } from './labels';
import { argmaxRows } from './linear-classifier';
import { labelBudget, report } from './report';
import { stratifiedSubset, take } from './subset';
import type { FinetuneResult, LabelledImages, Watch } from './types';

export type FinetuneOptions = Omit<FinetuneConfig, 'transform'> & { readonly seed: number };

/** What is fine-tuned, and on what. */
export interface FinetuneInput {
  readonly encoder: Encoder;
  /** The pretrained parameters; only those under `encoder.` are used. */
  readonly pretrained: HostTensors;
  readonly data: LabelledImages;
}

/** Of the last layer's weights, as in MAE: the encoder hardly changes before the head has learnt something. */
const HEAD_STD = 2e-5;
const TEST_BATCH = 128;

/**
 * Full fine-tuning with each share of the training labels (He et al. 2021, appendix A.1): all weights learn, each
 * layer `layerDecay` times slower than the next. The baseline trains the same model from scratch on the same
 * batches with the same budget, all layers at the full rate as is customary. Both are scored after their last
 * step: the test set picks nothing. Yields a result as each share is done.
 */
export async function* finetuneEvaluation(
  engine: Engine,
  { encoder, pretrained, data }: FinetuneInput,
  options: FinetuneOptions,
  { onProgress, signal }: Watch = {},
): AsyncGenerator<FinetuneResult, void> {
  const { classes, labels } = data;
  const { seed } = options;
  checkTrainingLabels(labels.train, labels.train.length, classes);
  checkLabels(labels.test, labels.test.length, classes, 'test');

  for (const [i, share] of options.labels.entries()) {
    const startedAt = performance.now();
    const chosen = stratifiedSubset(labels.train, share, seed);
    const budget = trainingBudget(options, chosen.length);
    const head = initHead(encoder.width, options.head, classes.length, seed);
    const train = (start: HostTensors, layerDecay: number, turn: 0 | 1) =>
      trainClassifier(
        engine,
        { encoder, data, chosen, start: { ...start, ...head } },
        { ...options, ...budget, layerDecay },
        {
          onProgress: (done) => {
            const what = turn === 0 ? 'fine-tuning' : 'training from scratch';
            onProgress?.(
              (i + (turn + done) / 2) / options.labels.length,
              `${what}, ${labelBudget(share, chosen.length)}`,
            );
          },
          signal,
        },
      );
    const tuned = await train(encoderOf(pretrained), options.layerDecay, 0);
    const scratch = await train(encoderOf(encoder.init(seed)), 1, 1);
    const evaluation = report({
      kind: 'finetune',
      protocol: describe(options, budget),
      share,
      trainImages: chosen.length,
      classes,
      testLabels: labels.test,
      predictions: tuned.predictions,
      baseline: { name: 'from scratch', predictions: scratch.predictions },
      seed,
      startedAt,
    });
    yield { evaluation, weights: tuned.weights };
  }
}

interface Budget {
  /** At most as many images as there are. */
  readonly batchSize: number;
  readonly steps: number;
}

function trainingBudget({ batchSize, steps, epochs }: FinetuneOptions, images: number): Budget {
  const batch = Math.min(batchSize, images);
  if (steps === undefined && epochs === undefined) throw new Error('Give `finetune.steps` or `finetune.epochs`.');
  return { batchSize: batch, steps: steps ?? Math.max(1, Math.round(epochs! * Math.floor(images / batch))) };
}

/** Trains encoder and head from `start`, then predicts the test images. */
async function trainClassifier(
  engine: Engine,
  {
    encoder,
    data,
    chosen,
    start,
  }: Omit<FinetuneInput, 'pretrained'> & { readonly chosen: Int32Array; readonly start: HostTensors },
  { batchSize, steps, layerDecay, optimizer: settings }: FinetuneOptions & Budget,
  { onProgress, signal }: { readonly onProgress: (done: number) => void; readonly signal?: AbortSignal },
): Promise<{ readonly weights: HostTensors; readonly predictions: Int32Array }> {
  const optimizer = createOptimizer({
    ...settings,
    scale: (name) => (name.startsWith('encoder.') ? layerDecay ** (encoder.layers - encoder.layerOf(name)) : 1),
  });
  const loss = (params: Tensors, { images, labels }: Tensors) => {
    const buffers: Record<string, Tensor> = {};
    const rows = softmaxCrossEntropy(logits(encoder, params, images as Tensor4D, buffers), labels as Tensor1D);
    return { loss: mean<Scalar>(rows), metrics: {}, buffers };
  };
  const schedule = {
    peak: (settings.baseLr * batchSize) / 256,
    min: settings.minLr,
    warmupSteps: Math.round(settings.warmup * steps),
    totalSteps: steps,
  };
  const state = engine.upload({ ...start, ...optimizer.init(trained(start)) });
  const program = await engine.compile(trainStep({ loss }, optimizer), {
    state: state.specs,
    inputs: {
      images: { shape: [batchSize, ...data.imageShape], dtype: 'float32' },
      labels: { shape: [batchSize], dtype: 'int32' },
      lr: { shape: [], dtype: 'float32' },
      step: { shape: [], dtype: 'float32' },
    },
  });
  const batches = data.trainBatches(chosen, batchSize, steps);
  try {
    const labels = take(data.labels.train, chosen);
    for (let step = 1; step <= steps; step++) {
      signal?.throwIfAborted();
      const { images, indices } = await batches.next();
      const { loss } = await program.run(state, {
        images,
        labels: take(labels, indices),
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
    (params, { images }) => ({ outputs: { logits: logits(encoder, params, images as Tensor4D) } }),
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

/** images [B, H, W, C] -> embedding [B, width] -> hidden layers with GELU -> logits [B, classes]; `updates` as for `embed`. */
function logits(encoder: Encoder, params: Tensors, images: Tensor4D, updates?: Record<string, Tensor>): Tensor2D {
  const layers = Object.keys(params).filter((name) => /^head\.\d+\.kernel$/.test(name)).length;
  let x = encoder.embed(params, images, updates);
  for (let layer = 0; layer < layers; layer++) {
    if (layer > 0) x = gelu(x);
    x = dense(params, `head.${layer}`, x);
  }
  return x;
}

/** `head.<i>.{kernel,bias}`, one layer per hidden width and the last one. */
function initHead(width: number, hidden: readonly number[], classes: number, seed: number): HostTensors {
  const widths = [width, ...hidden, classes];
  const layers = widths.slice(1).map((outputs, i) => initDense(`head.${i}`, widths[i]!, outputs, seed));
  const last = `head.${hidden.length}.kernel`;
  const small = normal([widths.at(-2)!, classes], HEAD_STD, seed, last);
  return Object.assign({}, ...layers, { [last]: small }) as HostTensors;
}

function describe({ head, layerDecay, optimizer }: FinetuneOptions, { batchSize, steps }: Budget): string {
  const shape = head.length === 0 ? 'linear head' : `head with ${head.join(', ')} hidden units`;
  const decay = layerDecay === 1 ? '' : `, layer decay ${layerDecay} (1 from scratch)`;
  return `all weights, ${shape}, ${steps} steps of ${batchSize} images, ${optimizerName[optimizer.type]}, base lr ${optimizer.baseLr}${decay}`;
}

const optimizerName = { adamw: 'AdamW', sgd: 'SGD', lars: 'LARS' } as const;

/** What training and embedding cost on this machine: counted from the steps' graphs, and measured. */
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { stepCost } from '../engine/cost';
import { size, specsOf } from '../engine/shapes';
import type { Engine, HostTensors, Precision, Program, Specs, Step, TypedArray } from '../engine/types';
import { encoderOf, type Encoder } from '../nn/encoder';
import { trained } from '../nn/train-step';
import { random } from '../random/random';
import type { Watch } from './types';

type Inputs = Readonly<Record<string, TypedArray>>;

export interface EfficiencyInput {
  readonly encoder: Pick<Encoder, 'embed'>;
  /** Side of an image in px. */
  readonly imageSize: number;
  /** One optimizer update of a batch, as the run trains. */
  readonly training: {
    readonly step: Step;
    /** Parameters, buffers and the optimizer's moments. */
    readonly fresh: HostTensors;
    readonly inputs: Specs;
    readonly precision?: Precision;
    readonly batchSize: number;
    /** Inputs of the update that follows `step`. */
    readonly given: (step: number) => Inputs;
  };
}

export interface EfficiencyOptions {
  /** How long to measure each of the two. */
  readonly seconds: number;
  readonly embedBatch: number;
}

/** Runs before those that count: the first ones allocate. */
const WARM_UP = 2;
const LEAST_RUNS = 3;

/** FLOPs per image (a multiply-add is two) of embedding and of a training step, which may see several views of the image. */
export interface EfficiencyCounts {
  readonly encoderParameters: number;
  /** Of all that is trained. */
  readonly parameters: number;
  readonly forwardFlops: number;
  readonly stepFlops: number;
  /** Bytes that a training step holds at once, an estimate. */
  readonly stepMemory: number;
}

/** Counted from the graphs of the two; nothing is run. */
export function efficiencyCounts({ encoder, imageSize, training }: EfficiencyInput): EfficiencyCounts {
  const { step, fresh, inputs, batchSize } = training;
  const weights = encoderOf(fresh);
  const images = { shape: [1, imageSize, imageSize, 3], dtype: 'float32' } as const;
  const cost = stepCost(step, { state: specsOf(fresh), inputs });
  const parametersOf = (tensors: HostTensors) =>
    Object.values(trained(tensors)).reduce((sum, { shape }) => sum + size(shape), 0);
  return {
    encoderParameters: parametersOf(weights),
    parameters: parametersOf(fresh),
    forwardFlops: stepCost(embedding(encoder), { state: specsOf(weights), inputs: { images } }).flops,
    stepFlops: cost.flops / batchSize,
    stepMemory: cost.peakBytes + cost.givenBytes + cost.constantBytes,
  };
}

const embedding =
  (encoder: EfficiencyInput['encoder']): Step =>
  (params, { images }) => ({ outputs: { embedding: encoder.embed(params, images as Tensor4D) } });

/** Images a second of training steps and of embedding, by the median of the runs. */
export async function efficiencySpeeds(
  engine: Engine,
  { encoder, imageSize, training }: EfficiencyInput,
  { seconds, embedBatch }: EfficiencyOptions,
  { onProgress, signal }: Watch = {},
): Promise<{ readonly step: number; readonly embed: number }> {
  const { step, fresh, inputs, precision, batchSize, given } = training;
  const images = { shape: [embedBatch, imageSize, imageSize, 3], dtype: 'float32' } as const;
  const noise = random(0, 'noise');
  const batch = Float32Array.from({ length: size(images.shape) }, () => noise.normal());

  /** @param inputs are made before the clock is started. */
  async function secondsPerRun(
    inputs: (i: number) => Inputs,
    run: (inputs: Inputs) => Promise<unknown>,
    from: number,
    message: string,
  ): Promise<number> {
    const times: number[] = [];
    for (let i = 0, spent = 0; spent < seconds || i < WARM_UP + LEAST_RUNS; i++) {
      signal?.throwIfAborted();
      const made = inputs(i);
      const began = performance.now();
      await run(made);
      const took = (performance.now() - began) / 1000;
      if (i < WARM_UP) continue;
      times.push(took);
      spent += took;
      onProgress?.(from + Math.min(1, spent / seconds) / 2, message);
    }
    return times.toSorted((a, b) => a - b)[times.length >> 1]!;
  }

  async function measured(
    step: Step,
    values: HostTensors,
    given: { readonly inputs: Specs; readonly precision?: Precision },
    run: (program: Program, state: ReturnType<Engine['upload']>) => Promise<number>,
  ): Promise<number> {
    const state = engine.upload(values);
    try {
      const program = await engine.compile(step, { state: state.specs, ...given });
      try {
        return await run(program, state);
      } finally {
        program.dispose();
      }
    } finally {
      state.dispose();
    }
  }

  const stepSeconds = await measured(step, fresh, { inputs, precision }, (program, state) =>
    secondsPerRun(given, (inputs) => program.run(state, inputs), 0, 'Measuring training steps'),
  );
  const embedSeconds = await measured(embedding(encoder), encoderOf(fresh), { inputs: { images } }, (program, state) =>
    secondsPerRun(
      () => ({ images: batch }),
      (inputs) => program.run(state, inputs),
      0.5,
      'Measuring embedding',
    ),
  );
  return { step: batchSize / stepSeconds, embed: embedBatch / embedSeconds };
}

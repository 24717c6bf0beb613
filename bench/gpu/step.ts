/** One optimizer step of a model on an engine, and in PyTorch. */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createEngine } from '../../trainer/engine/index';
import { specsOf } from '../../trainer/engine/shapes';
import { createMethod } from '../../trainer/methods/index';
import { trainingToMeasure } from '../../trainer/methods/training';
import { PretrainConfig } from '../../protocol/config';
import { median } from '../median';
import { startPeer } from '../peer';
import { timesOf } from '../turns';
import type { StepPart, TorchPart } from './parts';

/** A type, since a row of the file is any record. */
export type StepRow = {
  /** "onnxruntime 1.30.0, WebGPU" */
  readonly engine: string;
  readonly msPerStep: number;
  readonly imagesPerSecond: number;
  readonly steps: number;
  /** Until the first step is done, without what starts a process. */
  readonly buildMs?: number;
  /** Of the first updates: that it learns, and the same on each engine. */
  readonly losses?: readonly number[];
  /** Bytes that each step carries to the device and back. */
  readonly traffic?: { readonly uploaded: number; readonly downloaded: number };
  /** All that is in use on the GPU while it trains, where nvidia-smi says it; PyTorch's own most. */
  readonly gpuMiB?: number;
};

const LEAST = 3;
const MOST = 50;
const WARM_UP = 3;
/** Batches that take turns, since to draw noise takes longer than a step. */
const BATCHES = 2;

export async function measureStep(
  { model, batch, device, precision, patience }: StepPart,
  gpu: string | undefined,
): Promise<StepRow> {
  const { imageSize, ...settings } = model.config;
  const pretrain = PretrainConfig.parse({ ...settings, batchSize: batch, precision });
  const engine = await createEngine({ engine: 'onnx', device, gpu });
  const training = trainingToMeasure(createMethod(pretrain, imageSize), pretrain, 0);
  const batches = Array.from({ length: BATCHES }, (_, i) => training.given(i));
  const began = performance.now();
  const state = engine.upload(training.fresh);
  const program = await engine.compile(training.step, {
    state: specsOf(training.fresh),
    inputs: training.inputs,
    precision,
  });
  const losses: number[] = [];
  const step = async () => {
    const inputs = { ...batches[losses.length % BATCHES], step: Float32Array.of(losses.length + 1) };
    const from = performance.now();
    const { loss } = await program.run(state, inputs);
    losses.push(loss!.data[0]!);
    return performance.now() - from;
  };
  await step();
  const buildMs = performance.now() - began;
  for (let i = 1; i < WARM_UP; i++) await step();
  const count = stepsIn(patience, await step());
  const times: number[] = [];
  while (times.length < count) times.push(await step());
  const gpuMiB = device === 'webgpu' ? usedMiB() : undefined;
  return {
    engine: engine.description,
    ...rates(times, batch),
    buildMs,
    losses: losses.slice(0, WARM_UP),
    ...(program.traffic && { traffic: program.traffic }),
    ...(gpuMiB !== undefined && { gpuMiB }),
  };
}

export async function measureTorch({ model, ...part }: TorchPart): Promise<StepRow> {
  const { batch, device, precision, compile, patience } = part;
  const threads = availableParallelism();
  const side = await startPeer(model.peer, { ...model.config, batch, threads, device, precision, compile });
  if (side.name === null) throw new Error(side.missing);
  const [first = 0] = await timesOf(side, 'step', 1);
  const times = await timesOf(side, 'step', stepsIn(patience, first));
  const peak = await side.ask<number>({ do: 'peak' });
  await side.stop();
  return { engine: side.name, ...rates(times, batch), ...(device === 'cuda' && { gpuMiB: peak / 2 ** 20 }) };
}

const stepsIn = (seconds: number, ms: number) => Math.min(MOST, Math.max(LEAST, Math.round((seconds * 1000) / ms)));

function rates(times: readonly number[], batch: number) {
  const msPerStep = median(times);
  return { msPerStep, imagesPerSecond: (batch * 1000) / msPerStep, steps: times.length };
}

function usedMiB(): number | undefined {
  try {
    const query = ['--query-gpu=memory.used', '--format=csv,noheader,nounits'];
    return Number(execFileSync('nvidia-smi', query, { encoding: 'utf8', stdio: 'pipe' }).split('\n')[0]);
  } catch {
    return undefined; // No NVIDIA GPU, so nobody who says it.
  }
}

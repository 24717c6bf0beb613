/** This engine's side of `bench step`, in a process of its own, asked as the peers in Python are (peers/harness.py). */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { createEngine } from '../trainer/engine/index';
import { stepCost } from '../trainer/engine/cost';
import { size, specsOf } from '../trainer/engine/shapes';
import type { Engine, HostTensors, Step, TypedArray } from '../trainer/engine/types';
import { tensorflowFolder } from '../trainer/jobs/engines-folder';
import { createMethod } from '../trainer/methods/index';
import { trainingToMeasure } from '../trainer/methods/training';
import { encoderOf } from '../trainer/nn/encoder';
import { random } from '../trainer/random/random';
import { PretrainConfig } from '../protocol/config';

const Request = z.object({
  do: z.enum(['step', 'embed', 'products', 'peak', 'productFlops']),
  count: z.number().default(0),
  /** Rows, inner axis and columns of a product. */
  size: z.tuple([z.number(), z.number(), z.number()]).default([1, 1, 1]),
});
const Config = z
  .object({
    batch: z.number(),
    imageSize: z.number(),
    threads: z.number(),
    engine: z.enum(['onnx', 'tensorflow']).default('onnx'),
    device: z.enum(['cpu', 'wasm']).default('cpu'),
  })
  .loose();

export async function own({ config: given = '{}' }: { config?: string }): Promise<void> {
  const { batch, imageSize, threads, engine: name, device, ...settings } = Config.parse(JSON.parse(given));
  const pretrain = PretrainConfig.parse({ ...settings, batchSize: batch });
  const engine = await createEngine({ engine: name, device, threads, folder: tensorflowFolder() });
  const method = createMethod(pretrain, imageSize);
  const { step, given: inputsOf, state, spec } = uploaded(engine, trainingToMeasure(method, pretrain, 0));
  const began = performance.now();
  const program = await engine.compile(step, spec);
  const buildMs = performance.now() - began;
  let done = 0;
  const oneStep = async () => {
    const values = inputsOf(done++);
    return timed(() => program.run(state, values));
  };
  await oneStep(); // the first steps allocate
  await oneStep();
  let embed: (() => Promise<number>) | undefined;
  console.log(JSON.stringify({ name: engine.description, buildMs }));
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: what, count, size: sides } = Request.parse(JSON.parse(line));
    const times = async (run: () => Promise<number>) => {
      const took: number[] = [];
      for (let i = 0; i < count; i++) took.push(await run());
      return took;
    };
    if (what === 'embed') embed ??= await embedding(engine, method, encoderOf(await state.read()), batch, imageSize);
    const answer = {
      step: () => times(oneStep),
      embed: () => times(embed!),
      products: () => products(engine, ...sides),
      peak: () => Promise.resolve(process.resourceUsage().maxRSS * 1024),
      productFlops: () => Promise.resolve(stepCost(step, spec).productFlops),
    }[what];
    console.log(JSON.stringify(await answer()));
  }
  program.dispose();
}

/** The training with its state on the device, so that nothing else holds what it starts with. */
function uploaded(engine: Engine, { fresh, ...training }: ReturnType<typeof trainingToMeasure>) {
  return {
    ...training,
    state: engine.upload(fresh, 'given'),
    spec: { state: specsOf(fresh), inputs: training.inputs },
  };
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await run();
  return performance.now() - from;
}

/** One batch of embeddings. */
async function embedding(
  engine: Engine,
  { encoder }: ReturnType<typeof createMethod>,
  weights: HostTensors,
  batch: number,
  imageSize: number,
): Promise<() => Promise<number>> {
  const images = { shape: [batch, imageSize, imageSize, 3], dtype: 'float32' } as const;
  const program = await engine.compile(
    (params, given) => ({ outputs: { embeddings: encoder.embed(params, given.images as Tensor4D) } }),
    { state: specsOf(weights), inputs: { images } },
  );
  const state = engine.upload(weights);
  const values = { images: noise(batch * imageSize * imageSize * 3) };
  await program.run(state, values);
  return () => timed(() => program.run(state, values));
}

/** GFLOP/s of a product [m, k] x [k, n] and of the gradients of its left and its right factor, each the best of some. */
async function products(engine: Engine, m: number, k: number, n: number): Promise<number[]> {
  const like = (rows: number, columns: number) => ({ shape: [rows, columns], dtype: 'float32' }) as const;
  const specs = { x: like(m, k), w: like(k, n), y: like(m, n), dx: like(m, k), dw: like(k, n) };
  const filled = Object.entries(specs).map(([name, spec]) => [name, { ...spec, data: noise(size(spec.shape)) }]);
  const state = engine.upload(Object.fromEntries(filled) as HostTensors);
  const steps: Step[] = [
    ({ x, w }) => ({ state: { y: tf.matMul(x as Tensor2D, w as Tensor2D) }, outputs: {} }),
    ({ y, w }) => ({ state: { dx: tf.matMul(y as Tensor2D, w as Tensor2D, false, true) }, outputs: {} }),
    ({ x, y }) => ({ state: { dw: tf.matMul(x as Tensor2D, y as Tensor2D, true, false) }, outputs: {} }),
  ];
  const rates: number[] = [];
  for (const step of steps) {
    const program = await engine.compile(step, { state: specs, inputs: {} });
    let least = Infinity;
    for (let i = 0; i < 15; i++) least = Math.min(least, await timed(() => program.run(state, {})));
    program.dispose();
    rates.push((2 * m * k * n) / least / 1e6);
  }
  state.dispose();
  return rates;
}

function noise(length: number): TypedArray {
  const draws = random(0, 'noise');
  return Float32Array.from({ length }, () => draws.normal());
}

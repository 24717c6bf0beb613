/** This engine's side of `bench step`, in a process of its own, asked as the peers in Python are (peers/harness.py). */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { createEngine } from '../trainer/engine/index';
import { stepCost } from '../trainer/engine/cost';
import { specsOf } from '../trainer/engine/shapes';
import type { Engine, HostTensors, TypedArray } from '../trainer/engine/types';
import { createMethod } from '../trainer/methods/index';
import { trainingToMeasure } from '../trainer/methods/training';
import { encoderOf } from '../trainer/nn/encoder';
import { random } from '../trainer/random/random';
import { PretrainConfig } from '../protocol/config';

const Request = z.object({ do: z.enum(['step', 'embed', 'products', 'peak']), count: z.number().optional() });
const Config = z
  .object({
    batch: z.number(),
    imageSize: z.number(),
    threads: z.number(),
    device: z.enum(['cpu', 'wasm']).default('cpu'),
  })
  .loose();
const PRODUCT_SIDE = 2048;

export async function own({ config: given = '{}' }: { config?: string }): Promise<void> {
  const { batch, imageSize, threads, device, ...settings } = Config.parse(JSON.parse(given));
  const pretrain = PretrainConfig.parse({ ...settings, batchSize: batch });
  const engine = await createEngine({ engine: 'onnx', device, threads });
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
  const { productFlops } = stepCost(step, spec);
  console.log(JSON.stringify({ name: engine.description, buildMs, productFlops }));
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: what, count = 0 } = Request.parse(JSON.parse(line));
    const times = async (run: () => Promise<number>) => {
      const took: number[] = [];
      for (let i = 0; i < count; i++) took.push(await run());
      return took;
    };
    if (what === 'embed') embed ??= await embedding(engine, method, encoderOf(await state.read()), batch, imageSize);
    const answer = {
      step: () => times(oneStep),
      embed: () => times(embed!),
      products: () => products(engine),
      peak: () => Promise.resolve(process.resourceUsage().maxRSS * 1024),
    }[what];
    console.log(JSON.stringify(await answer()));
  }
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

/** GFLOP/s of a square product, the best of some. */
async function products(engine: Engine): Promise<number> {
  const square = { shape: [PRODUCT_SIDE, PRODUCT_SIDE], dtype: 'float32' } as const;
  const program = await engine.compile(
    ({ a, b }) => ({ state: { b: tf.matMul(a as Tensor2D, b as Tensor2D) }, outputs: {} }),
    { state: { a: square, b: square }, inputs: {} },
  );
  const data = noise(PRODUCT_SIDE ** 2);
  const state = engine.upload({ a: { ...square, data }, b: { ...square, data } });
  let least = Infinity;
  for (let i = 0; i < 10; i++) least = Math.min(least, await timed(() => program.run(state, {})));
  state.dispose();
  program.dispose();
  return (2 * PRODUCT_SIDE ** 3) / least / 1e6;
}

function noise(length: number): TypedArray {
  const draws = random(0, 'noise');
  return Float32Array.from({ length }, () => draws.normal() / PRODUCT_SIDE);
}

/** What a config will cost on this machine: counted from the graph of a step, and measured for some seconds. */
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { ExperimentConfig } from '../../protocol/config';
import type { Plan } from '../../protocol/plan';
import { countImages, loaderThreads, secondsOfViews, stepsPerEpoch } from '../data/index';
import { gpuMemory } from '../engine/gpu-memory';
import { specsOf } from '../engine/shapes';
import type { Engine } from '../engine/types';
import { efficiencyCounts, efficiencySpeeds } from '../evals/efficiency';
import { mapEmbeddings } from '../evals/map';
import { createMethod } from '../methods/index';
import { trainingToMeasure } from '../methods/training';
import { random } from '../random/random';
import { chooseEngine, chosenGpu } from './engine-choice';
import { POINTS, VOTERS } from './embedding-map';
import { IMAGES as HEALTH_IMAGES } from './health-monitor';
import { totalSteps } from './length';
import { checkMemory, memoryLimit } from './memory';

type Training = ReturnType<typeof trainingToMeasure>;

/** Of steps, and of embedding: together what a person waits for. */
const SECONDS = 1.5;
const EMBED_BATCH = 128;
/** Iterations of t-SNE that a map takes, and those of them that are measured. */
const ITERATIONS = 1000;
const MEASURED = 100;
/** Bytes that a run has besides steps, embedding and decoded images: threads that read, pictures, maps. As seen of runs. */
const BESIDE = 140e6;

/**
 * Rejects with the signal's reason when aborted, and with what to lower when the weights alone do not fit into memory.
 *
 * @param configFile what the paths of the config are relative to.
 */
export async function plan(configFile: string, config: ExperimentConfig, signal?: AbortSignal): Promise<Plan> {
  checkMemory(config);
  const { pretrain, data, seed } = config;
  const { batchSize } = pretrain;
  const images = await countImages({ ...data, seed, baseFolder: dirname(resolve(configFile)), signal });
  const steps = totalSteps(pretrain, images.pretrain, 'pretrain');
  const method = createMethod(pretrain, data.imageSize);
  const training = trainingToMeasure(method, pretrain, seed);
  const input = { encoder: method.encoder, imageSize: data.imageSize, training };
  const { engine, fallback } = await chooseEngine(config);
  try {
    const counted = {
      engine: engine.description,
      ...(fallback === undefined ? {} : { fallback }),
      ...efficiencyCounts(input),
      batchSize,
      images: images.pretrain,
      stepsPerEpoch: stepsPerEpoch(images.pretrain, batchSize),
      totalSteps: steps,
      ...(await memoryOfStep(engine, training)),
      memoryLimit: memoryLimit(engine.device),
    };
    if (counted.stepMemory > (counted.stepLimit ?? Infinity)) return counted;
    const speeds = await efficiencySpeeds(engine, input, { seconds: SECONDS, embedBatch: EMBED_BATCH }, { signal });
    const views = await secondsOfViews(method.views, data.imageSize);
    const shown = Math.min(POINTS, images.test);
    const map = await secondsOfMap(engine, { size: Math.max(10, shown), width: method.encoder.width }, signal);
    const maps = countOf(pretrain.embedEvery, steps);
    const looks = countOf(pretrain.healthEvery, steps) + 1; // and one after the first step
    const seen = maps * (shown + VOTERS) + looks * 2 * HEALTH_IMAGES;
    return {
      ...counted,
      measured: {
        secondsPerStep: withViews(engine, batchSize / speeds.step, batchSize * views),
        looks: seen / speeds.embed + maps * map,
        memory:
          process.resourceUsage().maxRSS * 1024 + BESIDE + (images.pretrain + images.test) * data.imageSize ** 2 * 3,
      },
    };
  } finally {
    engine.dispose();
  }
}

/** What memory a step takes, where not the machine's, and how much of it there is; of CUDA's nothing is foretold. */
async function memoryOfStep({ device }: Engine, training: Training) {
  if (device !== 'webgpu') return { isOnGpu: false, stepLimit: device === 'cuda' ? undefined : memoryLimit(device) };
  // Loaded only here: where there is no native library, there may be none that it takes either.
  const { memoryOfGpu } = await import('../engine/vulkan');
  const { step, fresh, inputs, precision } = training;
  return {
    isOnGpu: true,
    stepMemory: gpuMemory(step, { state: specsOf(fresh), inputs, precision }),
    stepLimit: memoryOfGpu(chosenGpu()),
  };
}

/**
 * Seconds of a step while the next one's views are drawn, of which both are known by themselves: views take their threads so
 * long at least, and on the CPU the two share its cores.
 */
function withViews({ device }: Engine, step: number, views: number): number {
  const shared = device === 'cpu' || device === 'wasm' ? views / availableParallelism() : 0;
  return Math.max(step + shared, views / loaderThreads());
}

/** How often something comes that comes every so many steps, and after the last one. */
const countOf = (every: number, steps: number) => Math.ceil(steps / every);

/** Of noise, so that no image need be read. */
async function secondsOfMap(
  engine: Engine,
  { size, width }: { readonly size: number; readonly width: number },
  signal?: AbortSignal,
): Promise<number> {
  const noise = random(0, 'noise');
  const points = { values: Float32Array.from({ length: size * width }, () => noise.normal()), size, width };
  const timed = async (iterations: number) => {
    const began = performance.now();
    await mapEmbeddings(engine, points, { seed: 0, iterations }, { signal });
    return (performance.now() - began) / 1000;
  };
  const without = await timed(0);
  return without + ((await timed(MEASURED)) - without) * (ITERATIONS / MEASURED);
}

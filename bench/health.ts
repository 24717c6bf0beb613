/**
 * What the online look at the representation costs, as a share of the training between two looks: the health metrics, and
 * kNN and the linear probe on images that the map has embedded. CPU time, so that other work beside it does not matter.
 */
import { readFile, rm, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExperimentConfig } from '../protocol/config';
import { parseExperiment } from '../protocol/validate';
import { createLoader, evalBatches, openData, subset, type Data } from '../trainer/data/index';
import { createEngine } from '../trainer/engine/index';
import { createEmbedder, knnPredict } from '../trainer/evals/index';
import { ridgePredict } from '../trainer/evals/ridge';
import { VOTERS } from '../trainer/jobs/embedding-map';
import { createHealthMonitor } from '../trainer/jobs/health-monitor';
import { scheduledInputs } from '../trainer/jobs/scheduled-inputs';
import { createMethod } from '../trainer/methods/index';
import { createOptimizer } from '../trainer/nn/create-optimizer';
import { trained, trainStep } from '../trainer/nn/train-step';
import { random } from '../trainer/random/random';
import { median } from './median';

const examples = ['quickstart', 'dino', 'simclr', 'rotation'];
const BATCH = 128;
const TEST_IMAGES = 1000;
const ROUNDS = 5;

interface Row {
  example: string;
  msPerStep: number;
  healthMs: number;
  kNNAndProbeMs: number;
  share: string;
}

export async function health(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const example of examples) {
    const parsed = parseExperiment(await readFile(`examples/${example}.tessera.jsonc`, 'utf8'));
    if (!parsed.ok) throw new Error(`examples/${example}.tessera.jsonc is not a config`);
    const folder = await mkdtemp(join(tmpdir(), 'tessera-bench-'));
    const data = await openData({ ...parsed.config.data, seed: 0, baseFolder: folder, cacheFolder: folder });
    rows.push(await cost(example, parsed.config, data));
    console.table(rows.slice(-1));
    data.dispose();
    await rm(folder, { recursive: true, force: true });
  }
  return rows;
}

async function cost(example: string, { pretrain, seed }: ExperimentConfig, data: Data): Promise<Row> {
  const { batchSize, healthEvery, embedEvery } = pretrain;
  const method = createMethod(pretrain, data.train.imageSize);
  const engine = await createEngine({ engine: 'onnx', device: 'cpu' });
  const optimizer = createOptimizer(pretrain.optimizer);
  const params = method.init(seed);
  const state = engine.upload({ ...params, ...optimizer.init(trained(params, method.isFrozen)) });
  const scalar = { shape: [], dtype: 'float32' } as const;
  const inputs = { ...method.inputs(batchSize), lr: scalar, step: scalar };
  const program = await engine.compile(trainStep(method, optimizer), { state: state.specs, inputs });

  const options = { ...data, set: data.train, batchSize, seed, views: method.views, startStep: 0, threads: 0 };
  const loader = createLoader({ ...options, totalSteps: ROUNDS });
  const given = scheduledInputs(method, data, { step: 0, totalSteps: 100, images: data.train.size, batchSize });
  const step = async () => {
    const { views } = await loader.next();
    const draws = method.draw(batchSize, random(seed, 'draws', 0));
    await program.run(state, { ...draws, ...views, ...given, lr: Float32Array.of(1e-4), step: Float32Array.of(1) });
  };
  const side = data.train.imageSize;
  const embedder = await createEmbedder(engine, method.encoder, state.specs, [BATCH, side, side, 3], method.evaluated);
  const monitor = createHealthMonitor(embedder, method, data, { seed, batchSize: BATCH });
  const voters = subset(
    data.train,
    Int32Array.from({ length: VOTERS }, (_, i) => i),
  );
  const tested = subset(
    data.test!,
    Int32Array.from({ length: TEST_IMAGES }, (_, i) => i),
  );
  const test = await embedder.embed(state, evalBatches(tested, { ...data, batchSize: BATCH }));
  const classify = async () => {
    const embeddings = await embedder.embed(state, evalBatches(voters, { ...data, batchSize: BATCH }));
    const train = { embeddings, labels: voters.labels! };
    const classes = data.classes!.length;
    await knnPredict(engine, train, test, { k: 20, temperature: 0.07, classes });
    ridgePredict(train, test, classes);
  };

  const msPerStep = await time(step);
  const healthMs = await time(() => monitor.measure(state, new AbortController().signal));
  const kNNAndProbeMs = await time(classify);
  await loader.dispose();
  embedder.dispose();
  program.dispose();
  state.dispose();
  engine.dispose();
  const share = (healthMs / healthEvery + kNNAndProbeMs / embedEvery) / msPerStep;
  return { example, msPerStep, healthMs, kNNAndProbeMs, share: `${(100 * share).toFixed(1)}%` };
}

/** Milliseconds of CPU time, the median of some rounds. */
async function time(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1e3);
  }
  return Math.round(median(times) * 10) / 10;
}

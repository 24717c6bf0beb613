/**
 * One optimizer step (forward, backward, update) of a masked autoencoder and of SimCLR with a residual network on the
 * compiled CPU engine and in eager PyTorch: same model, batch and optimizer, two threads each, taking turns.
 */
import { createEngine } from '../trainer/engine/index';
import { createMethod } from '../trainer/methods/index';
import { adamw } from '../trainer/nn/adamw';
import { sgd } from '../trainer/nn/sgd';
import { trained, trainStep } from '../trainer/nn/train-step';
import { random } from '../trainer/random/random';
import { PretrainConfig } from '../protocol/config';
import { median } from './median';
import { startPeer } from './peer';

export const THREADS = 2;
const IMAGE_SIZE = 32;
const LEARNING_RATE = 1e-3;

const mae = { peer: 'mae_torch.py', optimizer: adamw({ betas: [0.9, 0.95], weightDecay: 0.05 }) };

export const configs = [
  {
    ...mae,
    name: 'MAE small, batch 64',
    batch: 64,
    steps: 8,
    pretrain: {
      backbone: { patchSize: 4, width: 128, depth: 6, heads: 4 },
      decoder: { width: 64, depth: 2, heads: 4 },
    },
  },
  {
    ...mae,
    name: 'ViT-Ti/2, batch 32',
    batch: 32,
    steps: 2,
    pretrain: {
      backbone: { patchSize: 2, width: 192, depth: 12, heads: 3 },
      decoder: { width: 192, depth: 4, heads: 3 },
    },
  },
  {
    name: 'SimCLR, ResNet-18, two views of 32',
    batch: 32,
    steps: 2,
    peer: 'simclr_torch.py',
    optimizer: sgd({ momentum: 0.9, weightDecay: 1e-4 }),
    pretrain: {
      method: 'simclr',
      backbone: { type: 'resnet18', stem: 'cifar' },
      projector: { layers: 2, hidden: 512, output: 128 },
      temperature: 0.5,
    },
  },
];
export type Config = (typeof configs)[number];

export const ROUNDS = 5;

interface Row {
  config: string;
  engine: string;
  msPerStep: number;
  peer: string | null;
  peerMsPerStep: number | null;
  ratio: number | null;
  buildMs: number;
}

export async function step(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const config of configs) {
    const own = await compiled(config);
    const { batch, pretrain } = config;
    const peer = await startPeer(config.peer, { ...pretrain, batch, imageSize: IMAGE_SIZE, threads: THREADS });
    if (!peer.name) console.log(`No peer: ${peer.missing}`);
    const times = { own: [] as number[], peer: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      times.own.push(...(await own.run(config.steps)));
      times.peer.push(...(await peer.run(config.steps)));
    }
    await peer.stop();
    const msPerStep = median(times.own);
    const peerMsPerStep = peer.name ? median(times.peer) : null;
    rows.push({
      config: config.name,
      engine: own.engine,
      msPerStep,
      peer: peer.name,
      peerMsPerStep,
      ratio: peerMsPerStep === null ? null : msPerStep / peerMsPerStep,
      buildMs: own.buildMs,
    });
    own.dispose();
  }
  console.table(rows);
  return rows;
}

export async function compiled(config: Config, device: 'cpu' | 'wasm' = 'cpu') {
  const engine = await createEngine({ engine: 'onnx', device, threads: THREADS });
  const { batch, optimizer } = config;
  const method = createMethod(PretrainConfig.parse(config.pretrain), IMAGE_SIZE);
  const params = method.init(0);
  const initial = { ...params, ...optimizer.init(trained(params)) };
  const scalar = { shape: [], dtype: 'float32' as const };
  const inputs = method.inputs(batch);
  const started = performance.now();
  const program = await engine.compile(trainStep(method, optimizer), {
    state: initial,
    inputs: { ...inputs, lr: scalar, step: scalar },
  });
  const buildMs = performance.now() - started;
  const state = engine.upload(initial);
  const draws = random(0, 'images');
  const images = Object.fromEntries(
    Object.keys(method.views).map((view) => {
      const length = batch * IMAGE_SIZE * IMAGE_SIZE * 3;
      return [view, Float32Array.from({ length }, () => draws.normal())];
    }),
  );
  let done = 0;
  const one = async () => {
    const from = performance.now();
    const drawn = method.draw(batch, random(0, 'mask', done));
    const at = { lr: Float32Array.of(LEARNING_RATE), step: Float32Array.of(++done) };
    await program.run(state, { ...images, ...drawn, ...at });
    return performance.now() - from;
  };
  await one(); // the first steps allocate
  await one();
  return {
    engine: engine.description,
    buildMs,
    async run(steps: number) {
      const times: number[] = [];
      for (let i = 0; i < steps; i++) times.push(await one());
      return times;
    },
    dispose() {
      state.dispose();
      program.dispose();
      engine.dispose();
    },
  };
}

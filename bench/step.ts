/**
 * One optimizer step (forward, backward, update), and one batch of embeddings, on the compiled CPU engine and in PyTorch:
 * same model, batch and optimizer, two threads each, each in a process of its own, taking turns.
 */
import { median } from './median';
import { startOwn, startPeer, type Peer } from './peer';

export const THREADS = 2;
export const ROUNDS = 5;

const adamw = { type: 'adamw', betas: [0.9, 0.95], weightDecay: 0.05 };

/** `compiled`: also beside torch.compile. */
export const configs = [
  {
    name: 'MAE small, batch 64',
    peer: 'mae_torch.py',
    compiled: true,
    steps: 8,
    config: {
      ...{ batch: 64, imageSize: 32, optimizer: adamw },
      backbone: { type: 'vit', patchSize: 4, width: 128, depth: 6, heads: 4 },
      decoder: { width: 64, depth: 2, heads: 4 },
    },
  },
  {
    name: 'MAE ViT-Ti/2, 32 px, batch 32',
    peer: 'mae_torch.py',
    compiled: true,
    steps: 2,
    config: {
      ...{ batch: 32, imageSize: 32, optimizer: adamw },
      backbone: { type: 'vit', patchSize: 2, width: 192, depth: 12, heads: 3 },
      decoder: { width: 192, depth: 4, heads: 3 },
    },
  },
  {
    name: 'MAE ViT-S/16, 96 px, batch 32',
    peer: 'mae_torch.py',
    compiled: true,
    steps: 3,
    config: {
      ...{ batch: 32, imageSize: 96, optimizer: adamw },
      backbone: { type: 'vit', patchSize: 16, width: 384, depth: 12, heads: 6 },
      decoder: { width: 192, depth: 4, heads: 3 },
    },
  },
  {
    name: 'SimCLR, ResNet-18, 32 px, batch 64',
    peer: 'simclr_torch.py',
    compiled: false,
    steps: 2,
    config: {
      ...{ method: 'simclr', batch: 64, imageSize: 32 },
      optimizer: { type: 'sgd', weightDecay: 1e-4 },
      backbone: { type: 'resnet18', stem: 'cifar' },
      projector: { layers: 2, hidden: 512, output: 128 },
      temperature: 0.5,
    },
  },
  {
    name: 'DINO ViT-Ti/4, 32 px, batch 32',
    peer: 'dino_torch.py',
    compiled: true,
    steps: 2,
    config: {
      ...{ method: 'dino', batch: 32, imageSize: 32, localSize: 16, localViews: 6, optimizer: adamw },
      backbone: { type: 'vit', patchSize: 4, width: 192, depth: 12, heads: 3 },
      head: { hidden: 512, bottleneck: 128, prototypes: 4096 },
    },
  },
];

interface Row {
  readonly config: string;
  readonly engine: string;
  readonly buildMs: number;
  readonly ms: number;
  readonly peer: string;
  readonly peerMs: number;
  /** Of our time to the peer's, for the step, the embedding and the peak of memory. */
  readonly step: number;
  readonly embed: number | null;
  readonly memory: number;
  /** GFLOP/s of the step's products over the whole step, and of a large square product here and in the peer. */
  readonly rate: number;
  readonly square: number;
  readonly peerSquare: number;
}

export async function step({ only = '' }: { only?: string }): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, peer, compiled, steps, config } of configs.filter((each) => each.name.includes(only))) {
    const given = { ...config, threads: THREADS };
    for (const compile of compiled ? [false, true] : [false]) {
      const sides = [await startOwn(given), await startPeer(peer, { ...given, compile })] as const;
      for (const side of sides) if (side.name === null) console.log(`Cannot be measured: ${side.missing}`);
      if (sides.every((side) => side.name !== null)) rows.push({ config: name, ...(await compared(sides, steps)) });
      for (const side of sides) await side.stop();
    }
  }
  console.table(rows.map((row) => ({ ...row, engine: undefined })));
  return rows;
}

async function compared([own, peer]: readonly [Peer, Peer], steps: number): Promise<Omit<Row, 'config'>> {
  const times = { own: [] as number[], peer: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    times.own.push(...(await timesOf(own, 'step', steps)));
    times.peer.push(...(await timesOf(peer, 'step', steps)));
  }
  const [ms, peerMs] = [median(times.own), median(times.peer)];
  const memory = (await asked(own, 'peak')) / (await asked(peer, 'peak'));
  const embeds = { own: [] as number[], peer: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    embeds.own.push(...(await timesOf(own, 'embed', 3)));
    embeds.peer.push(...(await timesOf(peer, 'embed', 3)));
  }
  return {
    engine: own.name!,
    buildMs: own.facts.buildMs!,
    ms,
    peer: peer.name!,
    peerMs,
    step: ms / peerMs,
    embed: median(embeds.own) / median(embeds.peer),
    memory,
    rate: own.facts.productFlops! / ms / 1e6,
    square: await asked(own, 'products'),
    peerSquare: await asked(peer, 'products'),
  };
}

/** Of so many steps or embeddings, in ms. */
export const timesOf = (side: Peer, what: 'step' | 'embed', count: number) => side.ask<number[]>({ do: what, count });
const asked = (side: Peer, what: 'peak' | 'products') => side.ask<number>({ do: what });

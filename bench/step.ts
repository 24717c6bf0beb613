/**
 * One optimizer step (forward, backward, update), and one batch of embeddings, on the compiled CPU engine and in PyTorch:
 * same model, batch and optimizer, two threads each, each in a process of its own, taking turns.
 */
import { startOwn, startPeer, type Peer } from './peer';
import { measured, takeTurns, THREADS } from './turns';

/** Of the square product that stands for the machine's own rate. */
const SIDE = 2048;

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
  readonly embed: number;
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
      const sides = [startOwn(given), startPeer(peer, { ...given, compile })];
      const row = await measured(sides, (own, other) => compared(own, other, steps));
      if (row) rows.push({ config: name, ...row });
    }
  }
  console.table(rows.map((row) => ({ ...row, engine: undefined })));
  return rows;
}

async function compared(own: Peer, peer: Peer, steps: number): Promise<Omit<Row, 'config'>> {
  const sides = [own, peer];
  const [ms, peerMs] = (await takeTurns(sides, 'step', steps)) as [number, number];
  const asked = (side: Peer, what: 'peak' | 'productFlops') => side.ask<number>({ do: what });
  const memory = (await asked(own, 'peak')) / (await asked(peer, 'peak'));
  const [embed, peerEmbed] = (await takeTurns(sides, 'embed', 3)) as [number, number];
  const square = async (side: Peer) => (await side.ask<number[]>({ do: 'products', size: [SIDE, SIDE, SIDE] }))[0]!;
  return {
    engine: own.name!,
    buildMs: own.facts.buildMs!,
    ms,
    peer: peer.name!,
    peerMs,
    step: ms / peerMs,
    embed: embed / peerEmbed,
    memory,
    rate: (await asked(own, 'productFlops')) / ms / 1e6,
    square: await square(own),
    peerSquare: await square(peer),
  };
}

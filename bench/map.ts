/** The embedding map of a run, t-SNE on one thread, and scikit-learn's of the same points: CPU time, taking turns. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Embeddings } from '../trainer/evals/index';
import { tsne } from '../trainer/evals/tsne';
import { random } from '../trainer/random/random';
import { median } from './median';
import { startPeer } from './peer';

const POINTS = 2000;
const WIDTH = 192;
const CLUSTERS = 10;
const ITERATIONS = 1000;
const ROUNDS = 3;

interface Row {
  points: number;
  width: number;
  iterations: number;
  seconds: number;
  peer: string | null;
  peerSeconds: number | null;
}

export async function map(): Promise<Row> {
  const points = mixture();
  const scratch = await mkdtemp(join(tmpdir(), 'tessera-bench-'));
  try {
    const file = join(scratch, 'points.f32');
    await writeFile(file, points.values);
    const peer = await startPeer('tsne_sklearn.py', { file, width: WIDTH, iterations: ITERATIONS });
    if (!peer.name) console.log(`No peer: ${peer.missing}`);
    const times = { own: [] as number[], peer: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      times.own.push(await ownTime(points));
      times.peer.push(...(await peer.run(1)));
    }
    await peer.stop();
    const row = {
      points: POINTS,
      width: WIDTH,
      iterations: ITERATIONS,
      seconds: median(times.own) / 1e3,
      peer: peer.name,
      peerSeconds: peer.name ? median(times.peer) / 1e3 : null,
    };
    console.table([row]);
    return row;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Milliseconds of CPU time. */
async function ownTime(points: Embeddings): Promise<number> {
  const before = process.cpuUsage();
  await tsne(points, { seed: 0, iterations: ITERATIONS });
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e3;
}

/** Clusters that overlap, as classes do in the embeddings of a young encoder. */
function mixture(): Embeddings {
  const draws = random(0, 'points');
  const centres = Float32Array.from({ length: CLUSTERS * WIDTH }, () => draws.normal());
  const values = Float32Array.from({ length: POINTS * WIDTH }, (_, i) => {
    const [point, column] = [Math.floor(i / WIDTH), i % WIDTH];
    return centres[(point % CLUSTERS) * WIDTH + column]! + draws.normal();
  });
  return { values, size: POINTS, width: WIDTH };
}

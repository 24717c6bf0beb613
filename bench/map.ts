/**
 * t-SNE maps of 5,000 and of 10,000 embeddings here, in scikit-learn and in openTSNE, each with its default settings and
 * two threads, taking turns; the KL divergence of all maps by one function. `--embeddings FILE` takes those that an
 * evaluation kept (`.tessera/runs/*\/evaluations/embeddings-step-*.safetensors`) instead of a mixture of Gaussians.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngine, type Engine } from '../trainer/engine/index';
import { tsne, trustworthiness, type Embeddings } from '../trainer/evals/index';
import { divergenceOf } from '../trainer/evals/tsne';
import { readSafetensors } from '../trainer/jobs/safetensors';
import { random } from '../trainer/random/random';
import { median } from './median';
import { startPeer } from './peer';

const SIZES = [5000, 10_000];
const WIDTH = 192;
const CLUSTERS = 10;
const PERPLEXITY = 30;
const THREADS = 2;
const ROUNDS = 3;
const PEERS = ['scikit-learn', 'openTSNE'];

interface Row {
  points: number;
  width: number;
  library: string;
  /** Median of the rounds. */
  seconds: number;
  cpuSeconds: number;
  /** Of our time in the same round: median, least and most. */
  ratio: string;
  kl: number;
  trustworthiness: number;
}

export async function map({ embeddings }: { readonly embeddings?: string }): Promise<Row[]> {
  const engine = await createEngine({ engine: 'onnx', device: 'cpu', threads: THREADS });
  const scratch = await mkdtemp(join(tmpdir(), 'tessera-bench-'));
  const rows: Row[] = [];
  try {
    for (const size of SIZES) {
      rows.push(...(await compare(engine, await points(size, embeddings), scratch)));
      console.table(rows);
    }
    return rows;
  } finally {
    engine.dispose();
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Measured {
  readonly name: string;
  readonly wall: number[];
  readonly cpu: number[];
  coordinates: Float64Array;
}

async function compare(engine: Engine, points: Embeddings, scratch: string): Promise<Row[]> {
  const file = join(scratch, 'points.f32');
  await writeFile(file, points.values);
  const peers = await Promise.all(
    PEERS.map(async (library) => {
      const out = join(scratch, `${library}.f64`);
      const config = { library, points: file, map: out, width: points.width, threads: THREADS };
      const peer = await startPeer('tsne.py', config);
      if (!peer.name) console.log(`No ${library}: ${peer.missing}`);
      return { peer, out };
    }),
  );
  const there = peers.filter(({ peer }) => peer.name !== null);
  const measured = ['Tessera', ...there.map(({ peer }) => peer.name!)].map((name): Measured => ({
    name,
    wall: [],
    cpu: [],
    coordinates: new Float64Array(),
  }));
  for (let round = 0; round < ROUNDS; round++) {
    const own = measured[0]!;
    const before = { wall: performance.now(), cpu: process.cpuUsage() };
    own.coordinates = (await tsne(engine, points, { seed: 0 })).points;
    own.wall.push(performance.now() - before.wall);
    const { user, system } = process.cpuUsage(before.cpu);
    own.cpu.push((user + system) / 1e3);
    for (const [i, { peer, out }] of there.entries()) {
      const [wall, cpu] = await peer.ask<[number, number]>(1);
      const theirs = measured[i + 1]!;
      theirs.wall.push(wall);
      theirs.cpu.push(cpu);
      const bytes = await readFile(out);
      theirs.coordinates = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    }
  }
  for (const { peer } of peers) await peer.stop();
  const rows: Row[] = [];
  for (const { name, wall, cpu, coordinates } of measured) {
    const ratios = wall.map((ms, round) => measured[0]!.wall[round]! / ms);
    const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
    rows.push({
      points: points.size,
      width: points.width,
      library: name,
      seconds: median(wall) / 1e3,
      cpuSeconds: median(cpu) / 1e3,
      ratio: `${median(ratios).toFixed(2)} (${least.toFixed(2)} - ${most.toFixed(2)})`,
      kl: await divergenceOf(engine, points, coordinates, PERPLEXITY),
      trustworthiness: await trustworthiness(engine, points, coordinates),
    });
  }
  return rows;
}

async function points(size: number, file: string | undefined): Promise<Embeddings> {
  if (file === undefined) return mixture(size);
  const { test } = (await readSafetensors(file)).tensors;
  if (!test) throw new Error(`${file} holds no embeddings of test images.`);
  const [there, width] = test.shape as [number, number];
  if (there < size) throw new Error(`${file} holds ${there} embeddings, and ${size} are wanted: raise data.test.`);
  return { values: (test.data as Float32Array).slice(0, size * width), size, width };
}

/** Clusters that overlap, as classes do in the embeddings of a young encoder. */
function mixture(size: number): Embeddings {
  const draws = random(0, 'points');
  const centres = Float32Array.from({ length: CLUSTERS * WIDTH }, () => draws.normal());
  const values = Float32Array.from({ length: size * WIDTH }, (_, i) => {
    const [point, column] = [Math.floor(i / WIDTH), i % WIDTH];
    return centres[(point % CLUSTERS) * WIDTH + column]! + draws.normal();
  });
  return { values, size, width: WIDTH };
}

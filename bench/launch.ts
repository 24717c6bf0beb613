/** From the launch of a trainer to its first step: Node, the bundle, the data, the weights, the graph and its compilation. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchTrainer } from '../client/index';
import { median } from './median';

const LAUNCHES = 5;
const POLL_MS = 5;

const configs = {
  'ViT-Ti/2, 32 px, batch 32': { patchSize: 2, width: 192, depth: 12, heads: 3 },
  'ViT-Ti/4, 32 px, batch 32': { patchSize: 4, width: 192, depth: 12, heads: 3 },
};

interface Row {
  readonly config: string;
  /** The first launch draws the images and compiles the step, and keeps both. */
  readonly firstMs: number;
  /** With the images kept, and the step compiled. */
  readonly compiledMs: number;
  /** With both kept. */
  readonly cachedMs: number;
}

export async function launch(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [config, backbone] of Object.entries(configs)) {
    const folder = await mkdtemp(join(tmpdir(), 'tessera-launch-'));
    try {
      const file = join(folder, 'launch.tessera.jsonc');
      const pretrain = { backbone, decoder: { width: 192, depth: 4, heads: 3 }, batchSize: 32, steps: 1, logEvery: 1 };
      const data = { source: 'builtin:shapes', imageSize: 32, train: 2000, test: 100 };
      await writeFile(file, JSON.stringify({ data, device: 'cpu', pretrain }));
      const graphs = join(folder, 'graphs');
      const firstMs = await untilFirstStep(file, graphs);
      const [compiled, cached]: [number[], number[]] = [[], []];
      for (let i = 0; i < LAUNCHES; i++) {
        await rm(graphs, { recursive: true });
        compiled.push(await untilFirstStep(file, graphs));
        cached.push(await untilFirstStep(file, graphs));
      }
      rows.push({ config, firstMs, compiledMs: median(compiled), cachedMs: median(cached) });
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    }
  }
  console.table(rows);
  return rows;
}

async function untilFirstStep(file: string, graphs: string): Promise<number> {
  const trainerPath = join(dirname(fileURLToPath(import.meta.url)), 'trainer.mjs');
  const began = performance.now();
  const args = ['pretrain', file];
  const env = { ...process.env, TESSERA_GRAPHS: graphs };
  const launched = { nodePath: process.execPath, trainerPath, args, cwd: dirname(file), env };
  const { runDirectory } = await launchTrainer(launched);
  const written = async (text: string) => {
    while (!(await readFile(join(runDirectory, 'events.jsonl'), 'utf8').catch(() => '')).includes(text))
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  };
  await written('"type":"metrics"');
  const took = performance.now() - began;
  await written('"status":"finished"');
  return took;
}

/**
 * What the online look at the representation costs: the share of a whole run's time that goes into health metrics, kNN and
 * the linear probe, read from the journal of runs of examples with the default intervals. The map is not counted.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { applyEdits, modify } from 'jsonc-parser';
import { readJournal } from '../client/index';
import type { RunEvent } from '../protocol/events';

const examples = ['quickstart', 'simclr', 'rotation', 'dino'];
const STEPS = 1000;

interface Row {
  example: string;
  steps: number;
  seconds: number;
  /** Compiling the encoder for inference included. */
  healthSeconds: number;
  kNNAndProbeSeconds: number;
  share: string;
}

export async function health(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const example of examples) {
    rows.push(await cost(example));
    console.table(rows.slice(-1));
  }
  return rows;
}

async function cost(example: string): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-bench-'));
  try {
    const text = await readFile(`examples/${example}.tessera.jsonc`, 'utf8');
    const file = join(folder, `${example}.tessera.jsonc`);
    await writeFile(file, applyEdits(text, modify(text, ['pretrain', 'steps'], STEPS, {})));
    await promisify(execFile)(process.execPath, [resolve('dist/tessera.mjs'), 'pretrain', file], {
      cwd: folder,
      maxBuffer: 1e8,
    });
    const runs = join(folder, '.tessera', 'runs');
    const { events } = await readJournal(join(runs, (await readdir(runs))[0]!));
    const launched = events.find(({ type }) => type === 'launched')!;
    const seconds = (events.at(-1)!.time - launched.time) / 1000;
    const healthSeconds = spentOn(events, 'health/std');
    // The map's own images are embedded in it too, which is not its cost: it says at most.
    const kNNAndProbeSeconds = spentOn(events, 'eval/knn_top1');
    const share = `${((100 * (healthSeconds + kNNAndProbeSeconds)) / seconds).toFixed(1)}%`;
    return { example, steps: STEPS, seconds, healthSeconds, kNNAndProbeSeconds, share };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Seconds between the rows with this metric and what was told before them, which is when it was begun. */
function spentOn(events: readonly RunEvent[], metric: string): number {
  const spent = events.map((event, i) =>
    event.type === 'metrics' && metric in event.values ? event.time - events[i - 1]!.time : 0,
  );
  return spent.reduce((a, b) => a + b, 0) / 1000;
}

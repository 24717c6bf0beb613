/** What `tessera plan` foretells of a training beside what it then takes, one after the other, on Linux. `--only NAME` of examples/. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { launchTrainer, readJournal, readRun } from '../client/index';
import { secondsInAll, type Plan } from '../protocol/plan';
import { parseExperiment } from '../protocol/validate';

/** Steps of each, enough for some maps, checkpoints and pictures. */
const lengths = {
  quickstart: 2000,
  rotation: 500,
  jigsaw: 1000,
  inpainting: 500,
  simclr: 500,
  moco: 500,
  dino: 1000,
  'cifar10-mae': 300,
  'cifar10-simclr-resnet18': 40,
};
/** Drawn on the spot for all, since no data set is here. */
const data = { source: 'builtin:shapes', imageSize: 32, train: 10_000, test: 1000 };
const POLL_MS = 50;

const dist = dirname(fileURLToPath(import.meta.url));

interface Row {
  readonly config: string;
  readonly steps: number;
  readonly planned: number;
  readonly took: number;
  readonly time: number;
  readonly plannedMb: number;
  readonly hadMb: number;
  readonly memory: number;
}

export async function plan({ only }: { readonly only?: string }): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [config, steps] of Object.entries(lengths)) {
    if (only !== undefined && !config.includes(only)) continue;
    const folder = await mkdtemp(join(tmpdir(), 'tessera-plan-'));
    try {
      rows.push({ config, steps, ...(await planned(await shortened(config, steps, folder))) });
      console.log(JSON.stringify(rows.at(-1)));
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    }
  }
  console.table(rows);
  return rows;
}

async function shortened(name: string, steps: number, folder: string): Promise<string> {
  const parsed = parseExperiment(await readFile(join(dist, '..', 'examples', `${name}.tessera.jsonc`), 'utf8'));
  if (!parsed.ok) throw new Error(`examples/${name}.tessera.jsonc is not valid`);
  const file = join(folder, `${name}.tessera.jsonc`);
  await writeFile(
    file,
    JSON.stringify({ ...parsed.config, data, pretrain: { ...parsed.config.pretrain, steps, epochs: undefined } }),
  );
  return file;
}

async function planned(file: string): Promise<Omit<Row, 'config' | 'steps'>> {
  const told = execFileSync(process.execPath, [join(dist, 'tessera.mjs'), 'plan', file, '--json'], {
    encoding: 'utf8',
  });
  const foretold = JSON.parse(told) as Plan;
  const measured = foretold.measured!;
  const { took, bytes } = await trained(file);
  const inAll = secondsInAll(foretold, measured);
  return {
    planned: inAll,
    took,
    time: inAll / took,
    plannedMb: measured.memory / 1e6,
    hadMb: bytes / 1e6,
    memory: measured.memory / bytes,
  };
}

/** Seconds from when all is ready for the first step to the end, and the most bytes of the process. */
async function trained(file: string): Promise<{ readonly took: number; readonly bytes: number }> {
  const launch = { nodePath: process.execPath, trainerPath: join(dist, 'trainer.mjs'), cwd: dirname(file) };
  const { runDirectory, pid } = await launchTrainer({ ...launch, args: ['pretrain', file] });
  let bytes = 0;
  for (;;) {
    const most = /VmHWM:\s*(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''))?.[1];
    if (most === undefined) break;
    bytes = Number(most) * 1024;
    await pause(POLL_MS);
  }
  const { status } = await readRun(runDirectory);
  if (status !== 'finished') throw new Error(`The training of ${file} ended as ${status}`);
  const { events } = await readJournal(runDirectory);
  const [first, last] = [events.find(({ type }) => type === 'launched')!, events.at(-1)!];
  return { took: (last.time - first.time) / 1000, bytes };
}

/** Real trainers in temporary projects: what the tests of this folder share. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import sharp from 'sharp';
import { afterAll } from 'vitest';
import { followRun, launchTrainer, readRun, type Feed, type FeedUpdate } from '../../client/index';
import type { RunEvent } from '../../protocol/events';
import type { Run } from '../../protocol/run';

export const trainerPath = resolve('dist/trainer.mjs');
const cliPath = resolve('dist/tessera.mjs');

const folders: string[] = [];
/** Where the trainers of a test file keep compiled steps: not with those of whoever runs the tests. */
export const graphs = mkdtempSync(join(tmpdir(), 'tessera-test-graphs-'));
process.env.TESSERA_GRAPHS = graphs;
folders.push(graphs);
const feeds: Feed[] = [];
const pids: number[] = [];
afterAll(async () => {
  for (const feed of feeds) feed.dispose();
  for (const pid of pids) kill(pid);
  for (const folder of folders) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** A model so small that a step takes a few milliseconds. */
export const tiny = {
  seed: 7,
  data: { source: 'builtin:shapes', imageSize: 32, train: 48, test: 40 },
  pretrain: {
    backbone: { patchSize: 8, width: 32, depth: 1, heads: 2 },
    decoder: { width: 16, depth: 1, heads: 2 },
    batchSize: 16,
    steps: 40,
    logEvery: 5,
    checkpointEvery: 10,
    picturesEvery: 20,
    embedEvery: 1000,
  },
  probe: { epochs: 5, learningRates: [0.1], k: 5 },
  cluster: { restarts: 3 },
  robustness: { corruptions: ['fog', 'pixelate'], severities: [1, 5] },
  finetune: { steps: 3, batchSize: 8 },
};

type Json = Record<string, unknown>;

/** `tiny` with some of its `pretrain` and other fields changed. */
export function tinyWith(pretrain: Json, others: Json = {}): Json {
  return { ...tiny, ...others, pretrain: { ...tiny.pretrain, ...pretrain } };
}

/** A temporary project with one config file. */
export async function project(config: unknown): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'tessera-test-')));
  folders.push(folder);
  const file = join(folder, 'tiny.tessera.jsonc');
  await writeFile(file, typeof config === 'string' ? config : JSON.stringify(config, null, 2));
  return file;
}

interface Started {
  readonly directory: string;
  readonly pid: number;
}

/** Starts a trainer as the editor does. Resolves to its run directory. */
export const start = (...args: string[]): Promise<Started> => startIn(process.env, ...args);

/** The same in an environment of its own. */
export const startIn = (env: NodeJS.ProcessEnv, ...args: string[]): Promise<Started> =>
  started({ trainerPath, env, args });

/** Another one than the build's. */
export const startOther = (trainerPath: string, ...args: string[]): Promise<Started> => started({ trainerPath, args });

async function started(launch: { trainerPath: string; env?: NodeJS.ProcessEnv; args: string[] }): Promise<Started> {
  const started = await launchTrainer({ nodePath: process.execPath, cwd: tmpdir(), ...launch });
  pids.push(started.pid);
  return { directory: started.runDirectory, pid: started.pid };
}

export async function follow(directory: string, onUpdate: (update: FeedUpdate) => void = () => {}): Promise<Followed> {
  const events: RunEvent[] = [];
  let wake = () => {};
  const feed = await followRun(directory, (update) => {
    events.push(...update.events);
    onUpdate(update);
    wake();
  });
  feeds.push(feed);
  return {
    feed,
    events,
    until: async (isSo) => {
      while (!isSo(feed.current(), events)) await new Promise<void>((resolve) => (wake = resolve));
      return feed.current();
    },
  };
}

export interface Followed {
  readonly feed: Feed;
  /** All that the feed told, in order. */
  readonly events: readonly RunEvent[];
  /** Resolves when the run has come to be so. */
  readonly until: (isSo: (update: FeedUpdate, events: readonly RunEvent[]) => boolean) => Promise<FeedUpdate>;
}

/** Resolves to the run when no process owns it any more. */
export async function ended(directory: string): Promise<Run> {
  const { feed, until } = await follow(directory);
  await until(({ alive }) => !alive);
  feed.dispose();
  return await readRun(directory);
}

/** Trains a config to its end and returns its directory and run. */
export async function train(config: unknown): Promise<{ directory: string; run: Run }> {
  const { directory } = await start('pretrain', await project(config));
  return { directory, run: await ended(directory) };
}

export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

export async function sha256(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

export interface Told {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line in a folder. */
export const tessera = (cwd: string, ...args: string[]): Promise<Told> => tesseraGiven({ cwd }, ...args);

interface Given {
  readonly cwd: string;
  /** On its standard input. */
  readonly text?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export function tesseraGiven({ cwd, text = '', env }: Given, ...args: string[]): Promise<Told> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [cliPath, ...args], { cwd, env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
    child.stdin!.end(text);
  });
}

/** A picture of one colour. */
export async function image(file: string, background = '#405060'): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await sharp({ create: { width: 40, height: 40, channels: 3, background } })
    .png()
    .toFile(file);
}

import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A process that is asked something a line, in JSON, and answers so. */
export interface Peer {
  /** What it is, or null when it cannot run here; then it answers nothing. */
  readonly name: string | null;
  readonly missing: string;
  /** What it said of itself besides. */
  readonly facts: Readonly<Record<string, number>>;
  ask<T>(request: unknown): Promise<T>;
  stop(): Promise<void>;
}

const python = process.platform === 'win32' ? 'python' : 'python3';

/** What a script in Python that takes a config prints as JSON. */
export async function askPeer<T>(script: string, config: unknown): Promise<T> {
  const { stdout } = await promisify(execFile)(python, [peerFile(script), JSON.stringify(config)]);
  return JSON.parse(stdout) as T;
}

/** One in Python. */
export function startPeer(script: string, config: unknown): Promise<Peer> {
  // As a person starts it: what this process was given for the trainer's sake is not for the peer.
  const { GLIBC_TUNABLES: _, ...env } = process.env;
  return start(spawn(python, [peerFile(script), JSON.stringify(config)], { stdio: ['pipe', 'pipe', 'pipe'], env }));
}

/** This engine, as `bench own` (own.ts), with some of its environment changed. */
export const startOwn = (config: unknown, changes: NodeJS.ProcessEnv = {}): Promise<Peer> =>
  start(
    spawn(process.execPath, [process.argv[1]!, 'own', '--config', JSON.stringify(config)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...changes },
    }),
  );

async function start(child: ChildProcessByStdio<Writable, Readable, Readable>): Promise<Peer> {
  let complaint = '';
  child.stderr.on('data', (data: Buffer) => (complaint += data.toString()));
  child.on('error', (error) => (complaint += error.message));
  child.stdin.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const line = await lines.next();
    return line.done ? undefined : (JSON.parse(line.value) as unknown);
  };
  const hello = (await answer()) as { name: string } | undefined;
  const { name = null, ...facts } = hello ?? {};
  if (name === null) await closed; // What it complains of may come after its last answer.
  const missing = name === null ? complaint.trim().split('\n').at(-1) || 'it gave no answer' : '';
  const ask = async <T>(request: unknown): Promise<T> => {
    if (name === null) throw new Error(missing);
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const given = (await answer()) as T | undefined;
    if (given === undefined) {
      await closed;
      throw new Error(`${name} ended early: ${complaint}`);
    }
    return given;
  };
  return {
    name,
    missing,
    facts,
    ask,
    stop: () => {
      child.stdin.end();
      return closed;
    },
  };
}

/** Beside this file in the sources; from the bundle in dist/, one level up. */
function peerFile(script: string): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const beside = join(here, 'peers', script);
  return existsSync(beside) ? beside : join(here, '..', 'bench', 'peers', script);
}

import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A peer in Python that takes one request a line: a number of steps, answered by their times in ms. */
export interface Peer {
  /** What it is, or null when it cannot run here; then `run` gives no times. */
  readonly name: string | null;
  readonly missing: string;
  run(steps: number): Promise<number[]>;
  stop(): Promise<void>;
}

const python = process.platform === 'win32' ? 'python' : 'python3';

/** What a script in Python that takes a config prints as JSON. */
export async function askPeer<T>(script: string, config: unknown): Promise<T> {
  const { stdout } = await promisify(execFile)(python, [peerFile(script), JSON.stringify(config)]);
  return JSON.parse(stdout) as T;
}

export async function startPeer(script: string, config: unknown): Promise<Peer> {
  // As a person starts it: what this process was given for the trainer's sake is not for the peer.
  const { GLIBC_TUNABLES: _, ...env } = process.env;
  const child = spawn(python, [peerFile(script), JSON.stringify(config)], { stdio: ['pipe', 'pipe', 'pipe'], env });
  let complaint = '';
  child.stderr.on('data', (data: Buffer) => (complaint += data.toString()));
  child.on('error', (error) => (complaint += error.message));
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const line = await lines.next();
    return line.done ? undefined : (JSON.parse(line.value) as unknown);
  };
  const hello = (await answer()) as { name: string } | undefined;
  if (!hello) {
    const missing = complaint.trim().split('\n').at(-1) ?? `${python} gave no answer`;
    return { name: null, missing, run: () => Promise.resolve([]), stop: () => Promise.resolve() };
  }
  return {
    name: hello.name,
    missing: '',
    async run(steps) {
      child.stdin.write(`${steps}\n`);
      const times = (await answer()) as number[] | undefined;
      if (!times) throw new Error(`${script} ended early: ${complaint}`);
      return times;
    },
    stop: () =>
      new Promise((resolve) => {
        child.on('close', () => resolve());
        child.stdin.end();
      }),
  };
}

/** Beside this file in the sources; from the bundle in dist/, one level up. */
function peerFile(script: string): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const beside = join(here, 'peers', script);
  return existsSync(beside) ? beside : join(here, '..', 'bench', 'peers', script);
}

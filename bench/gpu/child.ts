/** One part in a process of its own, which may crash or hang. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export type Row = Readonly<Record<string, unknown>>;

export interface Outcome {
  readonly state: 'done' | 'failed';
  /** Of a failure. */
  readonly reason?: string;
  readonly seconds: number;
  /** What it found out until then, by a name. */
  readonly rows: Readonly<Record<string, Row>>;
}

/** What a process says, a line each; the last one of a part that came to its end is `done`. */
export type Line = { readonly row: Row; readonly name: string } | { readonly error: string } | { readonly done: true };

export const say = (line: Line) => console.log(JSON.stringify(line));

/** A child is in a group of its own, which what ends this process does not reach. */
const signals = ['SIGINT', 'SIGTERM'] as const;

/** Runs `node ARGS` until its end, or its limit in seconds, with all that it starts. */
export async function runChild(args: readonly string[], env: NodeJS.ProcessEnv, limit: number): Promise<Outcome> {
  const began = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const rows: Record<string, Row> = {};
  let error: string | undefined;
  let [isDone, isLate, complaint] = [false, false, ''];
  child.stderr.on('data', (data: Buffer) => (complaint = (complaint + data.toString()).slice(-2000)));
  const closed = new Promise<NodeJS.Signals | number | null>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? code));
  });
  const end = () => process.kill(-child.pid!, 'SIGKILL');
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, limit * 1000);
  const interrupted = () => {
    end();
    process.exit(130);
  };
  for (const signal of signals) process.once(signal, interrupted);
  for await (const text of createInterface({ input: child.stdout })) {
    const line = lineOf(text);
    if (line === undefined) continue;
    if ('row' in line) rows[line.name] = line.row;
    else if ('error' in line) error = line.error;
    else isDone = true;
  }
  const code = await closed;
  clearTimeout(timer);
  for (const signal of signals) process.off(signal, interrupted);
  const ended = { seconds: (performance.now() - began) / 1000, rows };
  if (isLate) return { state: 'failed', reason: `took more than ${limit} seconds`, ...ended };
  if (error !== undefined) return { state: 'failed', reason: error, ...ended };
  if (isDone) return { state: 'done', ...ended };
  const how = typeof code === 'string' ? `was ended by ${code}` : `ended with code ${code}`;
  return { state: 'failed', reason: [`its process ${how}`, complaint.trim()].filter(Boolean).join(': '), ...ended };
}

/** Libraries print what they like. */
function lineOf(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined;
  }
}

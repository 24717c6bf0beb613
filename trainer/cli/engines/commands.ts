/** Running npm and what it runs, so that it can be cancelled and its last words told. */
import { spawn } from 'node:child_process';

export class CommandError extends Error {
  constructor(
    message: string,
    /** The end of what it printed. */
    readonly output: string,
  ) {
    super(message);
  }
}

const OUTPUT_CHARACTERS = 20_000;

export interface CommandOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Throws a CommandError when it fails, and the signal's reason when that ended it. */
export async function runNpm(args: readonly string[], { cwd, env, signal }: CommandOptions): Promise<void> {
  signal.throwIfAborted();
  const isWindows = process.platform === 'win32';
  let output = '';
  const code = await new Promise<number | null>((done, fail) => {
    // In a group of its own: what npm starts has to end with it.
    const child = spawn('npm', args, { cwd, env, shell: isWindows, detached: !isWindows });
    const stop = () => {
      try {
        if (isWindows || child.pid === undefined) child.kill();
        else process.kill(-child.pid, 'SIGTERM');
      } catch {
        // It has just ended by itself.
      }
    };
    signal.addEventListener('abort', stop);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => (output = (output + text.toString()).slice(-OUTPUT_CHARACTERS)));
    }
    const settled = (settle: () => void) => {
      signal.removeEventListener('abort', stop);
      settle();
    };
    child.once('error', (error: NodeJS.ErrnoException) => settled(() => fail(error.code === 'ENOENT' ? new Error(noNpm) : error))); // prettier-ignore
    child.once('close', (code) => settled(() => done(code)));
  });
  signal.throwIfAborted();
  if (code !== 0) throw new CommandError(`npm ${args[0]} failed with exit code ${code}`, output);
}

const noNpm =
  'npm is not on the PATH; it comes with Node.js. Install that, or install the engine from a terminal that has it';

// npm hands its own flags to what it runs as npm_config_*: those of an npx that runs us are not meant for the inner one.
const meant = ['npm_config_nodedir', 'npm_config_registry', 'npm_config_cache', 'npm_config_proxy', 'npm_config_https_proxy']; // prettier-ignore

/** `process.env` for an npm of ours; `nodedir` is a folder with the headers of a Node. */
export function npmEnvironment(env: NodeJS.ProcessEnv, nodedir: string | undefined): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !/^npm_/i.test(name) || meant.includes(name.toLowerCase()));
  return { ...Object.fromEntries(kept), ...(nodedir === undefined ? {} : { npm_config_nodedir: nodedir }) };
}

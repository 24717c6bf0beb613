/** Starting a trainer that outlives whoever started it. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { EvaluateParams } from '../protocol/control';
import type { Problem } from '../protocol/validate';

export interface LaunchOptions {
  /** The Node to run: the editor's own (with `ELECTRON_RUN_AS_NODE=1` in `env`) or any other. */
  readonly nodePath: string;
  readonly trainerPath: string;
  /** `pretrain CONFIG [--again]`, `resume RUNDIR [--device cpu]`, `evaluate RUNDIR --kinds A,B [--steps N,M] [--suite] [--settings JSON]`. */
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** What `evaluate RUNDIR` is told on its command line. */
export function evaluateFlags({ kinds, steps, suite, settings }: EvaluateParams): string[] {
  return [
    ...['--kinds', kinds.join()],
    ...(steps ? ['--steps', steps.join()] : []),
    ...(suite ? ['--suite'] : []),
    ...(settings ? ['--settings', JSON.stringify(settings)] : []),
  ];
}

/** The trainer refused to start; `problems` are the places in the config, if that is the reason. */
export class LaunchError extends Error {
  constructor(
    message: string,
    readonly problems: readonly Problem[] = [],
  ) {
    super(message);
    this.name = 'LaunchError';
  }
}

interface Handshake {
  readonly ready?: { readonly runDirectory: string };
  readonly error?: { readonly message: string; readonly problems?: readonly Problem[] };
}

/**
 * Spawns a trainer in a session of its own and resolves when it owns its run directory. From then on
 * it needs nobody: its output goes to `trainer.log` there. Throws `LaunchError` when it refuses.
 */
export function launchTrainer(
  options: LaunchOptions,
): Promise<{ readonly runDirectory: string; readonly pid: number }> {
  return new Promise((resolve, reject) => {
    const child = spawn(options.nodePath, [...mapped(options.trainerPath), options.trainerPath, ...options.args], {
      cwd: options.cwd,
      env: trainerEnvironment(options.env ?? process.env),
      detached: true,
      windowsHide: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const end = output.indexOf('\n');
      if (end >= 0) settle(parseHandshake(output.slice(0, end)));
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4000)));
    child.once('error', (error) => fail(`Cannot start ${options.nodePath}: ${error.message}`));
    child.once('close', (code, signal) => {
      const detail = errors.trim() || output.trim();
      fail(`The trainer ended before it began (${signal ?? `exit code ${code}`})${detail ? `:\n${detail}` : '.'}`);
    });

    const settle = ({ ready, error }: Handshake) => {
      if (ready) resolve({ runDirectory: ready.runDirectory, pid: child.pid! });
      else reject(new LaunchError(error?.message ?? 'The trainer gave no reason.', error?.problems));
      child.stdout.destroy();
      child.stderr.destroy();
      child.removeAllListeners();
      child.on('error', () => {});
      child.unref();
    };
    const fail = (message: string) => settle({ error: { message } });
  });
}

/**
 * A training step walks through hundreds of megabytes: with large pages, which glibc asks Linux for when told so before
 * the process starts, far fewer address translations are missed. Other C libraries and systems know nothing of this.
 */
export function trainerEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (process.platform !== 'linux' || env.GLIBC_TUNABLES) return env;
  return { ...env, GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };
}

/** Builds for development have source maps: errors then name the line of the source, not of the bundle. */
function mapped(script: string): string[] {
  return existsSync(`${script}.map`) ? ['--enable-source-maps'] : [];
}

function parseHandshake(line: string): Handshake {
  try {
    return JSON.parse(line) as Handshake;
  } catch {
    return { error: { message: `The trainer said something else than hello: ${line}` } };
  }
}

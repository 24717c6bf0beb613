// Child processes for the scripts: plain Node, no dependency, so that they work before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const windows = process.platform === 'win32';

/**
 * Runs a command with our own terminal and throws when it fails. `npm`, `npx` and `code` need a shell on Windows.
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 */
export function run(command, args, options = {}) {
  const shell = options.shell ?? needsShell(command);
  const quote = shell ? quoted : String; // a shell gets one line
  const result = spawnSync(quote(command), args.map(quote), { cwd: root, stdio: 'inherit', ...options, shell });
  if (result.error) throw new Error(`${command} could not be started: ${result.error.message}`);
  if (result.status !== 0) {
    const how = result.signal ? `was ended by ${result.signal}` : `failed with exit code ${result.status}`;
    const output = [result.stdout, result.stderr].map((text) => text?.toString().trim()).filter(Boolean);
    throw new Error([`${[command, ...args].join(' ')} ${how}`, ...output].join('\n'));
  }
}

/**
 * As `run`, but without blocking this process, and the exit code is the answer.
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>}
 */
export function runAsync(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', shell: needsShell(command), ...options });
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ? 1 : (code ?? 1)));
  });
}

/** The path of a program on PATH, or undefined. @param {string} program */
export function which(program) {
  const names = windows ? [`${program}.cmd`, `${program}.exe`] : [program];
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) {
      if (folder !== '' && existsSync(join(folder, name))) return join(folder, name);
    }
  }
  return undefined;
}

/** Ends a process and everything in its group: it has to have been spawned with `detached: true`. @param {import('node:child_process').ChildProcess} child */
export async function endGroup(child, graceMs = 5000) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once('close', resolve));
  signalGroup(child.pid, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), graceMs);
  await closed;
  clearTimeout(timer);
}

/** @param {number | undefined} pid @param {NodeJS.Signals} signal */
function signalGroup(pid, signal) {
  if (pid === undefined) return;
  try {
    if (windows) spawnSync('taskkill', ['/pid', String(pid), '/t', '/f']);
    else process.kill(-pid, signal);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/** The code of a system error, such as ENOENT. @param {unknown} error */
export function errorCode(error) {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** Whether a process is there, be it ours or not. @param {number} pid */
export function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/**
 * Runs a script: an error is one line and an exit code instead of a stack trace, and a signal ends it through `exit`
 * handlers, which is where the processes that it started are ended.
 * @param {() => Promise<void>} body
 */
export function main(body) {
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  body().catch((/** @type {Error} */ error) => {
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  });
}

/** @param {string} text */
function quoted(text) {
  return /\s/.test(text) ? `"${text}"` : text;
}

/** @param {string} command */
function needsShell(command) {
  return windows && ['npm', 'npx', 'code'].includes(command);
}

// Child processes for the scripts: plain Node, no dependency, so that they work before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const windows = process.platform === 'win32';

/** Runs a command with our own terminal and throws when it fails. `npm`, `npx` and `code` need a shell on Windows. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: needsShell(command), ...options });
  if (result.error) throw new Error(`${command} could not be started: ${result.error.message}`);
  if (result.status !== 0) {
    const how = result.signal ? `was ended by ${result.signal}` : `failed with exit code ${result.status}`;
    throw new Error(`${[command, ...args].join(' ')} ${how}`);
  }
}

/** As `run`, but without blocking this process, and the exit code is the answer. */
export function runAsync(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', shell: needsShell(command), ...options });
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ? 1 : code));
  });
}

/** The path of a program on PATH, or undefined. */
export function which(program) {
  const names = windows ? [`${program}.cmd`, `${program}.exe`] : [program];
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) {
      if (folder !== '' && existsSync(join(folder, name))) return join(folder, name);
    }
  }
  return undefined;
}

/** Ends a process and everything in its group: it has to have been spawned with `detached: true`. */
export async function endGroup(child, graceMs = 5000) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once('close', resolve));
  signalGroup(child.pid, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), graceMs);
  await closed;
  clearTimeout(timer);
}

function signalGroup(pid, signal) {
  try {
    if (windows) spawnSync('taskkill', ['/pid', String(pid), '/t', '/f']);
    else process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Says what went wrong in one line and ends with an exit code, instead of a stack trace. */
export function main(body) {
  body().catch((error) => {
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  });
}

function needsShell(command) {
  return windows && ['npm', 'npx', 'code'].includes(command);
}

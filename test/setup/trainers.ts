import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { liveOwner, runsFolder } from '../../client';

/** The run directories of the configs that lie directly in a folder, oldest first. */
export async function runDirectories(folder: string): Promise<string[]> {
  const runs = runsFolder(join(folder, 'any.tessera.jsonc'));
  return (await readdir(runs).catch(() => [])).sort().map((name) => join(runs, name));
}

/** Trainers outlive the editor by design, so a test has to end them itself. */
export async function endTrainers(folder: string): Promise<void> {
  for (const directory of await runDirectories(folder)) {
    const owner = await liveOwner(directory);
    if (owner) process.kill(owner.pid, 'SIGKILL');
  }
}

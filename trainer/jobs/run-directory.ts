/** Making a run directory: `.tessera/runs/20261123-184512-k3f9/` with its `run.json`. */
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { ExperimentConfig } from '../../protocol/config';
import type { RunManifest } from '../../protocol/events';
import { manifestPath, runsFolder } from '../../client/index';
import { describeDiskError, writeFileSynced } from './synced';
import { versions } from './versions';

/** The experiment of a config file: its `name`, or the file's own. */
export function experimentName(configFile: string, config: ExperimentConfig): string {
  return config.name ?? (basename(configFile).replace(/(\.tessera)?\.jsonc?$/, '') || 'experiment');
}

/**
 * Creates the directory of a new run; it appears with its manifest, and with whatever `prepare` puts in it.
 * Throws an error that names the folder when it cannot be written.
 */
export async function createRunDirectory(
  configFile: string,
  config: ExperimentConfig,
  prepare: (directory: string) => Promise<void>,
): Promise<string> {
  const folder = runsFolder(configFile);
  const project = dirname(dirname(folder));
  const git = await gitState(project);
  try {
    await mkdir(folder, { recursive: true });
    // Runs are large and personal; a project that wants them in git can delete this file's line.
    await writeFile(join(dirname(folder), '.gitignore'), '*\n', { flag: 'wx' }).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      },
    );
    for (;;) {
      const createdAt = Date.now();
      const runId = newRunId(new Date(createdAt));
      const temporary = join(folder, `.creating-${runId}`);
      await mkdir(temporary);
      try {
        const manifest: RunManifest = {
          version: 1,
          runId,
          experiment: experimentName(configFile, config),
          configFile: relative(project, configFile),
          config,
          createdAt,
          versions: versions(),
          git,
        };
        await writeFileSynced(manifestPath(temporary), `${JSON.stringify(manifest, null, 2)}\n`);
        await prepare(temporary);
        const directory = join(folder, runId);
        await rename(temporary, directory);
        return directory;
      } catch (error) {
        await rm(temporary, { recursive: true, force: true });
        if (!['EEXIST', 'ENOTEMPTY'].includes(String((error as NodeJS.ErrnoException).code))) throw error;
      }
    }
  } catch (error) {
    throw new Error(`Cannot create a run in ${folder}: ${describeDiskError(error)}`, { cause: error });
  }
}

/** Local time and four letters: sorts by age, can be told on the phone. */
export function newRunId(now: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789';
  const suffix = Array.from({ length: 4 }, () => letters[randomInt(letters.length)]).join('');
  return `${day}-${time}-${suffix}`;
}

async function gitState(folder: string): Promise<RunManifest['git']> {
  // A repository that came in an archive may name a program here, which `git status` would run.
  const safely = ['-c', 'core.fsmonitor=false', '-C', folder];
  const git = async (...args: string[]) =>
    (await promisify(execFile)('git', [...safely, ...args], { timeout: 5000, windowsHide: true })).stdout.trim();
  try {
    const commit = await git('rev-parse', 'HEAD');
    return { commit, dirty: (await git('status', '--porcelain', '--untracked-files=no')) !== '' };
  } catch {
    // No git, or no repository: nothing to remember.
    return undefined;
  }
}

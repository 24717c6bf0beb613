/** Starting a new run of a config file. */
import { mkdir } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listRuns, liveOwner, runsFolder } from '../../client/index';
import type { ExperimentConfig } from '../../protocol/config';
import type { Owner } from '../../protocol/control';
import { readConfigFile } from './config-file';
import { claim, OwnedError, type Ownership } from './owner';
import { createRunDirectory, experimentName } from './run-directory';
import { openSession, type Claimed, type Session } from './session';
import { describeDiskError } from './synced';

/**
 * Starts a new run. Throws `ConfigError` for a config that will not do, and an error that names the other
 * run when one of the same experiment is alive, unless `again` says that a second one is wanted.
 */
export async function startRun(configFile: string, { again = false } = {}): Promise<Session> {
  const file = resolve(configFile);
  const config = await readConfigFile(file);
  return await openSession(async (owner) => {
    const lock = await lockStarts(file, owner);
    try {
      if (!again) await refuseSecondRun(file, config);
      return await create(file, config, owner);
    } finally {
      await lock.release();
    }
  });
}

async function create(file: string, config: ExperimentConfig, owner: Owner): Promise<Claimed> {
  let ownership: Ownership | undefined;
  const directory = await createRunDirectory(file, config, async (temporary) => {
    ownership = await claim(temporary, owner);
  });
  return { directory, ownership: ownership! };
}

async function refuseSecondRun(file: string, config: ExperimentConfig): Promise<void> {
  const folder = runsFolder(file);
  const experiment = experimentName(file, config);
  const configFile = relative(dirname(dirname(folder)), file);
  for (const { directory, manifest } of (await listRuns(folder)).runs) {
    if (manifest.experiment !== experiment || manifest.configFile !== configFile) continue;
    const owner = await liveOwner(directory);
    if (owner) {
      throw new Error(
        `"${experiment}" is already running as ${manifest.runId} (process ${owner.pid}). ` +
          'Open that run, stop it first, or start a second one with --again.',
      );
    }
  }
}

/** Only one start at a time looks for a live run and creates its own, so that of two the second sees the first. */
async function lockStarts(file: string, owner: Owner): Promise<{ release(): Promise<void> }> {
  const folder = join(dirname(runsFolder(file)), 'starting');
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw new Error(`Cannot create ${folder}: ${describeDiskError(error)}`, { cause: error });
  });
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      const ownership = await claim(folder, owner);
      return { release: () => ownership.release(folder) };
    } catch (error) {
      if (!(error instanceof OwnedError) || Date.now() > deadline) throw error;
      await sleep(25);
    }
  }
}

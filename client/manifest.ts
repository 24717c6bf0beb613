/** Which runs there are. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunManifest } from '../protocol/events';
import { readJson, RunFileError } from './files';
import { manifestPath } from './paths';
import { manifestSchema } from './schema';

/** Reads `run.json`. Throws `RunFileError` when it is missing or not a manifest. */
export async function readManifest(directory: string): Promise<RunManifest> {
  const manifest = await readJson(manifestPath(directory), manifestSchema);
  if (!manifest) throw new RunFileError(manifestPath(directory), 'does not exist, so this is not a run directory');
  return manifest;
}

export interface ListedRun {
  readonly directory: string;
  readonly manifest: RunManifest;
}

export interface RunList {
  /** Newest first. */
  readonly runs: readonly ListedRun[];
  /** Folders that look like runs and cannot be read. */
  readonly broken: readonly { readonly directory: string; readonly message: string }[];
}

/** The runs in a runs folder; none when the folder is absent. */
export async function listRuns(folder: string): Promise<RunList> {
  const names = await readdir(folder, { withFileTypes: true }).then(
    (entries) => entries.filter((e) => e.isDirectory() && !e.name.startsWith('.')).map((e) => e.name),
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
      throw new RunFileError(folder, error.message);
    },
  );
  const runs: ListedRun[] = [];
  const broken: { directory: string; message: string }[] = [];
  await Promise.all(
    names.map(async (name) => {
      const directory = join(folder, name);
      try {
        runs.push({ directory, manifest: await readManifest(directory) });
      } catch (error) {
        broken.push({ directory, message: (error as Error).message });
      }
    }),
  );
  runs.sort((a, b) => b.manifest.createdAt - a.manifest.createdAt || (a.directory < b.directory ? 1 : -1));
  broken.sort((a, b) => (a.directory < b.directory ? -1 : 1));
  return { runs, broken };
}

/** Which run a person means. */
import { stat } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import { listRuns, manifestPath, readManifest, runsFolder, type ListedRun } from '../../client/index';

/** The person asked for something that cannot be; ends with exit code 2. */
export class UsageError extends Error {}

/**
 * A run by its directory, by its id or the beginning or end of it (looked for in `.tessera/runs` here), or the newest
 * run of a config file. Without anything: the newest run here.
 */
export async function findRun(what?: string): Promise<ListedRun> {
  if (what !== undefined && (await exists(manifestPath(what)))) {
    const directory = resolve(what);
    return { directory, manifest: await readManifest(directory) };
  }
  if (what !== undefined && isConfigFile(what)) {
    const file = resolve(what);
    if (!(await exists(file))) throw new UsageError(`There is no file ${file}.`);
    const name = relative(dirname(file), file);
    const run = (await listRuns(runsFolder(file))).runs.find(({ manifest }) => manifest.configFile === name);
    if (!run) throw new UsageError(`${basename(file)} has no runs yet. Start one: tessera pretrain ${what}`);
    return run;
  }
  const folder = runsFolder('x');
  const { runs } = await listRuns(folder);
  const matches = runs.filter(({ manifest: { runId } }) => !what || runId.startsWith(what) || runId.endsWith(what));
  const [first, second] = matches;
  if (!first)
    throw new UsageError(what ? `There is no run "${what}" in ${folder}.` : `There are no runs in ${folder}.`);
  if (what && second && first.manifest.runId !== what) {
    throw new UsageError(`"${what}" may be ${matches.map(({ manifest }) => manifest.runId).join(' or ')}.`);
  }
  return first;
}

/** Whether a person means a config file; runs have no such names. */
export function isConfigFile(what: string): boolean {
  return /\.jsonc?$/.test(what);
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

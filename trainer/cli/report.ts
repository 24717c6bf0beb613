/** What is known of evaluated checkpoints, of one run or of several side by side. Run directories are only read. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { figuresOf, readRun, type ListedRun } from '../../client/index';
import { comparisonMarkdown, compareRuns, type ComparisonFile } from '../../protocol/compare';
import { reportMarkdown, reportOf, type ReportFile } from '../../protocol/report';
import { UsageError } from './find';

export interface Written {
  readonly directories: readonly string[];
  readonly content: ReportFile | ComparisonFile;
  /** @param folder where the Markdown will be, for the paths of its pictures; without it there are none. */
  readonly markdown: (folder?: string) => string;
}

/** Throws when a run was named twice, or none of a run's checkpoints was judged. */
export async function reportOn(listed: readonly ListedRun[]): Promise<Written> {
  const directories = listed.map(({ directory }) => directory);
  const twice = directories.find((directory, i) => directories.indexOf(directory) !== i);
  if (twice !== undefined) throw new UsageError(`${twice} was named twice.`);
  const time = Date.now();
  const reports = await Promise.all(
    listed.map(async ({ directory, manifest }) => {
      const run = await readRun(directory);
      const steps = run.evaluations.map(({ step }) => step);
      if (steps.length === 0) {
        const { runId } = manifest;
        throw new UsageError(`Nothing of ${runId} was judged yet. Judge it: tessera evaluate ${runId} --suite full`);
      }
      return reportOf(run, { figures: await figuresOf(directory, run, steps), time });
    }),
  );
  const base = (directory: string, folder: string) => relative(resolve(folder), directory).split(sep).join('/') || '.';
  const [only] = reports;
  if (reports.length === 1) {
    const markdown = (folder?: string) =>
      reportMarkdown(only!, folder === undefined ? undefined : base(directories[0]!, folder));
    return { directories, content: only!, markdown };
  }
  const content = compareRuns(reports, time);
  const bases = (folder: string) =>
    Object.fromEntries(reports.map(({ runId }, i) => [runId, base(directories[i]!, folder)]));
  return {
    directories,
    content,
    markdown: (folder) => comparisonMarkdown(content, folder === undefined ? {} : bases(folder)),
  };
}

/** Writes `report.md` and `report.json`. Returns the former. Throws for a folder of a run: only its trainer writes there. */
export async function writeTo(folder: string, { directories, content, markdown }: Written): Promise<string> {
  const owner = directories.find((directory) => !relative(directory, resolve(folder)).startsWith('..'));
  if (owner !== undefined) {
    throw new UsageError(
      `${folder} is in the run directory ${owner}, where only a trainer writes: give another --out.`,
    );
  }
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'report.json'), JSON.stringify(content, null, 2));
  const file = join(folder, 'report.md');
  await writeFile(file, markdown(folder));
  return file;
}

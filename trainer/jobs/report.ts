import { join } from 'node:path';
import { figuresOf } from '../../client/index';
import { reportMarkdown, reportOf } from '../../protocol/report';
import type { Session } from './session';
import { makeFolder, replaceFile } from './synced';

/** Writes what the journal says of some checkpoints, as JSON and as Markdown. Returns the former's path in the run directory. */
export async function writeReport(
  { directory, run }: Session,
  steps: readonly number[],
  leftOut: readonly string[],
): Promise<string> {
  const figures = await figuresOf(directory, run(), steps);
  const report = reportOf(run(), { steps, leftOut, figures, time: Date.now() });
  await makeFolder(join(directory, 'evaluations'));
  await replaceFile(join(directory, 'evaluations', 'report.md'), reportMarkdown(report, '..'));
  await replaceFile(join(directory, 'evaluations', 'report.json'), JSON.stringify(report, null, 2));
  return 'evaluations/report.json';
}

import { join } from 'node:path';
import { evaluationKinds } from '../../protocol/events';
import { reportMarkdown, type ReportFile } from '../../protocol/report';
import type { Session } from './session';
import { makeFolder, replaceFile } from './synced';

/** Writes what the journal says of some checkpoints, as JSON and as Markdown. Returns the former's path in the run directory. */
export async function writeReport(
  { config, directory, run }: Session,
  steps: readonly number[],
  leftOut: readonly string[],
): Promise<string> {
  const { manifest, engine, evaluations } = run();
  const { method, backbone } = config.pretrain;
  const order = evaluationKinds.map(String);
  const report: ReportFile = {
    runId: manifest.runId,
    experiment: manifest.experiment,
    subject: `${method}, ${backbone.type}`,
    engine,
    time: Date.now(),
    evaluations: evaluations
      .filter(({ step }) => steps.includes(step))
      .sort((a, b) => a.step - b.step || order.indexOf(a.evaluation.kind) - order.indexOf(b.evaluation.kind)),
    leftOut,
  };
  await makeFolder(join(directory, 'evaluations'));
  await replaceFile(join(directory, 'evaluations', 'report.md'), reportMarkdown(report));
  await replaceFile(join(directory, 'evaluations', 'report.json'), JSON.stringify(report, null, 2));
  return 'evaluations/report.json';
}

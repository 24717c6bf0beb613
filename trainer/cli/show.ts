/** Runs in words: the list, and one in full. */
import { liveOwner, liveStatus, readRun, type ListedRun, type RunList } from '../../client/index';
import { formatBytes, formatNumber, formatProgress, formatStep } from '../../protocol/format';
import { latest } from '../../protocol/run';
import { evaluationLine, printable, table } from './output';

async function state({ directory }: ListedRun) {
  const [run, owner] = await Promise.all([readRun(directory), liveOwner(directory)]);
  return { run, owner, status: liveStatus(run, owner !== undefined) };
}

export interface RunSummary {
  readonly runId: string;
  readonly experiment: string;
  readonly status: string;
  readonly step: number;
  readonly totalSteps: number;
  readonly loss?: number;
  readonly directory: string;
}

export async function summarize({ runs, broken }: RunList): Promise<{ runs: RunSummary[]; broken: RunList['broken'] }> {
  const unreadable = [...broken];
  const summaries: RunSummary[] = [];
  for (const listed of runs) {
    try {
      const { run, status } = await state(listed);
      const { runId, experiment } = listed.manifest;
      const { step, totalSteps } = run;
      const loss = latest(run, 'train/loss');
      summaries.push({ runId, experiment, status, step, totalSteps, loss, directory: listed.directory });
    } catch (error) {
      unreadable.push({ directory: listed.directory, message: (error as Error).message });
    }
  }
  return { runs: summaries, broken: unreadable };
}

export function listText(runs: readonly RunSummary[]): string {
  const rows = runs.map(({ runId, experiment, status, step, totalSteps, loss }) => [
    runId,
    experiment,
    status,
    `${formatStep(step)}/${formatStep(totalSteps)}`,
    loss === undefined ? '' : formatNumber(loss),
  ]);
  return printable(table([['run', 'experiment', 'status', 'step', 'loss'], ...rows]));
}

/** Everything that is known of one run. */
export async function details(listed: ListedRun) {
  const { run, owner, status } = await state(listed);
  const { manifest, reason, engine, checkpoints, evaluations, notices, problems } = run;
  return {
    manifest,
    directory: listed.directory,
    status,
    reason,
    pid: owner?.pid,
    engine,
    run,
    checkpoints,
    evaluations,
    notices,
    problems,
  };
}

export function detailsText(known: Awaited<ReturnType<typeof details>>): string {
  const { manifest, directory, status, reason, pid, engine, run, checkpoints, evaluations, notices, problems } = known;
  const facts: [string, string | undefined][] = [
    ['run', manifest.runId],
    ['experiment', `${manifest.experiment} (${manifest.configFile})`],
    ['status', reason ? `${status}: ${reason}` : status],
    ['progress', formatProgress(run, pid !== undefined)],
    ['engine', engine],
    ['process', pid?.toString()],
    [
      'made by',
      Object.entries(manifest.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ['git', manifest.git && `${manifest.git.commit}${manifest.git.dirty ? ' with changes' : ''}`],
    ['folder', directory],
  ];
  const lines = [table(facts.filter((fact): fact is [string, string] => fact[1] !== undefined))];
  for (const { step, bytes } of checkpoints) lines.push(`checkpoint @ step ${formatStep(step)}, ${formatBytes(bytes)}`);
  for (const { step, evaluation } of evaluations) lines.push(evaluationLine(step, evaluation));
  for (const { level, message } of notices) lines.push(`${level}: ${message}`);
  lines.push(...problems);
  return printable(lines.join('\n'));
}

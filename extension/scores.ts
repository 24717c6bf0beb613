/** Which of the scores of an experiment's runs are worth a line, and how they read. Pure. */
import {
  formatDifference,
  formatDuration,
  formatEvaluation,
  formatFigure,
  formatGain,
  formatInterval,
  formatMeasures,
  formatMetric,
  formatNumber,
  formatPercent,
  formatProgress,
  formatStep,
  formatTraffic,
  metricName,
} from '../protocol/format';
import type { EvaluationSettings } from '../protocol/config';
import type { Comparison, Evaluation, EvaluationKind, Score } from '../protocol/events';
import { markdownTable } from '../protocol/markdown';
import { latest, type Run, type ScoredCheckpoint } from '../protocol/run';
import { runLabel } from './run-label';
import type { TrackedRun } from './run-store';

/** Blocks with a command and a line of their own. */
export type Block = 'pretrain' | Exclude<keyof EvaluationSettings, 'efficiency'>;
export type Judging = Exclude<Block, 'pretrain'>;

/** Text beside a block, and the table behind it (Markdown). */
export interface ScoreLine {
  readonly text: string;
  readonly table: string;
}

export interface RunScore extends ScoredCheckpoint {
  /** The name of its run. */
  readonly run: string;
  readonly directory: string;
}

/** The smallest training loss that was logged. */
export function bestLoss(run: Run): number | undefined {
  // Not Math.min(...values): a long run has more values than a call may have arguments.
  return run.metrics['train/loss']?.values.reduce((best, value) => (value < best ? value : best), Infinity);
}

/** `runs` are those of one experiment, newest first. */
export function scoreLine(block: Block, runs: readonly TrackedRun[]): ScoreLine | undefined {
  return block === 'pretrain' ? pretrainLine(runs) : evaluationLine(block, runs);
}

function pretrainLine(runs: readonly TrackedRun[]): ScoreLine | undefined {
  const newest = runs[0];
  if (!newest) return undefined;
  const knn = latest(newest.run, 'eval/knn_top1');
  const text = [
    ...(newest.liveStatus === 'running' ? [] : [newest.liveStatus]),
    formatProgress(newest.run, newest.liveStatus === 'running'),
    ...(knn === undefined ? [] : [`kNN ${formatMetric('eval/knn_top1', knn)}`]),
  ].join(' · ');
  return { text, table: runsTable(runs) };
}

const shown: Record<Judging, readonly EvaluationKind[]> = {
  probe: ['probe', 'knn'],
  cluster: ['cluster'],
  tsne: ['tsne'],
  health: ['health'],
  robustness: ['robustness'],
  transfer: ['transfer'],
  finetune: ['finetune'],
};

function evaluationLine(block: Judging, runs: readonly TrackedRun[]): ScoreLine | undefined {
  const scores = scoresOf(runs, shown[block]);
  const working = runs.find(
    ({ run, alive }) => alive && run.evaluating && shown[block].includes(run.evaluating.kind),
  )?.run;
  const main = scores.filter(({ evaluation }) => evaluation.kind === block).flatMap(compared);
  const newest = mostLabels(main);
  if (!working && !newest) return undefined;

  const parts: string[] = [];
  if (working?.evaluating) parts.push(evaluatingText(working.evaluating));
  if (newest) {
    const { evaluation, comparison, step } = newest;
    const { metric, score, baseline } = comparison;
    parts.push(
      `${shortName(evaluation)} ${formatFigure(metric, score.value)} @ step ${formatStep(step)}`,
      `${baseline.name} ${formatFigure(metric, baseline.value)}`,
      formatGain(comparison),
    );
    const best = bestScore(main, evaluation);
    if (best && best.comparison.score.value > score.value) {
      parts.push(`best ${formatFigure(metric, best.comparison.score.value)} @ step ${formatStep(best.step)}`);
    }
  }
  return { text: parts.join(' · '), table: scores.length > 0 ? scoresTable(scores) : 'No scores yet.' };
}

/** "linear probe 40%, step 4,000: choosing the learning rate" */
export function evaluatingText({ kind, step, done, message }: NonNullable<Run['evaluating']>): string {
  return `${formatEvaluation({ kind, labels: 1 })} ${formatPercent(done, 0)}, step ${formatStep(step)}${message ? `: ${message}` : ''}`;
}

function shortName(evaluation: Evaluation): string {
  return formatEvaluation(evaluation).replace('linear probe', 'linear');
}

/** All scores of the kinds, newest first. */
function scoresOf(runs: readonly TrackedRun[], kinds: readonly EvaluationKind[]): RunScore[] {
  return runs
    .flatMap(({ run, directory }) =>
      run.evaluations.map((score) => ({ ...score, run: runLabel(run.manifest.createdAt), directory })),
    )
    .filter(({ evaluation }) => kinds.includes(evaluation.kind))
    .sort((a, b) => b.time - a.time);
}

type Compared = RunScore & { readonly comparison: Comparison };

const compared = (score: RunScore): Compared[] =>
  score.evaluation.comparison ? [{ ...score, comparison: score.evaluation.comparison }] : [];

/** Of the rows that the newest evaluation gave, the one with the most labels: what a reader asks for first. */
function mostLabels(scores: readonly Compared[]): Compared | undefined {
  const newest = scores[0];
  return scores
    .filter(({ directory, step }) => directory === newest?.directory && step === newest.step)
    .reduce<Compared | undefined>(
      (most, score) => (most && most.evaluation.labels >= score.evaluation.labels ? most : score),
      undefined,
    );
}

/** The best score under the same protocol: another share of labels is another question. */
function bestScore(scores: readonly Compared[], like: Evaluation): Compared | undefined {
  return scores
    .filter(({ evaluation }) => evaluation.labels === like.labels && evaluation.variant === like.variant)
    .reduce<Compared | undefined>(
      (best, score) => (best && best.comparison.score.value >= score.comparison.score.value ? best : score),
      undefined,
    );
}

/** Rows of a table that a hover can hold. */
const MAX_ROWS = 12;

function runsTable(runs: readonly TrackedRun[]): string {
  const rows = runs.slice(0, MAX_ROWS).map(({ run, liveStatus }) => {
    const best = bestLoss(run);
    const steps = `${formatStep(run.step)}/${formatStep(run.totalSteps)}`;
    return [runLabel(run.manifest.createdAt), liveStatus, steps, best === undefined ? '' : formatNumber(best)];
  });
  return table(['run', 'status', 'step', 'lowest loss'], rows, runs.length);
}

export function scoresTable(scores: readonly (ScoredCheckpoint & { readonly run?: string })[]): string {
  const several = new Set(scores.map(({ run }) => run)).size > 1;
  const measured = scores.some(({ evaluation }) => evaluation.measures);
  const rows = scores
    .slice(0, MAX_ROWS)
    .map(({ run, step, evaluation }) => [
      ...(several ? [run ?? ''] : []),
      formatStep(step),
      formatEvaluation(evaluation),
      ...comparedCells(evaluation),
      ...(measured ? [formatMeasures(evaluation)] : []),
    ]);
  const header = [
    ...(several ? ['run'] : []),
    'step',
    'protocol',
    'score (95% CI)',
    'baseline (95% CI)',
    'gain (95% CI)',
    ...(measured ? ['measures (baseline)'] : []),
  ];
  return table(header, rows, scores.length);
}

/** Score, baseline and gain as "71.4% (70.1–72.6)", under headers that say what the interval is. */
function comparedCells({ comparison }: Evaluation): [string, string, string] {
  if (!comparison) return ['', '', ''];
  const { metric, score, baseline, gain } = comparison;
  const figure = ({ value, interval }: Score) => `${formatFigure(metric, value)} (${formatInterval(metric, interval)})`;
  const [value, low, high] = [gain.value, ...gain.interval].map((end) => formatDifference(metric, end));
  return [figure(score), `${baseline.name} ${figure(baseline)}`, `${value} (${low} to ${high})`];
}

/** What a tooltip says of a run. */
export function runTable({ run, liveStatus }: TrackedRun): string {
  const rows: string[][] = [
    ['Status', run.reason ? `${liveStatus}: ${run.reason}` : liveStatus],
    ['Step', `${formatStep(run.step)} of ${formatStep(run.totalSteps)}`],
  ];
  for (const key of ['train/loss', 'train/lr', 'eval/knn_top1', 'perf/images_per_second', 'perf/memory_mb']) {
    const value = latest(run, key);
    if (value !== undefined) rows.push([metricName(key).title, formatMetric(key, value)]);
  }
  if (run.engine) rows.push(['Engine', run.fallback ? `${run.engine} (${run.fallback})` : run.engine]);
  if (run.traffic) rows.push(['Host traffic', formatTraffic(run.traffic)]);
  if (run.startedAt !== undefined) rows.push(['Time', formatDuration((run.updatedAt - run.startedAt) / 1000)]);
  return table([run.manifest.runId, ''], rows, rows.length);
}

function table(header: readonly string[], rows: readonly (readonly string[])[], total: number): string {
  const shown = markdownTable(header, rows);
  return total > rows.length ? `${shown}\n\nand ${total - rows.length} more` : shown;
}

/** Runs side by side: what each method cost, and what its encoder scored. */
import { readJournal, type ListedRun } from '../../client/index';
import { ExperimentConfig } from '../../protocol/config';
import type { EvaluationKind } from '../../protocol/events';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatNumber,
  formatPercent,
  formatStep,
} from '../../protocol/format';
import { markdownTable } from '../../protocol/markdown';
import { applyEvent, emptyRun, type Run } from '../../protocol/run';
import { timeToReach } from '../../protocol/training-time';
import { printable, table } from './output';

/** A figure is absent where nothing is known of it yet. */
export interface ComparedRun {
  readonly run: string;
  readonly experiment: string;
  readonly method: string;
  readonly backbone: string;
  readonly engine?: string;
  readonly step: number;
  /** Of the newest evaluation of efficiency: see `trainer/evals/efficiency.ts`. */
  readonly encoderParameters?: number;
  readonly parameters?: number;
  readonly forwardFlops?: number;
  readonly stepFlops?: number;
  readonly stepImagesPerSecond?: number;
  readonly embedImagesPerSecond?: number;
  readonly epochSeconds?: number;
  /** Most bytes that the trainer held, of those that it logged. */
  readonly peakMemory?: number;
  /** Until kNN during the training was at the target; null when it never was. */
  readonly secondsToTarget?: number | null;
  /** Accuracies of the newest checkpoint that was judged, with all labels. */
  readonly knn?: number;
  readonly linear?: number;
}

export interface RunComparison {
  /** The kNN accuracy that `secondsToTarget` is about. */
  readonly target?: number;
  readonly runs: readonly ComparedRun[];
}

const KNN = 'eval/knn_top1';

/** `target` by default is the best that every run with kNN reached. Throws when a run cannot be read. */
export async function compareRuns(listed: readonly ListedRun[], asked?: number): Promise<RunComparison> {
  const known = await Promise.all(
    listed.map(async ({ directory, manifest }) => {
      const { events } = await readJournal(directory);
      return { events, run: events.reduce(applyEvent, emptyRun(manifest)) };
    }),
  );
  const bests = known.map(({ run }) => Math.max(...(run.metrics[KNN]?.values ?? []))).filter(Number.isFinite);
  const target = asked ?? (bests.length > 0 ? Math.min(...bests) : undefined);
  const runs = known.map(({ events, run }): ComparedRun => {
    const hasKnn = target !== undefined && run.metrics[KNN] !== undefined;
    return { ...figures(run), ...(hasKnn && { secondsToTarget: timeToReach(events, KNN, target)?.seconds ?? null }) };
  });
  return { target, runs };
}

function figures(run: Run): ComparedRun {
  const { manifest, step, engine, metrics } = run;
  const config = ExperimentConfig.safeParse(manifest.config).data?.pretrain;
  const measures = newest(run, 'efficiency')?.measures ?? {};
  const memory = metrics['perf/memory_mb']?.values;
  return {
    run: manifest.runId,
    experiment: manifest.experiment,
    method: config?.method ?? '',
    backbone: config?.backbone.type ?? '',
    engine,
    step,
    encoderParameters: measures.encoder_parameters?.score,
    parameters: measures.parameters?.score,
    forwardFlops: measures.forward_flops?.score,
    stepFlops: measures.step_flops?.score,
    stepImagesPerSecond: measures.step_images_per_second?.score,
    embedImagesPerSecond: measures.embed_images_per_second?.score,
    epochSeconds: measures.epoch_seconds?.score,
    peakMemory: memory && memory.reduce((most, value) => Math.max(most, value)) * 1e6,
    knn: newest(run, 'knn')?.comparison?.score.value,
    linear: newest(run, 'probe')?.comparison?.score.value,
  };
}

/** Of the newest checkpoint; the plain row of its kind with all labels. */
function newest({ evaluations }: Run, kind: EvaluationKind) {
  const rows = evaluations.filter(
    ({ evaluation }) =>
      evaluation.kind === kind &&
      evaluation.variant === undefined &&
      (evaluation.labels === 1 || kind === 'efficiency'),
  );
  return rows.reduce<(typeof rows)[number] | undefined>(
    (last, row) => (last === undefined || row.step >= last.step ? row : last),
    undefined,
  )?.evaluation;
}

function cells({ target, runs }: RunComparison): { header: string[]; rows: string[][] } {
  const time = target === undefined ? 'time to kNN' : `time to kNN ${formatPercent(target)}`;
  const costs = ['encoder', 'with heads', 'FLOPs/image', 'of a step', 'img/s', 'embedding', 's/epoch', 'memory', time];
  const told = (value: number | undefined, format: (value: number) => string) => (value === undefined ? '' : format(value)); // prettier-ignore
  const rows = runs.map((run) => [
    ...[run.run, run.method, run.backbone, formatStep(run.step)],
    told(run.encoderParameters, formatCount),
    told(run.parameters, formatCount),
    told(run.forwardFlops, formatCount),
    told(run.stepFlops, formatCount),
    told(run.stepImagesPerSecond, formatNumber),
    told(run.embedImagesPerSecond, formatNumber),
    told(run.epochSeconds, formatNumber),
    told(run.peakMemory, formatBytes),
    run.secondsToTarget === null ? 'never' : told(run.secondsToTarget, formatDuration),
    told(run.knn, formatPercent),
    told(run.linear, formatPercent),
  ]);
  return { header: ['run', 'method', 'backbone', 'step', ...costs, 'kNN', 'linear'], rows };
}

export function comparisonText(comparison: RunComparison): string {
  const { header, rows } = cells(comparison);
  return printable(table([header, ...rows]));
}

export function comparisonMarkdown(comparison: RunComparison): string {
  const { header, rows } = cells(comparison);
  return markdownTable(header, rows);
}

/** Which runs say nothing of their cost yet, and how they can. */
export function missingCosts({ runs }: RunComparison): string | undefined {
  const missing = runs.filter(({ parameters }) => parameters === undefined).map(({ run }) => run);
  if (missing.length === 0) return undefined;
  return `Not measured yet: ${missing.join(', ')}. Measure with: tessera evaluate --kind efficiency RUN`;
}

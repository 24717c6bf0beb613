/** Everything that is known of evaluated checkpoints, written up for people and for programs. */
import { boardOf, curvesByLabels, curvesByStep, inOrder, rowName, type Board, type Curve } from './board';
import type { Comparison, Evaluation, EvaluationKind, Score } from './events';
import { factsOf, type RunFacts } from './facts';
import {
  formatDifference,
  formatEvaluation,
  formatFigure,
  formatInterval,
  formatMeasure,
  formatMeasures,
  formatPercent,
  formatStep,
  measureName,
} from './format';
import { bold, escapeMarkdown, markdownImage, markdownTable, type Cell } from './markdown';
import type { Run, ScoredCheckpoint } from './run';

/** `evaluations/report.json`; the same for people is `report.md` beside it. */
export interface ReportFile {
  readonly runId: string;
  readonly experiment: string;
  readonly facts: RunFacts;
  /** Length of the training. */
  readonly totalSteps: number;
  readonly engine?: string;
  /** In milliseconds since the epoch. */
  readonly time: number;
  /** The checkpoints that it is about, ascending. */
  readonly steps: readonly number[];
  /** Every row of them, by step, then in the order of the protocols. `file` is relative to the run directory. */
  readonly evaluations: readonly ScoredCheckpoint[];
  /** Scores by checkpoint, of protocols that judged several. */
  readonly byStep: readonly Curve[];
  /** Scores by share of the labels, of protocols that judged with several. */
  readonly byLabels: readonly (Curve & { readonly step: number })[];
  readonly figures: readonly Figure[];
  /** Evaluations that could not be done, and why. */
  readonly leftOut: readonly string[];
}

/** A picture of what was found. */
export interface Figure {
  readonly step: number;
  readonly title: string;
  /** Relative to the run directory. */
  readonly png: string;
}

interface ReportOptions {
  /** All that were judged by default. */
  readonly steps?: readonly number[];
  readonly leftOut?: readonly string[];
  readonly figures?: readonly Figure[];
  readonly time: number;
}

export function reportOf(run: Run, { steps, leftOut, figures = [], time }: ReportOptions): ReportFile {
  const { manifest, engine, totalSteps } = run;
  const judged = run.evaluations.filter(({ step }) => steps?.includes(step) ?? true);
  const evaluations = inOrder(judged).sort((a, b) => a.step - b.step);
  const board = boardOf(evaluations);
  return {
    runId: manifest.runId,
    experiment: manifest.experiment,
    facts: factsOf(manifest),
    totalSteps,
    engine,
    time,
    steps: board.steps,
    evaluations,
    byStep: curvesByStep(board),
    byLabels: board.steps.flatMap((step) => curvesByLabels(board, step).map((curve) => ({ step, ...curve }))),
    figures,
    leftOut: leftOut ?? run.report?.leftOut ?? [],
  };
}

const figureTitles: Partial<Record<EvaluationKind, string>> = {
  probe: 'what is taken for what (rows: class, columns: answer; the probe left, random init right)',
  knn: 'test images and, to the right, the training images nearest to each',
  cluster: 'test images nearest to the centre of each cluster',
  tsne: 'test images where the map puts them, one of those that share a place',
  robustness: 'a test image as it is, and under each corruption at each severity',
};

/** "linear probe: what is taken for what" */
export function figureTitle(evaluation: Evaluation): string {
  const title = figureTitles[evaluation.kind];
  return title ? `${formatEvaluation(evaluation)}: ${title}` : formatEvaluation(evaluation);
}

/**
 * As Markdown (GitHub's tables).
 *
 * @param base where the run directory is, as seen from the file; pictures are left out without it.
 */
export function reportMarkdown(report: ReportFile, base?: string): string {
  const { experiment, runId, engine, evaluations, leftOut } = report;
  const board = boardOf(evaluations);
  return [
    `# ${escapeMarkdown(experiment)}`,
    `Run ${escapeMarkdown(runId)}: ${escapeMarkdown(aboutRun(report))}${engine ? `; ${escapeMarkdown(engine)}` : ''}.`,
    intervalsNote,
    ...(board.steps.length > 1 ? ['## By checkpoint', boardMarkdown(board)] : []),
    ...board.steps.flatMap((step) => [`## Step ${formatStep(step)}`, ...stepMarkdown(report, step, base)]),
    ...(evaluations.length === 0 ? ['Nothing was judged yet.'] : []),
    ...(leftOut.length > 0 ? ['## Left out', leftOut.map((text) => `- ${escapeMarkdown(text)}`).join('\n')] : []),
    '',
  ].join('\n\n');
}

export const intervalsNote = 'Intervals are 95% bootstrap intervals over test images; gains are paired.';

/** "simclr, vit, patch 4, ...; builtin:shapes, 32 px; batches of 64, 1,500 steps, seed 0" */
export function aboutRun({ facts, totalSteps }: Pick<ReportFile, 'facts' | 'totalSteps'>): string {
  const { method, backbone, data, batchSize, seed } = facts;
  const length = [
    ...(batchSize === undefined ? [] : [`batches of ${batchSize}`]),
    `${formatStep(totalSteps)} steps`,
    ...(seed === undefined ? [] : [`seed ${seed}`]),
  ];
  return `${method}, ${backbone}; ${data}; ${length.join(', ')}`;
}

/** "71.4% (70.1–72.6)" */
export function figureText(metric: Comparison['metric'], { value, interval }: Score): string {
  return `${formatFigure(metric, value)} (${formatInterval(metric, interval)})`;
}

/** "+3.1 (+2.2 to +4.0)" */
export function gainText({ metric, gain }: Comparison): string {
  const [value, low, high] = [gain.value, ...gain.interval].map((figure) => formatDifference(metric, figure));
  return `${value} (${low} to ${high})`;
}

/** One row per protocol and per measure, one column per checkpoint; the best of a row is bold. */
function boardMarkdown({ steps, rows }: Board): string {
  const header = ['evaluation', ...steps.map((step) => `step ${formatStep(step)}`)];
  const lines = rows.flatMap(({ name, cells, best }): Cell[][] => {
    const evaluations = cells.map((cell) => cell?.evaluation);
    const scores = evaluations.map((evaluation, i): Cell => {
      const { comparison } = evaluation ?? {};
      const text = comparison ? figureText(comparison.metric, comparison.score) : '';
      return i === best ? bold(text) : text;
    });
    const measures = [...new Set(evaluations.flatMap((evaluation) => Object.keys(evaluation?.measures ?? {})))];
    return [
      ...(evaluations.some((evaluation) => evaluation?.comparison) ? [[name, ...scores]] : []),
      ...measures.map((measure) => [
        `${name}: ${measureName(measure)}`,
        ...evaluations.map((evaluation) => {
          const found = evaluation?.measures?.[measure];
          return found ? formatMeasure(found.score, measure) : '';
        }),
      ]),
    ];
  });
  return markdownTable(header, lines);
}

/** All that is known of one checkpoint: scores, measures, low-shot curves, pictures. */
export function stepMarkdown({ evaluations, byLabels, figures }: ReportFile, step: number, base?: string): string[] {
  const ofStep = evaluations.filter((scored) => scored.step === step).map(({ evaluation }) => evaluation);
  const pictures = base === undefined ? [] : figures.filter((figure) => figure.step === step);
  return [
    ...tables(ofStep),
    ...byLabels.filter((curve) => curve.step === step).map(curveTable),
    ...pictures.flatMap(({ title, png }) => [markdownImage(title, `${base}/${png}`), `*${escapeMarkdown(title)}*`]),
  ];
}

function tables(evaluations: readonly Evaluation[]): string[] {
  const compared = evaluations.flatMap((evaluation) => {
    const { comparison, protocol } = evaluation;
    if (!comparison) return [];
    const { metric, score, baseline } = comparison;
    const beside = `${baseline.name} ${figureText(metric, baseline)}`;
    return [[rowName(evaluation), figureText(metric, score), beside, gainText(comparison), protocol]];
  });
  const measured = evaluations
    .filter(({ measures }) => measures && Object.keys(measures).length > 0)
    .map((evaluation) => [formatEvaluation(evaluation), formatMeasures(evaluation)]);
  return [
    ...(compared.length > 0 ? [markdownTable(['evaluation', 'score', 'baseline', 'gain', 'protocol'], compared)] : []),
    ...(measured.length > 0 ? [markdownTable(['evaluation', 'measures'], measured)] : []),
  ];
}

function curveTable({ name, points }: Curve): string {
  const baseline = points[0]!.baseline.name;
  const rows = points.map((point) => [
    formatPercent(point.at, 2).replace(/\.?0+%$/, '%'),
    formatStep(point.trainImages),
    figureText(point.metric, point.score),
    figureText(point.metric, point.baseline),
  ]);
  return markdownTable([`${name}: labels`, 'images', 'score', baseline], rows);
}

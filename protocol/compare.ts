/** Several runs side by side: one row per run, one column per protocol. */
import { boardOf, inOrder, rowName } from './board';
import type { Comparison } from './events';
import { formatEvaluation, formatMeasure, formatStep, measureName } from './format';
import { escapeMarkdown, markdownTable } from './markdown';
import { aboutRun, figureText, gainText, intervalsNote, stepMarkdown, type ReportFile } from './report';

export interface ComparisonFile {
  /** In milliseconds since the epoch. */
  readonly time: number;
  /** The protocols that judged one of the runs or more: "kNN", "fine-tune, 10% labels". */
  readonly columns: readonly string[];
  readonly rows: readonly ComparedRun[];
  /** All that is known of each run, in the order of the rows. */
  readonly runs: readonly ReportFile[];
}

export interface ComparedRun {
  readonly runId: string;
  /** The checkpoint that the row is about: the newest that was judged. */
  readonly step: number;
  /** In the order of the columns; null where a protocol did not judge it. */
  readonly scores: readonly (Comparison | null)[];
}

export function compareRuns(runs: readonly ReportFile[], time: number): ComparisonFile {
  const judged = runs.filter(({ steps }) => steps.length > 0);
  const boards = judged.map(({ steps, evaluations }) => {
    const step = steps.at(-1)!;
    return { step, rows: boardOf(evaluations.filter((scored) => scored.step === step)).rows };
  });
  const all = boards.flatMap(({ rows }) => rows.map(({ cells }) => cells[0]!));
  const columns = new Set(
    inOrder(all.filter(({ evaluation }) => evaluation.comparison)).map(({ evaluation }) => rowName(evaluation)),
  );
  const rows = boards.map(({ step, rows }, i): ComparedRun => {
    const byName = new Map(rows.map(({ name, cells }) => [name, cells[0]?.evaluation.comparison]));
    return { runId: judged[i]!.runId, step, scores: [...columns].map((name) => byName.get(name) ?? null) };
  });
  return { time, columns: [...columns], rows, runs: judged };
}

/**
 * As Markdown (GitHub's tables).
 *
 * @param bases where the run directories are, as seen from the file, by run id; pictures are left out without them.
 */
export function comparisonMarkdown(
  { columns, rows, runs }: ComparisonFile,
  bases: Readonly<Record<string, string>> = {},
): string {
  const about = runs.map((run, i) => {
    const { method, backbone, data, seed } = run.facts;
    const checkpoint = `${formatStep(rows[i]!.step)} of ${formatStep(run.totalSteps)}`;
    return [run.experiment, run.runId, method, backbone, data, seed === undefined ? '' : String(seed), checkpoint];
  });
  const named = (cells: (comparison: Comparison) => string) =>
    rows.map(({ scores }, i) => [
      nameOf(runs, i),
      ...scores.map((comparison) => (comparison ? cells(comparison) : '')),
    ]);
  const measures = measureRows(runs, rows);
  return [
    '# Runs side by side',
    markdownTable(['experiment', 'run', 'method', 'backbone', 'data', 'seed', 'step'], about),
    intervalsNote,
    '## Scores',
    markdownTable(
      ['run', ...columns],
      named(({ metric, score }) => figureText(metric, score)),
    ),
    '## Gains over the baseline',
    markdownTable(
      ['run', ...columns],
      named((comparison) => {
        const { metric, baseline } = comparison;
        return `${gainText(comparison)} over ${baseline.name} ${figureText(metric, baseline)}`;
      }),
    ),
    ...(measures.length > 0
      ? ['## Measures', markdownTable(['measure', ...runs.map((_, i) => nameOf(runs, i))], measures)]
      : []),
    ...runs.flatMap((run, i) => [
      `## ${escapeMarkdown(nameOf(runs, i))}`,
      `Run ${escapeMarkdown(run.runId)}, step ${formatStep(rows[i]!.step)}: ${escapeMarkdown(aboutRun(run))}.`,
      ...stepMarkdown(run, rows[i]!.step, bases[run.runId]),
    ]),
    '',
  ].join('\n\n');
}

/** Its experiment, and where that does not tell it from the others its id. */
function nameOf(runs: readonly ReportFile[], index: number): string {
  const { experiment, runId } = runs[index]!;
  return runs.filter((run) => run.experiment === experiment).length > 1 ? `${experiment} ${runId}` : experiment;
}

/** One row per measure, one column per run: there may be many. */
function measureRows(runs: readonly ReportFile[], rows: readonly ComparedRun[]): string[][] {
  const byRun = runs.map(({ evaluations }, i) => {
    const found = new Map<string, string>();
    for (const { step, evaluation } of evaluations) {
      if (step !== rows[i]!.step) continue;
      for (const [name, { score }] of Object.entries(evaluation.measures ?? {}))
        found.set(`${formatEvaluation(evaluation)}: ${measureName(name)}`, formatMeasure(score, name));
    }
    return found;
  });
  const names = new Set(byRun.flatMap((found) => [...found.keys()]));
  return [...names].map((name) => [name, ...byRun.map((found) => found.get(name) ?? '')]);
}

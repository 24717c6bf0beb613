/** The table of baselines: what was found out, one row per protocol, one column per checkpoint. */
import { evaluationKinds, type Comparison, type Evaluation } from './events';
import { formatEvaluation } from './format';
import type { ScoredCheckpoint } from './run';

/** One protocol with one share of the labels. */
export interface BoardRow {
  /** "linear probe, 10% labels"; "pretext task, loss" */
  readonly name: string;
  /** Of each checkpoint its newest answer, in the order of the board's steps. */
  readonly cells: readonly (ScoredCheckpoint | undefined)[];
  /** The checkpoint that scores best, of two or more. */
  readonly best?: number;
}

export interface Board {
  /** Ascending. */
  readonly steps: readonly number[];
  /** In the order of the protocols, most labels first. */
  readonly rows: readonly BoardRow[];
}

export function boardOf(evaluations: readonly ScoredCheckpoint[]): Board {
  const steps = [...new Set(evaluations.map(({ step }) => step))].sort((a, b) => a - b);
  const byRow = new Map<string, ScoredCheckpoint[]>();
  for (const scored of inOrder(evaluations)) {
    const { kind, variant, labels } = scored.evaluation;
    const key = JSON.stringify([kind, variant, labels]);
    byRow.set(key, [...(byRow.get(key) ?? []), scored]);
  }
  const rows = [...byRow.values()].map((scored): BoardRow => {
    const cells = steps.map((step) => newest(scored.filter((one) => one.step === step)));
    return { name: rowName(scored[0]!.evaluation), cells, best: bestOf(cells) };
  });
  return { steps, rows };
}

/** "linear probe, 10% labels"; "pretext task, loss" */
export function rowName(evaluation: Evaluation): string {
  return formatEvaluation(evaluation) + (evaluation.comparison?.metric === 'loss' ? ', loss' : '');
}

const kindOrder = new Map(evaluationKinds.map((kind, i) => [kind, i]));
const place = ({ kind }: Evaluation) => kindOrder.get(kind) ?? Infinity;

/** By protocol, the plain one before its variants, most labels first. */
export function inOrder<T extends { readonly evaluation: Evaluation }>(scored: readonly T[]): T[] {
  return [...scored].sort(({ evaluation: a }, { evaluation: b }) => {
    if (a.kind !== b.kind) return place(a) - place(b);
    if (a.variant !== b.variant) return (a.variant ?? '') < (b.variant ?? '') ? -1 : 1;
    return b.labels - a.labels;
  });
}

const newest = (scored: readonly ScoredCheckpoint[]) =>
  scored.reduce<ScoredCheckpoint | undefined>((a, b) => (a && a.time > b.time ? a : b), undefined);

/** Of equally good ones the first. */
function bestOf(cells: BoardRow['cells']): number | undefined {
  const scores = cells.map((cell) => better(cell?.evaluation.comparison));
  if (scores.filter((score) => score > -Infinity).length < 2) return undefined;
  return scores.indexOf(Math.max(...scores));
}

const better = (comparison?: Comparison) =>
  comparison ? comparison.score.value * (comparison.metric === 'loss' ? -1 : 1) : -Infinity;

/** A protocol's scores and baselines along something: checkpoints, or shares of the labels. */
export interface Curve {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

export interface CurvePoint extends Comparison {
  /** The step, or the share of the labels in (0, 1]. */
  readonly at: number;
  readonly trainImages: number;
}

/** Each protocol that judged two checkpoints or more, by step. */
export function curvesByStep({ steps, rows }: Board): Curve[] {
  const curves = rows.map(({ name, cells }) => ({
    name,
    points: steps.flatMap((step, i) => pointOf(step, cells[i]?.evaluation)),
  }));
  return curves.filter(({ points }) => points.length > 1);
}

/** Each protocol that judged one checkpoint with two shares of the labels or more, by share: how few are enough. */
export function curvesByLabels({ steps, rows }: Board, step: number): Curve[] {
  const byName = new Map<string, CurvePoint[]>();
  for (const { cells } of rows) {
    const evaluation = cells[steps.indexOf(step)]?.evaluation;
    if (!evaluation || evaluation.labels <= 0) continue;
    const name = formatEvaluation({ ...evaluation, labels: 1 });
    byName.set(name, [...pointOf(evaluation.labels, evaluation), ...(byName.get(name) ?? [])]);
  }
  return [...byName].map(([name, points]) => ({ name, points })).filter(({ points }) => points.length > 1);
}

function pointOf(at: number, evaluation?: Evaluation): CurvePoint[] {
  const { comparison, trainImages = 0 } = evaluation ?? {};
  return comparison ? [{ at, trainImages, ...comparison }] : [];
}

/** Does the training still learn something? Rules on the metrics of a run, and what they have to say. */
import type { EventBody } from '../../protocol/events';
import { formatMetric, formatNumber, formatStep, metricName } from '../../protocol/format';
import { standingWarnings, type MetricSeries, type Run } from '../../protocol/run';
import type { Failing, Symptom } from '../methods/method';

export interface Lengths {
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/** What a rule says: of nothing in between, so that a metric at a threshold does not warn again and again. */
interface Verdict {
  readonly cause: string;
  readonly ill: boolean;
  readonly well: boolean;
  /** What is seen, and what to change. */
  readonly means: string;
  readonly remedy: string;
}

/** A row of metrics is of one batch; these many together are judged, and more before a warning is lifted. */
const ROWS = 8;
const ROWS_TO_LIFT = 24;
/** Steps after which nothing was learned says something, however short the training. */
const LEAST_STEPS = 200;
/** Share of all steps that a task may take before it is learned, where the method does not say otherwise. */
const PATIENCE = 0.1;
/** From some rows to the next, as a share of the threshold: a metric that gets better by this much is not stuck. */
const MOVING = 0.01;
/** Clear of a threshold by this share of it. */
const MARGIN = 0.03;

/** Spread of embeddings, 1 if even: below the first their directions are one, above the second they are not. */
const [ONE_DIRECTION, NOT_ONE] = [0.06, 0.12] as const;
/** RankMe as a share of the highest so far. */
const [FALLEN, RISEN] = [0.3, 0.4] as const;
/** RankMe that is hardly any. */
const FEW_DIMENSIONS = 1.5;

/**
 * The notices that a run is due: a warning of each cause that has come up, once for as long as it stands, and a word when
 * it is gone. What stands is read from the run's own notices, so a resumed run does not repeat itself.
 */
export function collapseNotices(run: Run, { symptoms, collapse }: Failing, lengths: Lengths): EventBody[] {
  const standing = new Set(standingWarnings(run).map(({ cause }) => cause));
  const verdicts = [
    ...symptoms.map((symptom) => judgeSymptom(run, symptom, lengths)),
    judgeSpread(run, collapse),
    judgeRank(run, collapse),
  ];
  return verdicts.flatMap((verdict): EventBody[] => {
    if (!verdict) return [];
    const { cause, ill, well, means, remedy } = verdict;
    const at = `At step ${formatStep(run.step)}`;
    if (ill && !standing.has(cause)) {
      return [{ type: 'notice', level: 'warning', cause, message: `${at} ${means}. ${capital(remedy)}.` }];
    }
    if (well && standing.has(cause)) {
      const now = formatMetric(cause, run.metrics[cause]!.values.at(-1)!);
      const message = `${at} the warning about “${metricName(cause).title}” is lifted: it is ${now} now.`;
      return [{ type: 'notice', level: 'info', cause, message }];
    }
    return [];
  });
}

/**
 * Whether the mean of the newest rows shows it, and that of the rows before as well and hardly worse: what still gets
 * better is not stuck. Nothing before the task can have been learned.
 */
function judgeSymptom({ metrics, step }: Run, symptom: Symptom, lengths: Lengths): Verdict | undefined {
  const { metric, side, threshold, means, remedy, patience = PATIENCE } = symptom;
  const series = metrics[metric];
  const soonest = Math.max(LEAST_STEPS, lengths.warmupSteps + patience * lengths.totalSteps);
  if (!series || series.values.length < 2 * ROWS || step < soonest) return undefined;
  /** How far the mean of some rows is beyond the threshold, as a share of it. */
  const beyond = (from: number, to?: number) => {
    const rows = series.values.slice(from, to);
    const mean = rows.reduce((sum, value) => sum + value, 0) / rows.length;
    return (side === 'above' ? mean - threshold : threshold - mean) / Math.abs(threshold);
  };
  const [before, now] = [beyond(-2 * ROWS, -ROWS), beyond(-ROWS)];
  const ill = before >= 0 && now >= 0 && before - now < MOVING;
  return { cause: metric, ill, well: beyond(-ROWS_TO_LIFT) < -MARGIN, means, remedy };
}

function judgeSpread({ metrics }: Run, remedy: string): Verdict | undefined {
  const now = newest(metrics['health/std']);
  if (now === undefined) return undefined;
  const means = `all images get nearly the same embedding: their spread is ${formatNumber(now)}, where 1 is even and 0 none`;
  return { cause: 'health/std', ill: now < ONE_DIRECTION, well: now > NOT_ONE, means, remedy };
}

function judgeRank({ metrics }: Run, remedy: string): Verdict | undefined {
  const series = metrics['health/rankme'];
  const now = newest(series);
  if (now === undefined) return undefined;
  const highest = series!.values.reduce((a, b) => Math.max(a, b));
  const means = `embeddings spread along few directions: their rank (RankMe) is ${formatNumber(now)}, and was ${formatNumber(highest)}`;
  const ill = now < Math.max(FEW_DIMENSIONS, FALLEN * highest);
  return { cause: 'health/rankme', ill, well: now > Math.max(2 * FEW_DIMENSIONS, RISEN * highest), means, remedy };
}

/** The first look is at fresh weights, with which nothing is wrong yet. */
const newest = (series: MetricSeries | undefined): number | undefined =>
  series && series.values.length > 1 ? series.values.at(-1) : undefined;

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

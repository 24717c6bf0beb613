import type { BaselineName, Comparison, Evaluation, EvaluationKind } from '../../protocol/events';
import { correctness, pairedBootstrap } from './bootstrap';

export interface ReportInput {
  readonly kind: EvaluationKind;
  readonly variant?: string;
  readonly protocol: string;
  readonly share: number;
  readonly trainImages: number;
  readonly classes: readonly string[];
  readonly testLabels: Int32Array;
  readonly predictions: Int32Array;
  readonly baseline: { readonly name: BaselineName; readonly predictions: Int32Array };
  readonly seed: number;
  readonly measures?: Evaluation['measures'];
  /** `performance.now()` when the row was begun. */
  readonly startedAt: number;
}

/** One row of the report: both classifiers' predictions on the test images, scored and paired. */
export function report(input: ReportInput): Evaluation {
  const { kind, variant, protocol, share, trainImages, classes, testLabels, predictions, baseline, seed } = input;
  const right = correctness(predictions, testLabels);
  const baselineRight = correctness(baseline.predictions, testLabels);
  return {
    kind,
    ...(variant && { variant }),
    protocol,
    labels: share,
    trainImages,
    testImages: testLabels.length,
    classes: classes.length,
    comparison: compare('accuracy', right, { name: baseline.name, values: baselineRight }, seed),
    ...(input.measures && { measures: input.measures }),
    seconds: (performance.now() - input.startedAt) / 1000,
  };
}

/** A figure per test image of the checkpoint and of its baseline, averaged and paired. */
export function compare(
  metric: Comparison['metric'],
  values: ArrayLike<number>,
  baseline: { readonly name: BaselineName; readonly values: ArrayLike<number> },
  seed: number,
): Comparison {
  const paired = pairedBootstrap(values, baseline.values, seed);
  const { value, interval } = paired.difference;
  const [low, high] = interval;
  return {
    metric,
    score: paired.score,
    baseline: { ...paired.baseline, name: baseline.name },
    gain: metric === 'accuracy' ? { value, interval } : { value: -value, interval: [-high, -low] },
  };
}

/** 0.01 -> "1% of the labels". */
export function labelBudget(share: number, images: number): string {
  const percent = Number((share * 100).toPrecision(3));
  return `${share === 1 ? 'all' : `${percent}% of the`} labels (${images} images)`;
}

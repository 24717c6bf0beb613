import type { Evaluation, EvaluationKind } from '../../protocol/events';
import { correctness, pairedBootstrap } from './bootstrap';

export interface ReportInput {
  readonly kind: EvaluationKind;
  readonly protocol: string;
  readonly share: number;
  readonly trainImages: number;
  readonly classes: readonly string[];
  readonly testLabels: Int32Array;
  readonly predictions: Int32Array;
  readonly baseline: { readonly name: Evaluation['baseline']['name']; readonly predictions: Int32Array };
  readonly seed: number;
  readonly measures?: Evaluation['measures'];
  /** `performance.now()` when the row was begun. */
  readonly startedAt: number;
}

/** One row of the report: both classifiers' predictions on the test images, scored and paired. */
export function report(input: ReportInput): Evaluation {
  const { kind, protocol, share, trainImages, classes, testLabels, predictions, baseline, seed } = input;
  const scores = pairedBootstrap(
    correctness(predictions, testLabels),
    correctness(baseline.predictions, testLabels),
    seed,
  );
  return {
    kind,
    protocol,
    labels: share,
    trainImages,
    testImages: testLabels.length,
    classes: classes.length,
    score: scores.score,
    baseline: { ...scores.baseline, name: baseline.name },
    gain: scores.gain,
    ...(input.measures && { measures: input.measures }),
    seconds: (performance.now() - input.startedAt) / 1000,
  };
}

/** 0.01 -> "1% of the labels". */
export function labelBudget(share: number, images: number): string {
  const percent = Number((share * 100).toPrecision(3));
  return `${share === 1 ? 'all' : `${percent}% of the`} labels (${images} images)`;
}

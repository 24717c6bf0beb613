import type { Evaluation, RobustnessFile } from '../../protocol/events';
import type { Engine } from '../engine/types';
import { correctness, mean } from './bootstrap';
import { checkTrainingLabels } from './labels';
import { fitProbe, optimizerOf, type ProbeOptions } from './linear-probe';
import { argmaxRows, probeLogits } from './probe-classifier';
import { compare, report } from './report';
import type { Embeddings } from './types';

/** What there is of the pretrained encoder and of its baseline, the random-init one. */
export interface Both<T> {
  readonly pretrained: T;
  readonly randomInit: T;
}

/** Tells the classes of embeddings: a linear classifier that never saw a corrupted image. */
export type Classify = (embeddings: Embeddings, signal?: AbortSignal) => Promise<Int32Array>;

/**
 * Fits a linear classifier on each encoder's embeddings of the clean training images, as the linear probe does.
 *
 * @param labels of the training images.
 */
export async function fitClassifiers(
  engine: Engine,
  { classes, labels, train }: { classes: readonly string[]; labels: Int32Array; train: Both<Embeddings> },
  options: Omit<ProbeOptions, 'labels' | 'layers' | 'hidden'>,
  { onProgress, signal }: { readonly onProgress?: (done: number) => void; readonly signal?: AbortSignal } = {},
): Promise<Both<Classify> & { readonly protocol: string }> {
  checkTrainingLabels(labels, train.pretrained.size, classes);
  const fit = async (embeddings: Embeddings, turn: 0 | 1) => {
    const linear = { ...options, hidden: [] };
    const { learningRate, classifier } = await fitProbe(engine, { embeddings, labels }, classes.length, linear, {
      onProgress: (done) => onProgress?.((turn + done) / 2),
      signal,
    });
    const classify: Classify = async (seen, signal) =>
      argmaxRows(await probeLogits(engine, classifier, seen, signal), classes.length);
    return { learningRate, classify };
  };
  const pretrained = await fit(train.pretrained, 0);
  const randomInit = await fit(train.randomInit, 1);
  const [rate, baselineRate] = [pretrained.learningRate, randomInit.learningRate];
  const rates = rate === baselineRate ? `lr ${rate}` : `lr ${rate} (baseline ${baselineRate})`;
  const protocol = `linear on batch-normed frozen embeddings of clean images, ${rates}, ${optimizerOf(options)}, ${options.epochs} epochs`;
  return { pretrained: pretrained.classify, randomInit: randomInit.classify, protocol };
}

export interface RobustnessInput {
  readonly classes: readonly string[];
  /** Of the test images, as all predictions are. */
  readonly labels: Int32Array;
  readonly trainImages: number;
  /** What is predicted for the images as they are. */
  readonly clean: Both<Int32Array>;
  /** And at each severity, in their order. */
  readonly corruptions: readonly (Pick<RobustnessFile['corruptions'][number], 'name' | 'group'> & {
    readonly predictions: readonly Both<Int32Array>[];
  })[];
  readonly protocol: string;
  readonly seed: number;
  /** `performance.now()` when it was begun. */
  readonly startedAt: number;
}

export interface RobustnessResult extends Pick<RobustnessFile, 'clean' | 'corruptions'> {
  readonly evaluation: Evaluation;
}

/**
 * Accuracy under corruptions (Hendrycks & Dietterich 2019): the mean over all corrupted sets, beside that of a random-init
 * encoder. The bootstrap resamples images, each with all that was done to it. The mean corruption error is the
 * plain mean error, as for CIFAR-10-C; mCE is Hendrycks's, relative to the random-init encoder instead of AlexNet: of each
 * corruption the sum of errors over the severities, divided by the baseline's, then the mean over corruptions.
 */
export function robustnessEvaluation(input: RobustnessInput): RobustnessResult {
  const { classes, labels, trainImages, clean, seed } = input;
  const accuracy = (predictions: Int32Array) => mean(correctness(predictions, labels));
  const corruptions = input.corruptions.map(({ name, group, predictions }) => ({
    name,
    group,
    scores: predictions.map(({ pretrained }) => accuracy(pretrained)),
    baselines: predictions.map(({ randomInit }) => accuracy(randomInit)),
  }));
  const comparison = compare(
    'accuracy',
    shareRight(input, 'pretrained'),
    { name: 'random init', values: shareRight(input, 'randomInit') },
    seed,
  );
  const cleanAccuracy = { score: accuracy(clean.pretrained), baseline: accuracy(clean.randomInit) };
  const mce = relativeError(corruptions);
  return {
    clean: cleanAccuracy,
    corruptions,
    evaluation: {
      kind: 'robustness',
      protocol: input.protocol,
      labels: 1,
      trainImages,
      testImages: labels.length,
      classes: classes.length,
      comparison,
      measures: {
        clean_accuracy: cleanAccuracy,
        corruption_error: { score: 1 - comparison.score.value, baseline: 1 - comparison.baseline.value },
        ...(mce !== undefined && { mce: { score: mce, baseline: 1 } }),
      },
      seconds: (performance.now() - input.startedAt) / 1000,
    },
  };
}

/** Of each image, how often it was told right. */
function shareRight({ labels, corruptions }: RobustnessInput, encoder: keyof Both<unknown>): Float64Array {
  const sets = corruptions.flatMap(({ predictions }) => predictions.map((both) => both[encoder]));
  return Float64Array.from(labels, (label, i) => mean(sets.map((told) => (told[i] === label ? 1 : 0))));
}

/** mCE; undefined where the baseline makes no error under a corruption, and none can be relative to it. */
function relativeError(corruptions: RobustnessResult['corruptions']): number | undefined {
  const errors = (accuracies: readonly number[]) => accuracies.reduce((sum, accuracy) => sum + 1 - accuracy, 0);
  const ratios = corruptions.map(({ scores, baselines }) => errors(scores) / errors(baselines));
  return ratios.every(Number.isFinite) ? mean(ratios) : undefined;
}

/** Accuracy of the same classifiers on another data set with the same classes. */
export function shiftEvaluation(
  input: Pick<RobustnessInput, 'classes' | 'labels' | 'trainImages' | 'protocol' | 'seed' | 'startedAt'> & {
    readonly name: string;
    readonly predictions: Both<Int32Array>;
  },
): Evaluation {
  const { name, labels, predictions, ...rest } = input;
  return report({
    ...rest,
    kind: 'robustness',
    variant: `shift to ${name}`,
    share: 1,
    testLabels: labels,
    predictions: predictions.pretrained,
    baseline: { name: 'random init', predictions: predictions.randomInit },
  });
}

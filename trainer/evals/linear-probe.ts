import type { ProbeConfig } from '../../protocol/config';
import type { Evaluation } from '../../protocol/events';
import type { Engine } from '../engine/types';
import { checkLabels, checkTrainingLabels } from './labels';
import { argmaxRows, linearLogits, trainLinear, type LinearClassifier } from './linear-classifier';
import { labelBudget, report } from './report';
import { rowsOf, stratifiedSplit, stratifiedSubset, take } from './subset';
import type { Embeddings, FrozenFeatures, LabelledEmbeddings, TrainAndTest, Watch } from './types';

export type ProbeOptions = Pick<ProbeConfig, 'labels' | 'epochs' | 'batchSize' | 'learningRates'> & {
  readonly seed: number;
};

const HELD_OUT = 0.2;

/**
 * Linear probe of the frozen encoder with each share of the training labels, beside a random-init encoder's.
 * As in MAE's protocol a batch norm without affine parameters precedes the linear layer; its statistics are
 * those of all the labelled training embeddings, which are at hand because they are cached. Yields a row as each
 * share is done; what cannot be is refused before the first.
 */
export async function* probeEvaluation(
  engine: Engine,
  features: FrozenFeatures,
  options: ProbeOptions,
  { onProgress, signal }: Watch = {},
): AsyncGenerator<Evaluation, void> {
  const { classes, labels, pretrained, randomInit } = features;
  checkTrainingLabels(labels.train, pretrained.train.size, classes);
  checkLabels(labels.test, pretrained.test.size, classes, 'test');
  const { seed } = options;
  const subsets = options.labels.map((share) => stratifiedSubset(labels.train, share, seed));
  // Before the first minute of work, not after it.
  if (options.learningRates.length > 1) for (const subset of subsets) holdOut(take(labels.train, subset), seed);

  for (const [i, subset] of subsets.entries()) {
    const startedAt = performance.now();
    const share = options.labels[i]!;
    const budget = labelBudget(share, subset.length);
    const judge = async ({ train, test }: TrainAndTest<Embeddings>, turn: 0 | 1) => {
      const labelled = rowsOf({ embeddings: train, labels: labels.train }, subset);
      const message = `${turn === 0 ? 'linear probe' : 'linear probe of a random-init encoder'}, ${budget}`;
      const { learningRate, classifier } = await fitProbe(engine, labelled, classes.length, options, {
        onProgress: (done) => onProgress?.((i + (turn + done) / 2) / subsets.length, message),
        signal,
      });
      const predictions = argmaxRows(await linearLogits(classifier, test, signal), classes.length);
      return { learningRate, predictions };
    };
    const probe = await judge(pretrained, 0);
    const baseline = await judge(randomInit, 1);
    yield report({
      kind: 'probe',
      protocol: describe(options, probe.learningRate, baseline.learningRate),
      share,
      trainImages: subset.length,
      classes,
      testLabels: labels.test,
      predictions: probe.predictions,
      baseline: { name: 'random init', predictions: baseline.predictions },
      seed,
      startedAt,
    });
  }
}

/**
 * Chooses the learning rate on a stratified fifth of `train` that is held out, then fits all of `train` with it.
 * A single learning rate is taken as it is. Test images are no argument: nothing here can look at them.
 */
export async function fitProbe(
  engine: Engine,
  train: LabelledEmbeddings,
  classes: number,
  { learningRates, epochs, batchSize, seed }: Omit<ProbeOptions, 'labels'>,
  { onProgress, signal }: { readonly onProgress?: (done: number) => void; readonly signal?: AbortSignal } = {},
): Promise<{ readonly learningRate: number; readonly classifier: LinearClassifier }> {
  const options = { classes, epochs, batchSize, seed };
  let learningRate = learningRates[0]!;
  if (learningRates.length > 1) {
    const { fit, heldOut } = holdOut(train.labels, seed);
    const watch = { onProgress: (done: number) => onProgress?.(done / 2), signal };
    const candidates = await trainLinear(engine, rowsOf(train, fit), { ...options, learningRates }, watch);
    learningRate = learningRates[await bestOn(rowsOf(train, heldOut), candidates, signal)]!;
  }
  const swept = learningRates.length > 1 ? 0.5 : 0;
  const watch = { onProgress: (done: number) => onProgress?.(swept + (1 - swept) * done), signal };
  const [classifier] = await trainLinear(engine, train, { ...options, learningRates: [learningRate] }, watch);
  return { learningRate, classifier: classifier! };
}

/** The candidate with the best accuracy, of equal ones that with the least cross entropy. */
async function bestOn(
  { embeddings, labels }: LabelledEmbeddings,
  candidates: readonly LinearClassifier[],
  signal?: AbortSignal,
): Promise<number> {
  let best = { index: 0, right: -1, loss: Infinity };
  for (const [index, candidate] of candidates.entries()) {
    const classes = candidate.bias.length;
    const logits = await linearLogits(candidate, embeddings, signal);
    const right = argmaxRows(logits, classes).filter((label, i) => label === labels[i]).length;
    let loss = 0;
    labels.forEach((label, i) => {
      const row = logits.subarray(i * classes, (i + 1) * classes);
      const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
      loss += largest + Math.log(row.reduce((total, z) => total + Math.exp(z - largest), 0)) - row[label]!;
    });
    if (right > best.right || (right === best.right && loss < best.loss)) best = { index, right, loss };
  }
  return best.index;
}

function holdOut(labels: Int32Array, seed: number) {
  const split = stratifiedSplit(labels, HELD_OUT, seed);
  if (split.heldOut.length === 0) {
    throw new Error(
      `${labels.length} labelled images, one per class, leave none to choose a learning rate on: raise \`probe.labels\`, or give a single value in \`probe.learningRates\`.`,
    );
  }
  return split;
}

function describe({ epochs, learningRates }: ProbeOptions, rate: number, baselineRate: number): string {
  const rates = rate === baselineRate ? `lr ${rate}` : `lr ${rate} (baseline ${baselineRate})`;
  const chosen = learningRates.length > 1 ? `${rates} chosen on a held-out fifth of train` : rates;
  return `linear on batch-normed frozen embeddings, ${chosen}, SGD, ${epochs} epochs`;
}

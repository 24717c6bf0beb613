import type { ProbeConfig } from '../../protocol/config';
import type { Evaluation } from '../../protocol/events';
import type { Engine } from '../engine/types';
import { contingency } from './agreement';
import { checkLabels, checkShares, checkTrainingLabels } from './labels';
import { argmaxRows, probeLogits, trainProbes, type ProbeClassifier } from './probe-classifier';
import { labelBudget, report } from './report';
import { rowsOf, stratifiedSplit, stratifiedSubset, take } from './subset';
import type { Features, FrozenFeatures, LabelledEmbeddings, Watch } from './types';

export type ProbeOptions = Pick<
  ProbeConfig,
  'labels' | 'protocol' | 'layers' | 'hidden' | 'epochs' | 'batchSize' | 'learningRates'
> & { readonly seed: number };

/** Labelled training images, embedded as they are and, where a protocol trains on augmented views, as those. */
export interface ProbeImages extends LabelledEmbeddings {
  readonly views?: Features['views'];
}

export interface ProbeResult {
  readonly evaluation: Evaluation;
  /** Test images by class and by the probe's answer, [classes, classes] row by row; the same of the baseline. */
  readonly confusion: readonly number[];
  readonly baselineConfusion: readonly number[];
}

const HELD_OUT = 0.2;
/** MAE's warmup takes 10 of 90 epochs. */
const MAE_WARMUP = 1 / 9;

/**
 * Linear probe of the frozen encoder with each share of the training labels, beside a random-init encoder's, and with
 * `hidden` widths an MLP's as well. As in MAE's protocol (He et al. 2021, appendix A.1) a batch norm without affine
 * parameters precedes the first layer; its statistics are those of all the labelled training embeddings, which are at hand
 * because they are cached. The rest of that protocol, LARS with warmup on augmented views, is `protocol: 'mae'`. Yields a
 * row as each is done; what cannot be is refused before the first.
 */
export async function* probeEvaluation(
  engine: Engine,
  features: FrozenFeatures,
  options: ProbeOptions,
  { onProgress, signal }: Watch = {},
): AsyncGenerator<ProbeResult, void> {
  const { classes, labels, pretrained, randomInit } = features;
  checkTrainingLabels(labels.train, pretrained.train.size, classes);
  checkShares(labels.train, options.labels, classes);
  checkLabels(labels.test, pretrained.test.size, classes, 'test');
  const { seed } = options;
  const subsets = options.labels.map((share) => stratifiedSubset(labels.train, share, seed));
  // Before the first minute of work, not after it.
  if (options.learningRates.length > 1) for (const subset of subsets) holdOut(take(labels.train, subset), seed);

  const heads = options.hidden.length > 0 ? [[], options.hidden] : [[]];
  const confusion = (answers: Int32Array) =>
    Array.from(contingency(labels.test, answers, classes.length, classes.length).counts);
  const turns = subsets.length * heads.length * 2;
  let turn = 0;
  for (const [i, subset] of subsets.entries()) {
    const share = options.labels[i]!;
    const budget = labelBudget(share, subset.length);
    for (const hidden of heads) {
      const startedAt = performance.now();
      const what = hidden.length > 0 ? 'MLP probe' : 'linear probe';
      const judge = async (encoder: Features, message: string) => {
        const images = imagesOf({ embeddings: encoder.train, labels: labels.train, views: encoder.views }, subset);
        const recipe = { ...options, hidden };
        const { learningRate, classifier } = await fitProbe(engine, images, classes.length, recipe, {
          onProgress: (done) => onProgress?.((turn + done) / turns, `${message}, ${budget}`),
          signal,
        });
        turn++;
        const logits = await probeLogits(engine, classifier, encoder.test, signal);
        return { learningRate, predictions: argmaxRows(logits, classes.length) };
      };
      const probe = await judge(pretrained, what);
      const baseline = await judge(randomInit, `${what} of a random-init encoder`);
      const evaluation = report({
        kind: 'probe',
        variant: variantOf({ ...options, hidden }),
        protocol: describe(
          { ...options, hidden },
          pretrained.views?.length ?? 0,
          probe.learningRate,
          baseline.learningRate,
        ),
        share,
        trainImages: subset.length,
        classes,
        testLabels: labels.test,
        predictions: probe.predictions,
        baseline: { name: 'random init', predictions: baseline.predictions },
        seed,
        startedAt,
      });
      yield {
        evaluation,
        confusion: confusion(probe.predictions),
        baselineConfusion: confusion(baseline.predictions),
      };
    }
  }
}

/**
 * Chooses the learning rate on a stratified fifth of `train` that is held out, then fits all of `train` with it.
 * A single learning rate is taken as it is. Test images are no argument: nothing here can look at them.
 */
export async function fitProbe(
  engine: Engine,
  train: ProbeImages,
  classes: number,
  { protocol, hidden, learningRates, epochs, batchSize, seed }: Omit<ProbeOptions, 'labels' | 'layers'>,
  { onProgress, signal }: { readonly onProgress?: (done: number) => void; readonly signal?: AbortSignal } = {},
): Promise<{ readonly learningRate: number; readonly classifier: ProbeClassifier }> {
  const recipe = {
    ...{ classes, hidden, epochs, batchSize, seed },
    ...(protocol === 'mae'
      ? ({ optimizer: 'lars', warmup: MAE_WARMUP } as const)
      : ({ optimizer: 'sgd', warmup: 0 } as const)),
  };
  const fitted = (images: ProbeImages, learningRates: readonly number[], told?: (done: number) => void) => {
    const { embeddings, labels, views = [embeddings] } = images;
    return trainProbes(engine, { views, labels }, { ...recipe, learningRates }, { onProgress: told, signal });
  };
  let learningRate = learningRates[0]!;
  if (learningRates.length > 1) {
    const { fit, heldOut } = holdOut(train.labels, seed);
    const images = imagesOf(train, fit);
    // Linear ones together; the hidden layers of several MLPs do not stay in the cache, and they take longer so.
    const turns = hidden.length > 0 ? learningRates.map((rate) => [rate]) : [learningRates];
    const candidates: ProbeClassifier[] = [];
    for (const [i, rates] of turns.entries()) {
      const told = (done: number) => onProgress?.((i + done) / turns.length / 2);
      candidates.push(...(await fitted(images, rates, told)));
    }
    learningRate = learningRates[await bestOn(engine, rowsOf(train, heldOut), candidates, signal)]!;
  }
  const swept = learningRates.length > 1 ? 0.5 : 0;
  const [classifier] = await fitted(train, [learningRate], (done) => onProgress?.(swept + (1 - swept) * done));
  return { learningRate, classifier: classifier! };
}

function imagesOf({ views, ...images }: ProbeImages, indices: Int32Array): ProbeImages {
  const { labels } = images;
  const rows = views?.map((embeddings) => rowsOf({ embeddings, labels }, indices).embeddings);
  return { ...rowsOf(images, indices), ...(rows && { views: rows }) };
}

/** The candidate with the best accuracy, of equal ones that with the least cross entropy. */
async function bestOn(
  engine: Engine,
  { embeddings, labels }: LabelledEmbeddings,
  candidates: readonly ProbeClassifier[],
  signal?: AbortSignal,
): Promise<number> {
  let best = { index: 0, right: -1, loss: Infinity };
  for (const [index, candidate] of candidates.entries()) {
    const logits = await probeLogits(engine, candidate, embeddings, signal);
    const classes = logits.length / labels.length;
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

/** In words. */
export const optimizerOf = ({ protocol }: Pick<ProbeOptions, 'protocol'>) =>
  protocol === 'mae' ? 'LARS with warmup over a ninth of the steps' : 'SGD';

/** What sets a row apart from the linear probe of the embedding, as it is by default. */
function variantOf({ protocol, layers, hidden }: ProbeOptions): string {
  return [
    ...(protocol === 'linear' ? [] : [`${protocol === 'mae' ? 'MAE' : 'DINO'} protocol`]),
    ...(layers > 1 ? [`last ${layers} blocks`] : []),
    ...(hidden.length > 0 ? [`MLP head ${hidden.join(', ')}`] : []),
  ].join(', ');
}

function describe(
  { protocol, layers, hidden, epochs, learningRates }: ProbeOptions,
  views: number,
  rate: number,
  baselineRate: number,
): string {
  const rates = rate === baselineRate ? `lr ${rate}` : `lr ${rate} (baseline ${baselineRate})`;
  return [
    `${hidden.length > 0 ? `MLP with ${hidden.join(', ')} hidden units` : 'linear'} on batch-normed frozen embeddings`,
    ...(layers > 1 ? [`the features of the last ${layers} blocks side by side`] : []),
    learningRates.length > 1 ? `${rates} chosen on a held-out fifth of train` : rates,
    optimizerOf({ protocol }),
    `${epochs} epochs`,
    ...(views > 0 ? [`${views} augmented views of each image (crop, flip), embedded once, one an epoch in turn`] : []),
  ].join(', ');
}

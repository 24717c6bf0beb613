import { matMul } from '@tensorflow/tfjs-core';
import { knnSettings, type ProbeConfig } from '../../protocol/config';
import type { Evaluation } from '../../protocol/events';
import type { Engine } from '../engine/types';
import { unitRows } from './distances';
import { checkLabels, checkShares, checkTrainingLabels } from './labels';
import { createPace } from './pace';
import { labelBudget, report } from './report';
import { rowsOf, stratifiedSubset } from './subset';
import type { Embeddings, FrozenFeatures, LabelledEmbeddings, Watch } from './types';

/** How many neighbours vote, and the temperature of their votes, exp(cosine similarity / temperature). */
export type KnnOptions = Pick<ProbeConfig, 'k' | 'temperature'>;

/**
 * Weighted k-nearest-neighbour classification (Wu et al. 2018; by default k 20 and temperature 0.07 as in DINO) with
 * each share of the training labels, beside a random-init encoder. Yields a row as each share is done; what cannot
 * be is refused before the first.
 */
export async function* knnEvaluation(
  engine: Engine,
  features: FrozenFeatures,
  options: KnnOptions & { readonly labels: readonly number[]; readonly seed: number },
  watch: Watch = {},
): AsyncGenerator<Evaluation, void> {
  const { classes, labels, pretrained, randomInit } = features;
  checkTrainingLabels(labels.train, pretrained.train.size, classes);
  checkShares(labels.train, options.labels, classes);
  checkLabels(labels.test, pretrained.test.size, classes, 'test');
  const subsets = options.labels.map((share) => stratifiedSubset(labels.train, share, options.seed));
  for (const subset of subsets) checkNeighbours(options.k, subset.length);

  for (const [i, subset] of subsets.entries()) {
    const startedAt = performance.now();
    const share = options.labels[i]!;
    watch.onProgress?.(i / subsets.length, `kNN with ${labelBudget(share, subset.length)}`);
    const predict = ({ train, test }: FrozenFeatures['pretrained']) =>
      knnPredict(
        engine,
        rowsOf({ embeddings: train, labels: labels.train }, subset),
        test,
        { ...options, classes: classes.length },
        watch,
      );
    const predictions = await predict(pretrained);
    const baseline = { name: 'random init' as const, predictions: await predict(randomInit) };
    const protocol = `kNN, k ${options.k}, cosine similarity of the last block's embedding, temperature ${options.temperature}`;
    const { seed } = options;
    const trainImages = subset.length;
    yield report({
      kind: 'knn',
      variant: variantOf(options),
      protocol,
      share,
      trainImages,
      classes,
      testLabels: labels.test,
      predictions,
      baseline,
      seed,
      startedAt,
    });
  }
}

/** What sets a row apart from one by DINO's settings, the default. */
function variantOf({ k, temperature }: KnnOptions): string {
  const isAs = (name: keyof typeof knnSettings) =>
    k === knnSettings[name].k && temperature === knnSettings[name].temperature;
  if (isAs('dino')) return '';
  return isAs('instdisc') ? 'InstDisc' : `k ${k}, temperature ${temperature}`;
}

/**
 * The label that the k nearest training images vote for, per test image. A tie goes to the smaller label.
 * Similarities are computed by the engine in blocks, [test block, train], and ranked here.
 */
export async function knnPredict(
  engine: Engine,
  train: LabelledEmbeddings,
  test: Embeddings,
  { k, temperature, classes }: KnnOptions & { readonly classes: number },
  { signal }: Pick<Watch, 'signal'> = {},
): Promise<Int32Array> {
  const { size, width } = train.embeddings;
  checkNeighbours(k, size);
  const block = Math.min(test.size, 256);
  const state = engine.upload({ train: { shape: [size, width], dtype: 'float32', data: unitRows(train.embeddings) } });
  const program = await engine.compile(
    ({ train }, { test }) => ({ outputs: { similarity: matMul(test!, train!, false, true) } }), // [block, size]
    { state: state.specs, inputs: { test: { shape: [block, width], dtype: 'float32' } } },
  );
  try {
    const pace = createPace(signal);
    const units = unitRows(test);
    const padded = new Float32Array(block * width);
    const predictions = new Int32Array(test.size);
    for (let start = 0; start < test.size; start += block) {
      const count = Math.min(block, test.size - start);
      padded.set(units.subarray(start * width, (start + count) * width));
      const { similarity } = await program.run(state, { test: padded });
      for (let i = 0; i < count; i++) {
        const row = similarity!.data.subarray(i * size, (i + 1) * size);
        predictions[start + i] = vote(mostSimilar(row, k), train.labels, { k, temperature, classes });
      }
      await pace();
    }
    return predictions;
  } finally {
    program.dispose();
    state.dispose();
  }
}

export interface Nearest {
  /** The most similar first; equal ones in the order of the training set. */
  readonly rows: Int32Array;
  readonly similarities: Float64Array;
}

/** The `count` most similar of a row of similarities. */
export function mostSimilar(similarity: ArrayLike<number>, count: number): Nearest {
  const rows = new Int32Array(count);
  const similarities = new Float64Array(count).fill(-Infinity);
  for (let j = 0; j < similarity.length; j++) {
    const s = similarity[j]!;
    if (!(s > similarities[count - 1]!)) continue;
    let at = count - 1;
    for (; at > 0 && s > similarities[at - 1]!; at--) {
      similarities[at] = similarities[at - 1]!;
      rows[at] = rows[at - 1]!;
    }
    similarities[at] = s;
    rows[at] = j;
  }
  return { rows, similarities };
}

/** The label that the `k` nearest vote for. */
export function vote(
  { rows, similarities }: Nearest,
  labels: Int32Array,
  { k, temperature, classes }: KnnOptions & { readonly classes: number },
): number {
  // Relative to the best similarity, so that no temperature overflows the exponential.
  const votes = new Float64Array(classes);
  for (let n = 0; n < k; n++) {
    votes[labels[rows[n]!]!]! += Math.exp((similarities[n]! - similarities[0]!) / temperature);
  }
  return votes.indexOf(Math.max(...votes));
}

export function checkNeighbours(k: number, images: number) {
  if (k > images) {
    throw new Error(
      `\`probe.k\` asks for ${k} neighbours, but there are ${images} labelled training images: set \`probe.k\` to at most ${images}, or raise \`probe.labels\`.`,
    );
  }
}

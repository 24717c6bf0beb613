import { random } from '../random/random';
import { unitRows, type Points } from './distances';
import { checkNeighbours, mostSimilar, vote, type KnnOptions } from './knn';
import { rowsOf, stratifiedSubset } from './subset';
import type { FrozenFeatures } from './types';

/** A test image and what lies nearest to it. */
export interface NearestImages {
  /** Index in the test set. */
  readonly image: number;
  /** The label that all `k` neighbours vote for, not only those that are named here. */
  readonly guess: number;
  /** The most similar training images first; `image` is an index in the training set, `similarity` a cosine. */
  readonly neighbours: readonly { readonly image: number; readonly similarity: number }[];
}

export interface NearestOptions extends KnnOptions {
  /** Share of the training labels that may vote; with the same seed those of `knnEvaluation`. */
  readonly share: number;
  readonly seed: number;
  /** How many test images, a seeded choice, and how many neighbours to name of each. */
  readonly images: number;
  readonly shown: number;
}

/** What the votes of `knnEvaluation` look like: a few test images with the training images nearest to them. */
export function nearestImages(
  { classes, labels, pretrained }: Omit<FrozenFeatures, 'randomInit'>,
  { share, seed, k, temperature, images, shown }: NearestOptions,
): NearestImages[] {
  const subset = stratifiedSubset(labels.train, share, seed);
  checkNeighbours(k, subset.length);
  const { embeddings, labels: known } = rowsOf({ embeddings: pretrained.train, labels: labels.train }, subset);
  const train = { ...embeddings, values: unitRows(embeddings) };
  const test = { ...pretrained.test, values: unitRows(pretrained.test) };
  const chosen = random(seed, 'nearest images').permutation(test.size).slice(0, images).sort();
  return Array.from(chosen, (image): NearestImages => {
    const nearest = mostSimilar(similarities(test, image, train), Math.max(k, Math.min(shown, train.size)));
    const neighbours = Array.from(nearest.rows.subarray(0, shown), (row, n) => ({
      image: subset[row]!,
      similarity: nearest.similarities[n]!,
    }));
    return { image, guess: vote(nearest, known, { k, temperature, classes: classes.length }), neighbours };
  });
}

/** Dot products of row `i` of `a` with every row of `b`. */
function similarities(a: Points, i: number, b: Points): Float32Array {
  const { width } = a;
  const all = new Float32Array(b.size);
  for (let j = 0; j < b.size; j++) {
    let sum = 0;
    for (let d = 0; d < width; d++) sum += a.values[i * width + d]! * b.values[j * width + d]!;
    all[j] = sum;
  }
  return all;
}

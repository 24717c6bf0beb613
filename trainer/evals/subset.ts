import { random } from '../random/random';
import type { LabelledEmbeddings } from './types';

/** At most `most` of `size` rows, a seeded choice, ascending. With the same seed and name more of them contain fewer. */
export function choose(size: number, most: number, seed: number, what: string): Int32Array {
  if (size <= most) return Int32Array.from({ length: size }, (_, i) => i);
  return random(seed, what).permutation(size).slice(0, most).sort();
}

/**
 * Which images a label budget buys: round(share * n) of each class (see `checkShares`), a seeded choice, in ascending order. With the same seed a larger share contains the smaller one.
 */
export function stratifiedSubset(labels: Int32Array, share: number, seed: number): Int32Array {
  const chosen: number[] = [];
  for (const [label, members] of membersOf(labels)) {
    const count = Math.round(share * members.length);
    const order = random(seed, 'label subset', label).permutation(members.length);
    for (const at of order.subarray(0, count)) chosen.push(members[at]!);
  }
  return Int32Array.from(chosen).sort();
}

/**
 * Splits images into `fit` and `heldOut`, `share` of each class held out: at least one image where a class
 * has two or more, none where it has one, so that `fit` shows every class. Ascending positions in `labels`.
 */
export function stratifiedSplit(
  labels: Int32Array,
  share: number,
  seed: number,
): { readonly fit: Int32Array; readonly heldOut: Int32Array } {
  const fit: number[] = [];
  const heldOut: number[] = [];
  for (const [label, members] of membersOf(labels)) {
    const count = Math.min(members.length - 1, Math.max(1, Math.round(share * members.length)));
    const order = random(seed, 'held-out split', label).permutation(members.length);
    order.forEach((at, i) => (i < count ? heldOut : fit).push(members[at]!));
  }
  return { fit: Int32Array.from(fit).sort(), heldOut: Int32Array.from(heldOut).sort() };
}

/** The rows of `values` [n, width] that `indices` names. */
export function takeRows(values: Float32Array, width: number, indices: Int32Array): Float32Array {
  const rows = new Float32Array(indices.length * width);
  indices.forEach((row, i) => rows.set(values.subarray(row * width, (row + 1) * width), i * width));
  return rows;
}

export function take(values: Int32Array, indices: Int32Array): Int32Array {
  return indices.map((i) => values[i]!);
}

export function rowsOf({ embeddings, labels }: LabelledEmbeddings, indices: Int32Array): LabelledEmbeddings {
  const { values, width } = embeddings;
  const size = indices.length;
  return { embeddings: { values: takeRows(values, width, indices), size, width }, labels: take(labels, indices) };
}

function membersOf(labels: Int32Array): Map<number, number[]> {
  const members = new Map<number, number[]>();
  labels.forEach((label, i) => {
    const list = members.get(label);
    if (list) list.push(i);
    else members.set(label, [i]);
  });
  return members;
}

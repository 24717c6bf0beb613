/** Orders of a jigsaw's tiles that are easy to tell apart. */
import { orderCount } from '../../protocol/config';
import { random } from '../random/random';

/**
 * `count` orders of 0 .. tiles - 1, [count, tiles] row by row, each as far as any can be from the nearest of those before
 * it, in Hamming distance; ties are broken by the seed. The greedy choice of Noroozi and Favaro 2016 (algorithm 1), who
 * take the mean distance. At most tiles! orders exist.
 */
export function distantPermutations(tiles: number, count: number, seed: number): Uint8Array {
  const ranks = random(seed, 'permutations', tiles).permutation(orderCount(tiles));
  if (count > ranks.length) throw new Error(`${tiles} tiles have ${ranks.length} orders, fewer than ${count}`);
  const candidates = new Uint8Array(ranks.length * tiles);
  ranks.forEach((rank, i) => writeOrder(rank, candidates.subarray(i * tiles, (i + 1) * tiles)));

  const chosen = new Uint8Array(count * tiles);
  let length = 0;
  // An order that is too near stays so while more are chosen: one pass for each distance finds all that have it.
  for (let distance = tiles; length < chosen.length; distance--) {
    for (let at = 0; at < candidates.length && length < chosen.length; at += tiles) {
      if (!isApart(candidates, at, chosen, length, tiles, distance)) continue;
      chosen.set(candidates.subarray(at, at + tiles), length);
      length += tiles;
    }
  }
  return chosen;
}

/** The order of this rank: the exchanges of a Fisher-Yates shuffle are the digits of its rank. */
function writeOrder(rank: number, order: Uint8Array): void {
  order.forEach((_, i) => (order[i] = i));
  for (let i = order.length - 1; i > 0; i--) {
    const j = rank % (i + 1);
    rank = Math.floor(rank / (i + 1));
    const swapped = order[i]!;
    order[i] = order[j]!;
    order[j] = swapped;
  }
}

/** Whether the candidate at `at` differs from each of the chosen before `length` at `distance` places or more. */
function isApart(
  candidates: Uint8Array,
  at: number,
  chosen: Uint8Array,
  length: number,
  tiles: number,
  distance: number,
): boolean {
  for (let start = 0; start < length; start += tiles) {
    let same = 0;
    for (let i = 0; i < tiles; i++) if (candidates[at + i] === chosen[start + i]) same++;
    if (same > tiles - distance) return false;
  }
  return true;
}

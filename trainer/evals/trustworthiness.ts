import type { Engine } from '../engine/types';
import type { Points } from './distances';
import { mostSimilar } from './knn';
import { nearnessBlocks } from './neighbours';
import { createPace } from './pace';
import type { Watch } from './types';

/**
 * How far a map's neighbourhoods can be trusted, in [0, 1] (Venna & Kaski 2001): of each point's k neighbours
 * in the map, those that are not among its k nearest in the embedding cost by how far down the ranks they are.
 *
 * @param map [x0, y0, x1, y1, ...], one point per row of `points`.
 */
export async function trustworthiness(
  engine: Engine,
  points: Points,
  map: Float64Array,
  k = 12,
  watch: Pick<Watch, 'signal'> = {},
): Promise<number> {
  const { size } = points;
  if (!(k >= 1 && k < size / 2)) {
    throw new Error(`Trustworthiness of ${size} points needs a k from 1 to less than ${size / 2}, got ${k}.`);
  }
  const pace = createPace(watch.signal);
  const here = new Float64Array(size);
  let cost = 0;
  for await (const { first, count, nearness } of nearnessBlocks(engine, points, points, watch)) {
    for (let b = 0; b < count; b++) {
      const i = first + b;
      nearnessInMap(map, i, here);
      const there = nearness.subarray(b * size, (b + 1) * size);
      there[i] = -Infinity;
      for (const j of mostSimilar(here, k).rows) {
        const nearnessOfJ = there[j]!;
        let rank = 1;
        for (let other = 0; other < size; other++) if (there[other]! > nearnessOfJ) rank++;
        cost += Math.max(0, rank - k);
      }
      await pace();
    }
  }
  return 1 - (2 / (size * k * (2 * size - 3 * k - 1))) * cost;
}

/** The higher, the nearer to point `i` of the map, itself the farthest, into `nearness` [size]. */
export function nearnessInMap(map: Float64Array, i: number, nearness: Float64Array): void {
  for (let j = 0; j < nearness.length; j++) {
    nearness[j] = -((map[2 * j]! - map[2 * i]!) ** 2) - (map[2 * j + 1]! - map[2 * i + 1]!) ** 2;
  }
  nearness[i] = -Infinity;
}

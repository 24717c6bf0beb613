import { distancesFrom, nearest, type Points } from './distances';
import { createPace } from './pace';
import type { Watch } from './types';

/**
 * How far a map's neighbourhoods can be trusted, in [0, 1] (Venna & Kaski 2001): of each point's k neighbours
 * in the map, those that are not among its k nearest in the embedding cost by how far down the ranks they are.
 *
 * @param map [x0, y0, x1, y1, ...], one point per row of `points`.
 */
export async function trustworthiness(
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
  const plane = { values: map, size, width: 2 };
  const there = new Float64Array(size);
  const here = new Float64Array(size);
  let cost = 0;
  for (let i = 0; i < size; i++) {
    distancesFrom(points, i, there);
    distancesFrom(plane, i, here);
    there[i] = Infinity;
    for (const j of nearest(here, i, k)) {
      let rank = 1;
      for (const d of there) if (d < there[j]!) rank++;
      cost += Math.max(0, rank - k);
    }
    await pace();
  }
  return 1 - (2 / (size * k * (2 * size - 3 * k - 1))) * cost;
}

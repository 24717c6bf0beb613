/** Noise of sensors: few electrons, hot and dead cells, electronics. */
import type { Random } from '../../random/random';
import { corruption } from './corruption';
import { same } from './picture';

/** By standard deviation. */
export const gaussianNoise = corruption({
  group: 'noise',
  small: [0.04, 0.06, 0.08, 0.09, 0.1],
  large: [0.08, 0.12, 0.18, 0.26, 0.38],
  apply: (picture, deviation, random) =>
    same(
      picture,
      picture.values.map((value) => value + deviation * random.normal()),
    ),
});

/** Poisson, by the number of photons that make a value of 1. */
export const shotNoise = corruption({
  group: 'noise',
  small: [500, 250, 100, 75, 50],
  large: [60, 25, 12, 5, 3],
  apply: (picture, photons, random) => {
    const table = tableOf(photons);
    return same(
      picture,
      picture.values.map((value) => photonsAt(table, Math.round(255 * value), photons, random) / photons),
    );
  },
});

/** Salt and pepper, by the share of values that are lost; each channel loses its own. */
export const impulseNoise = corruption({
  group: 'noise',
  small: [0.01, 0.02, 0.03, 0.05, 0.07],
  large: [0.03, 0.06, 0.09, 0.17, 0.27],
  apply: (picture, share, random) =>
    same(
      picture,
      picture.values.map((value) => (random.uniform() > share ? value : random.uniform() < 0.5 ? 1 : 0)),
    ),
});

/** By photons: for each of 256 levels the probabilities of at most 0, 1, ... photons. */
const tables = new Map<number, Float64Array>();

function tableOf(photons: number): Float64Array {
  const known = tables.get(photons);
  if (known) return known;
  const table = new Float64Array(256 * photons);
  for (let level = 0; level < 256; level++) {
    const expected = (level / 255) * photons;
    let probability = Math.exp(-expected);
    let total = 0;
    for (let count = 0; count < photons; count++) {
      total += probability;
      table[level * photons + count] = total;
      probability *= expected / (count + 1);
    }
  }
  tables.set(photons, table);
  return table;
}

/** A Poisson draw by inversion, never above `photons`: more than that are white all the same. */
function photonsAt(table: Float64Array, level: number, photons: number, random: Random): number {
  const draw = random.uniform();
  const start = level * photons;
  let low = 0;
  let high = photons;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (table[start + middle]! > draw) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Ice on a window, drawn. The published sets lay photographs over the pictures; none come with Tessera, so what is measured
 * under `frost` is not comparable with published figures number by number. What is taken from those photographs is the mean
 * and the deviation of their colours; the needles and clouds are ours.
 */
import type { Random } from '../../random/random';
import { smeared, type Picture } from './picture';
import { plasma } from './plasma';

/** Mean and deviation of red, green and blue of the five published photographs that are used; two of them are the same. */
const ices = [
  { mean: [78, 149, 166], deviation: [27, 16, 15] },
  { mean: [201, 205, 215], deviation: [21, 22, 23] },
  { mean: [201, 205, 215], deviation: [21, 22, 23] },
  { mean: [138, 153, 166], deviation: [29, 29, 30] },
  { mean: [112, 123, 135], deviation: [44, 43, 42] },
] as const;

/** Share of the pixels where a needle begins. */
const SEEDS = 0.06;
/** Needles of ice grow along three axes. */
const AXES = [0, 60, 120];

/** Colours [side, side, 3] of one of the ices, in 0..1. */
export function frost(side: number, random: Random): Float64Array<ArrayBuffer> {
  const { mean, deviation } = ices[random.int(ices.length)]!;
  const turn = 360 * random.uniform();
  const length = Math.max(2, Math.round(side / 16));
  const needles = new Float64Array(side * side);
  for (const axis of AXES) {
    const seeds = needles.map(() => (random.uniform() < SEEDS ? random.uniform() : 0));
    const grown: Picture = smeared({ side, channels: 1, values: seeds }, length, length, turn + axis);
    grown.values.forEach((value, i) => (needles[i]! += value));
  }
  const cloud = standardized(plasma(side, 1.5, random));
  const crystals = standardized(needles);
  const relief = standardized(crystals.map((value, i) => value + 0.5 * cloud[i]!));
  return Float64Array.from({ length: side * side * 3 }, (_, i) => {
    const colour = mean[i % 3]! + deviation[i % 3]! * relief[Math.floor(i / 3)]!;
    return Math.min(1, Math.max(0, colour / 255));
  });
}

/** The same relief with mean 0 and deviation 1; flat where it is flat. */
function standardized(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const scale = variance > 0 ? 1 / Math.sqrt(variance) : 0;
  return values.map((value) => (value - mean) * scale);
}

/** What the weather puts before the camera. */
import { corruption } from './corruption';
import { frost as ice } from './frost';
import { same, smeared, zoomed, type Picture } from './picture';
import { plasma } from './plasma';

interface Snow {
  /** Of the noise that flakes are made of. */
  readonly mean: number;
  readonly deviation: number;
  readonly enlarged: number;
  /** What is darker is no flake. */
  readonly threshold: number;
  /** Of the trail of a flake. */
  readonly radius: number;
  readonly trail: number;
  /** How much of its colour the picture keeps. */
  readonly kept: number;
}

const flakes = (
  mean: number,
  deviation: number,
  enlarged: number,
  threshold: number,
  radius: number,
  trail: number,
  kept: number,
): Snow => ({ mean, deviation, enlarged, threshold, radius, trail, kept });

/** Falling flakes, and a picture as bright as snow makes it. */
export const snow = corruption<Snow>({
  group: 'weather',
  small: [
    flakes(0.1, 0.2, 1, 0.6, 8, 3, 0.95),
    flakes(0.1, 0.2, 1, 0.5, 10, 4, 0.9),
    flakes(0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
    flakes(0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
    flakes(0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
  ],
  large: [
    flakes(0.1, 0.3, 3, 0.5, 10, 4, 0.8),
    flakes(0.2, 0.3, 2, 0.5, 12, 4, 0.7),
    flakes(0.55, 0.3, 4, 0.9, 12, 8, 0.7),
    flakes(0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    flakes(0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
  ],
  apply: (picture, { mean, deviation, enlarged, threshold, radius, trail, kept }, random) => {
    const { side, values } = picture;
    const pixels = side * side;
    const noise = Float64Array.from({ length: pixels }, () => mean + deviation * random.normal());
    const large = zoomed({ side, channels: 1, values: noise }, enlarged);
    const spots = large.values.map((value) => (value < threshold ? 0 : Math.floor(255 * Math.min(1, value)) / 255));
    const layer = smeared(same(large, spots), radius, trail, -135 + 90 * random.uniform()).values;
    const out = values.map((value, i) => {
      const pixel = Math.floor(i / 3);
      const bright = 1.5 * greyAt(picture, pixel) + 0.5;
      return kept * value + (1 - kept) * Math.max(value, bright) + layer[pixel]! + layer[pixels - 1 - pixel]!;
    });
    return same(picture, out);
  },
});

/** Luma as Rec. 601 weighs it. */
function greyAt({ values }: Picture, pixel: number): number {
  return 0.299 * values[3 * pixel]! + 0.587 * values[3 * pixel + 1]! + 0.114 * values[3 * pixel + 2]!;
}

/** So much of the picture behind so much ice. The ice is drawn (frost.ts), where the published sets have photographs of it. */
export const frost = corruption<readonly [picture: number, ice: number]>({
  group: 'weather',
  small: [
    [1, 0.2],
    [1, 0.3],
    [0.9, 0.4],
    [0.85, 0.4],
    [0.75, 0.45],
  ],
  large: [
    [1, 0.4],
    [0.8, 0.6],
    [0.7, 0.7],
    [0.65, 0.7],
    [0.6, 0.75],
  ],
  apply: (picture, [kept, added], random) => {
    const layer = ice(picture.side, random);
    return same(
      picture,
      picture.values.map((value, i) => kept * value + added * layer[i]!),
    );
  },
});

/** So much of a white cloud before the picture, its forms finer where the decay is less. */
export const fog = corruption<readonly [density: number, decay: number]>({
  group: 'weather',
  small: [
    [0.2, 3],
    [0.5, 3],
    [0.75, 2.5],
    [1, 2],
    [1.5, 1.75],
  ],
  large: [
    [1.5, 2],
    [2, 2],
    [2.5, 1.7],
    [2.5, 1.5],
    [3, 1.4],
  ],
  apply: (picture, [density, decay], random) => {
    const { side, values } = picture;
    const cloud = plasma(side, decay, random);
    const brightest = values.reduce((most, value) => Math.max(most, value), 0);
    const dimmed = brightest / (brightest + density);
    return same(
      picture,
      values.map((value, i) => dimmed * (value + density * cloud[Math.floor(i / 3)]!)),
    );
  },
});

/** Brighter by so much: the value of HSV is raised, hue and saturation are kept. */
export const brightness = corruption({
  group: 'weather',
  small: [0.05, 0.1, 0.15, 0.2, 0.3],
  large: [0.1, 0.2, 0.3, 0.4, 0.5],
  apply: (picture, added) => {
    const { values } = picture;
    const out = values.map((value, i) => {
      const pixel = i - (i % 3);
      const brightest = Math.max(values[pixel]!, values[pixel + 1]!, values[pixel + 2]!);
      const raised = Math.min(1, brightest + added);
      return brightest > 0 ? (value / brightest) * raised : raised;
    });
    return same(picture, out);
  },
});

/** What a lens, a pane of glass or a movement does to a picture. */
import { corruption } from './corruption';
import { blurred, filtered, gaussianWeights, same, smeared, zoomed, type Picture, type Tap } from './picture';

/** Out of focus, by the radius of the disk that a point becomes, and the deviation of the blur of its rim, in px. */
export const defocusBlur = corruption<readonly [radius: number, rim: number]>({
  group: 'blur',
  small: [
    [0.3, 0.4],
    [0.4, 0.5],
    [0.5, 0.6],
    [1, 0.2],
    [1.5, 0.1],
  ],
  large: [
    [3, 0.1],
    [4, 0.5],
    [6, 0.5],
    [8, 0.5],
    [10, 0.5],
  ],
  apply: (picture, [radius, rim]) => filtered(picture, disk(radius, rim), 'reflect'),
});

/** A disk on a grid that reaches 8 px (farther for larger ones), its rim softened by 3 x 3 (5 x 5) weights. */
function disk(radius: number, rim: number): Tap[] {
  const reach = Math.max(8, radius);
  const side = 2 * reach + 1;
  const inside = Float64Array.from({ length: side * side }, (_, i) => {
    return (Math.floor(i / side) - reach) ** 2 + ((i % side) - reach) ** 2 <= radius ** 2 ? 1 : 0;
  });
  const count = inside.reduce((sum, value) => sum + value, 0);
  const softness = radius <= 8 ? 1 : 2;
  const weights = gaussianWeights(softness, rim);
  const soft = weights.flatMap((down, y) =>
    weights.map((across, x) => ({ dx: x - softness, dy: y - softness, weight: (down * across) / count })),
  );
  const { values } = filtered({ side, channels: 1, values: inside }, soft, 'reflect');
  return [...values]
    .map((weight, i) => ({ dx: (i % side) - reach, dy: Math.floor(i / side) - reach, weight }))
    .filter(({ weight }) => weight > 0);
}

/**
 * Frosted glass: a blur, pixels that change place `rounds` times, a blur. As in the code that made CIFAR-10-C and ImageNet-C
 * each pixel takes the colour of one up to `distance` px away (never as far to the right or below), which keeps its own.
 */
export const glassBlur = corruption<readonly [deviation: number, distance: number, rounds: number]>({
  group: 'blur',
  small: [
    [0.05, 1, 1],
    [0.25, 1, 1],
    [0.4, 1, 1],
    [0.25, 1, 2],
    [0.4, 1, 2],
  ],
  large: [
    [0.7, 1, 2],
    [0.9, 2, 1],
    [1, 2, 3],
    [1.1, 3, 2],
    [1.5, 4, 2],
  ],
  apply: (picture, [deviation, distance, rounds], random) => {
    const blur = (from: Picture) => blurred(from, deviation, 4, 'nearest');
    const { side, channels } = picture;
    const values = blur(picture).values.map((value) => Math.floor(value * 255) / 255);
    for (let round = 0; round < rounds; round++) {
      for (let y = side - distance; y > distance; y--) {
        for (let x = side - distance; x > distance; x--) {
          const fromX = x + random.int(2 * distance) - distance;
          const fromY = y + random.int(2 * distance) - distance;
          const [to, from] = [(y * side + x) * channels, (fromY * side + fromX) * channels];
          values.copyWithin(to, from, from + channels);
        }
      }
    }
    return blur(same(picture, values));
  },
});

/** By the reach and the deviation of the trail, in px; it leads within 45 degrees of the horizontal. */
export const motionBlur = corruption<readonly [radius: number, deviation: number]>({
  group: 'blur',
  small: [
    [6, 1],
    [6, 1.5],
    [6, 2],
    [8, 2],
    [9, 2.5],
  ],
  large: [
    [10, 3],
    [15, 5],
    [15, 8],
    [15, 12],
    [20, 15],
  ],
  apply: (picture, [radius, deviation], random) => smeared(picture, radius, deviation, 90 * random.uniform() - 45),
});

/** The mean of the picture and of so many of its enlargements, each `step` larger than the one before, the first by 1. */
export const zoomBlur = corruption<readonly [enlargements: number, step: number]>({
  group: 'blur',
  small: [
    [7, 0.01],
    [12, 0.01],
    [16, 0.01],
    [21, 0.01],
    [26, 0.01],
  ],
  large: [
    [12, 0.01],
    [16, 0.01],
    [11, 0.02],
    [13, 0.02],
    [11, 0.03],
  ],
  apply: (picture, [enlargements, step]) => {
    const sum = picture.values.slice();
    for (let i = 0; i < enlargements; i++) {
      zoomed(picture, 1 + i * step).values.forEach((value, at) => (sum[at]! += value));
    }
    return same(
      picture,
      sum.map((value) => value / (enlargements + 1)),
    );
  },
});

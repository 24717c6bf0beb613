/** What is done to a picture between the camera and the eye. */
import type { Random } from '../../random/random';
import { encoded } from './jpeg';
import { blurred, means, same, warped, type Picture } from './picture';
import { corruption } from './corruption';

/** Less contrast, by what remains of the distance from each channel's mean. */
export const contrast = corruption({
  group: 'digital',
  small: [0.75, 0.5, 0.4, 0.3, 0.15],
  large: [0.4, 0.3, 0.2, 0.1, 0.05],
  apply: (picture, kept) => {
    const mean = means(picture);
    return same(
      picture,
      picture.values.map((value, i) => (value - mean[i % 3]!) * kept + mean[i % 3]!),
    );
  },
});

interface Stretch {
  /** How far pixels are moved, and the deviation of the blur of that field, in px for each px of the side. */
  readonly distance: number;
  readonly smoothness: number;
  /** How far the corners of a triangle in the middle are moved, likewise. */
  readonly corners: number;
}

const stretch = (distance: number, smoothness: number, corners: number): Stretch => ({ distance, smoothness, corners });
/** ImageNet-C's lengths are multiples of 244 px, for images of 224. */
const wide = 244 / 224;

/** Rubber (Simard et al. 2003): an affine map that moves three points, then a smooth random field that moves each pixel. */
export const elasticTransform = corruption<Stretch>({
  group: 'digital',
  small: [
    stretch(0, 0, 0.08),
    stretch(0.05, 0.2, 0.07),
    stretch(0.08, 0.06, 0.06),
    stretch(0.1, 0.04, 0.05),
    stretch(0.1, 0.03, 0.03),
  ],
  large: [
    stretch(2 * wide, 0.7 * wide, 0.1 * wide),
    stretch(2 * wide, 0.08 * wide, 0.2 * wide),
    stretch(0.05 * wide, 0.01 * wide, 0.02 * wide),
    stretch(0.07 * wide, 0.01 * wide, 0.02 * wide),
    stretch(0.12 * wide, 0.01 * wide, 0.02 * wide),
  ],
  apply: (picture, { distance, smoothness, corners }, random) => {
    const { side } = picture;
    const skewed = warped(picture, 'reflect', affine(side, corners * side, random));
    const field = () => {
      const values = Float64Array.from({ length: side * side }, () => 2 * random.uniform() - 1);
      return blurred({ side, channels: 1, values }, smoothness * side, 3, 'symmetric').values;
    };
    const [across, down] = [field(), field()];
    const moved = distance * side;
    return warped(skewed, 'symmetric', (x, y) => {
      const at = y * side + x;
      return [x + moved * across[at]!, y + moved * down[at]!];
    });
  },
});

/** Where a pixel comes from when three corners of a square in the middle are moved by up to `reach` px along each axis. */
function affine(side: number, reach: number, random: Random) {
  const [centre, half] = [Math.floor(side / 2), Math.floor(side / 3)];
  const moved = (coordinate: number) => coordinate + reach * (2 * random.uniform() - 1);
  const corner = (right: 1 | -1, down: 1 | -1) => ({ x: moved(centre + right * half), y: moved(centre + down * half) });
  const [p, q, r] = [corner(1, 1), corner(1, -1), corner(-1, -1)];
  const area = (q.x - p.x) * (r.y - p.y) - (r.x - p.x) * (q.y - p.y);
  return (x: number, y: number) => {
    // The place is p + a (q - p) + b (r - p); in the square it was the same sum of its sides.
    const a = ((x - p.x) * (r.y - p.y) - (r.x - p.x) * (y - p.y)) / area;
    const b = ((q.x - p.x) * (y - p.y) - (x - p.x) * (q.y - p.y)) / area;
    return [centre + half - 2 * half * b, centre + half - 2 * half * (a + b)] as const;
  };
}

/** Coarse pixels, by how many there are for each that there was along an axis. */
export const pixelate = corruption({
  group: 'digital',
  small: [0.95, 0.9, 0.85, 0.75, 0.65],
  large: [0.6, 0.5, 0.4, 0.3, 0.25],
  apply: (picture, share) => {
    const few = Math.max(1, Math.floor(picture.side * share));
    return boxed(boxed(picture, few), picture.side);
  },
});

/** To `side` px: each pixel is the mean of those whose centres it covers, rounded to 8 bits along each axis, as in PIL. */
function boxed(picture: Picture, side: number): Picture {
  const { channels } = picture;
  const ratio = picture.side / side;
  const reach = Math.max(1, ratio) / 2;
  const spans = Array.from({ length: side }, (_, i) => {
    const centre = (i + 0.5) * ratio;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const end = Math.min(picture.side, Math.floor(centre + reach + 0.5));
    // Of two centres that are equally far off, the nearer end is not covered.
    const from = first + 0.5 - centre <= -reach ? first + 1 : first;
    return { from, count: end - from };
  });
  const mean = (count: number, value: (k: number) => number) => {
    let sum = 0;
    for (let k = 0; k < count; k++) sum += Math.round(255 * value(k));
    return Math.round(sum / count) / 255;
  };
  const across = new Float64Array(picture.side * side * channels);
  for (let y = 0, o = 0; y < picture.side; y++) {
    for (const { from, count } of spans) {
      for (let c = 0; c < channels; c++, o++) {
        across[o] = mean(count, (k) => picture.values[(y * picture.side + from + k) * channels + c]!);
      }
    }
  }
  const values = new Float64Array(side * side * channels);
  for (const [y, { from, count }] of spans.entries()) {
    for (let i = 0; i < side * channels; i++) {
      values[y * side * channels + i] = mean(count, (k) => across[(from + k) * side * channels + i]!);
    }
  }
  return { side, channels, values };
}

/** By the quality that the encoder is asked for. */
export const jpegCompression = corruption({
  group: 'digital',
  small: [80, 65, 58, 50, 40],
  large: [25, 18, 15, 10, 7],
  apply: (picture, quality) => encoded(picture, quality),
});

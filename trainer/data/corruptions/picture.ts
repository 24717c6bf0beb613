/** Pictures as corruptions work on them, and what they are filtered and sampled with. */

/** Square, channels interleaved, row by row. */
export interface Picture {
  readonly side: number;
  readonly channels: number;
  /** [side, side, channels], in 0..1 where it holds colours. */
  readonly values: Float64Array<ArrayBuffer>;
}

/**
 * Which pixel is seen at a place outside of 0..side-1: the nearest one; or a mirror's, which repeats the edge
 * (`symmetric`, SciPy's `reflect`) or does not (`reflect`, OpenCV's `REFLECT_101`).
 */
export type Edge = 'nearest' | 'symmetric' | 'reflect';

export function within(place: number, side: number, edge: Edge): number {
  if (place >= 0 && place < side) return place;
  if (edge === 'nearest' || side === 1) return place < 0 ? 0 : side - 1;
  const period = edge === 'symmetric' ? 2 * side : 2 * side - 2;
  const at = ((place % period) + period) % period;
  return at < side ? at : edge === 'symmetric' ? period - 1 - at : period - at;
}

export const same = ({ side, channels }: Picture, values: Float64Array<ArrayBuffer>): Picture => ({
  side,
  channels,
  values,
});

/** The mean of each channel. */
export function means({ values, channels }: Picture): number[] {
  const sums = new Array<number>(channels).fill(0);
  values.forEach((value, i) => (sums[i % channels]! += value));
  return sums.map((sum) => (sum * channels) / values.length);
}

export interface Tap {
  readonly dx: number;
  readonly dy: number;
  readonly weight: number;
}

/** Each pixel becomes the weighted sum of those at the taps' distances from it. */
export function filtered(picture: Picture, taps: readonly Tap[], edge: Edge): Picture {
  const { side, channels, values } = picture;
  const out = new Float64Array(values.length);
  const columns = new Int32Array(side);
  for (const { dx, dy, weight } of taps) {
    for (let x = 0; x < side; x++) columns[x] = within(x + dx, side, edge) * channels;
    for (let y = 0, o = 0; y < side; y++) {
      const row = within(y + dy, side, edge) * side * channels;
      for (let x = 0; x < side; x++) {
        const s = row + columns[x]!;
        for (let c = 0; c < channels; c++, o++) out[o]! += weight * values[s + c]!;
      }
    }
  }
  return same(picture, out);
}

/** Weights of a Gaussian at distances -radius..radius; their sum is 1. */
export function gaussianWeights(radius: number, sigma: number): number[] {
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** Gaussian blur, separable, cut off after `truncate` standard deviations (in px). */
export function blurred(picture: Picture, sigma: number, truncate: number, edge: Edge): Picture {
  const radius = Math.floor(truncate * sigma + 0.5);
  if (radius === 0) return picture;
  const line = gaussianWeights(radius, sigma).map((weight, i) => ({ along: i - radius, weight }));
  const across = line.map(({ along, weight }) => ({ dx: along, dy: 0, weight }));
  const down = line.map(({ along, weight }) => ({ dx: 0, dy: along, weight }));
  return filtered(filtered(picture, across, edge), down, edge);
}

/**
 * A camera or a flake that moves: half a Gaussian trails away from each pixel in the direction of `angle` (in degrees), on
 * whole pixels, as ImageMagick blurs by motion.
 */
export function smeared(picture: Picture, radius: number, sigma: number, angle: number): Picture {
  const trail = gaussianWeights(2 * radius, sigma).slice(2 * radius);
  const total = trail.reduce((sum, weight) => sum + weight, 0);
  const [sin, cos] = [Math.sin((angle * Math.PI) / 180), Math.cos((angle * Math.PI) / 180)];
  const taps = trail.map((weight, i) => {
    return { dx: Math.ceil(i * cos - 0.5), dy: Math.ceil(i * sin - 0.5), weight: weight / total };
  });
  return filtered(picture, taps, 'nearest');
}

/** Each pixel of the result is the bilinear value at the place that `from` gives for it. */
export function warped(
  picture: Picture,
  edge: Edge,
  from: (x: number, y: number) => readonly [number, number],
): Picture {
  const { side, channels, values } = picture;
  const out = new Float64Array(values.length);
  for (let y = 0, o = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [u, v] = from(x, y);
      const [left, top] = [Math.floor(u), Math.floor(v)];
      const [right, bottom] = [u - left, v - top];
      const columns = [within(left, side, edge), within(left + 1, side, edge)] as const;
      const rows = [within(top, side, edge) * side, within(top + 1, side, edge) * side] as const;
      for (let c = 0; c < channels; c++, o++) {
        const at = (row: 0 | 1, column: 0 | 1) => values[(rows[row] + columns[column]) * channels + c]!;
        const above = at(0, 0) + right * (at(0, 1) - at(0, 0));
        const below = at(1, 0) + right * (at(1, 1) - at(1, 0));
        out[o] = above + bottom * (below - above);
      }
    }
  }
  return same(picture, out);
}

/** The middle of the picture, `factor` times as large: linear, the corners of the enlarged part kept in the corners. */
export function zoomed(picture: Picture, factor: number): Picture {
  const { side } = picture;
  const part = Math.ceil(side / factor);
  const first = Math.floor((side - part) / 2);
  const whole = Math.round(part * factor);
  const trim = Math.floor((whole - side) / 2);
  const ratio = whole > 1 ? (part - 1) / (whole - 1) : 0;
  return warped(picture, 'nearest', (x, y) => [first + (trim + x) * ratio, first + (trim + y) * ratio]);
}

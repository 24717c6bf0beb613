/** Gaussian blur of square views. */

export interface Blur {
  /** Share of the views that are blurred. */
  readonly probability: number;
  /** Range of the standard deviation, in px of the resized view. */
  readonly sigma: readonly [low: number, high: number];
}

/** Blurs a view [size, size, 3] in place. */
export type Blurrer = (pixels: Float32Array, sigma: number) => void;

/**
 * Separable, cut off at three standard deviations, the view mirrored at its edges without repeating the edge (torchvision's
 * `reflect`). Keeps its scratch memory, so one serves one thread.
 */
export function createBlurrer(size: number): Blurrer {
  const turned = new Float32Array(size * size * 3);
  /** Of the middle pixel and of those at distance 1, 2, ... */
  let weights = new Float64Array(0);
  /** One row with `radius` pixels before and after it. */
  let line = new Float64Array(0);

  return (pixels, sigma) => {
    const radius = Math.ceil(3 * sigma);
    if (weights.length <= radius) {
      weights = new Float64Array(radius + 1);
      line = new Float64Array((size + 2 * radius) * 3);
    }
    let total = 0;
    for (let k = 0; k <= radius; k++) {
      weights[k] = Math.exp(-0.5 * (k / sigma) ** 2);
      total += k === 0 ? 1 : 2 * weights[k]!;
    }
    for (let k = 0; k <= radius; k++) weights[k]! /= total;
    blurRows(pixels, turned, radius);
    blurRows(turned, pixels, radius);
  };

  /** Along the rows; the result lies transposed, so that a second time blurs along the columns and turns it back. */
  function blurRows(from: Float32Array, to: Float32Array, radius: number): void {
    const middle = weights[0]!;
    for (let row = 0; row < size; row++) {
      const start = row * size * 3;
      for (let at = -radius, o = 0; at < size + radius; at++, o += 3) {
        const s = start + (at >= 0 && at < size ? at : mirrored(at, size)) * 3;
        line[o] = from[s]!;
        line[o + 1] = from[s + 1]!;
        line[o + 2] = from[s + 2]!;
      }
      for (let column = 0, o = row * 3; column < size; column++, o += size * 3) {
        const centre = (column + radius) * 3;
        let red = middle * line[centre]!;
        let green = middle * line[centre + 1]!;
        let blue = middle * line[centre + 2]!;
        for (let k = 1, a = centre - 3, b = centre + 3; k <= radius; k++, a -= 3, b += 3) {
          const weight = weights[k]!;
          red += weight * (line[a]! + line[b]!);
          green += weight * (line[a + 1]! + line[b + 1]!);
          blue += weight * (line[a + 2]! + line[b + 2]!);
        }
        to[o] = red;
        to[o + 1] = green;
        to[o + 2] = blue;
      }
    }
  }
}

/** Where a place outside of 0..size-1 is seen when both ends are mirrors; a wide blur of a small view meets them often. */
function mirrored(at: number, size: number): number {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const place = Math.abs(at) % period;
  return place < size ? place : period - place;
}

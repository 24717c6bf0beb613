/** Resampling a part of an image to the size the encoder sees. */
import type { View } from './crop';

/** Resamples views to `size` px squares; keeps its scratch memory, so one serves one thread. */
export interface Resampler {
  /**
   * source [height, width, 3] with `stride` pixels a row -> out [size, size, 3] from `at`, as
   * value * scale[c] + shift[c] of the 0..255 value.
   */
  (
    source: Uint8Array,
    stride: number,
    view: View,
    out: Float32Array,
    at: number,
    scale: readonly number[],
    shift: readonly number[],
  ): void;
}

/**
 * Separable bicubic (a = -0.5), widened when it shrinks so that nothing aliases: the filter of PIL and of
 * torchvision's antialiased resize. Pixels outside the view are not looked at; overshoot is clamped to 0..255.
 */
export function createResampler(size: number): Resampler {
  let rows = new Float32Array(0);
  const across = createTaps(size);
  const down = createTaps(size);
  return (source, stride, view, out, at, scale, shift) => {
    const { x, y, width, height, flip } = view;
    const [scale0 = 1, scale1 = 1, scale2 = 1] = scale;
    const [shift0 = 0, shift1 = 0, shift2 = 0] = shift;
    if (width === size && height === size) {
      // The filter leaves an image of the wanted size as it is.
      for (let row = 0, o = at; row < size; row++) {
        let s = ((y + row) * stride + x + (flip ? size - 1 : 0)) * 3;
        for (let column = 0; column < size; column++, o += 3, s += flip ? -3 : 3) {
          out[o] = source[s]! * scale0 + shift0;
          out[o + 1] = source[s + 1]! * scale1 + shift1;
          out[o + 2] = source[s + 2]! * scale2 + shift2;
        }
      }
      return;
    }
    across.fit(width);
    down.fit(height);
    const rowLength = size * 3;
    if (rows.length < height * rowLength) rows = new Float32Array(height * rowLength);

    // [height, width, 3] -> [height, size, 3]
    for (let r = 0; r < height; r++) {
      const line = ((y + r) * stride + x) * 3;
      let o = r * rowLength;
      for (let i = 0; i < size; i++, o += 3) {
        const column = flip ? size - 1 - i : i;
        let tap = column * across.most;
        const end = tap + across.count[column]!;
        let s = line + across.first[column]! * 3;
        let red = 0;
        let green = 0;
        let blue = 0;
        for (; tap < end; tap++, s += 3) {
          const weight = across.weight[tap]!;
          red += weight * source[s]!;
          green += weight * source[s + 1]!;
          blue += weight * source[s + 2]!;
        }
        rows[o] = red;
        rows[o + 1] = green;
        rows[o + 2] = blue;
      }
    }

    // [height, size, 3] -> [size, size, 3]
    let o = at;
    for (let i = 0; i < size; i++) {
      const start = i * down.most;
      const end = start + down.count[i]!;
      const top = down.first[i]! * rowLength;
      for (let c = 0; c < rowLength; c += 3, o += 3) {
        let red = 0;
        let green = 0;
        let blue = 0;
        for (let tap = start, s = top + c; tap < end; tap++, s += rowLength) {
          const weight = down.weight[tap]!;
          red += weight * rows[s]!;
          green += weight * rows[s + 1]!;
          blue += weight * rows[s + 2]!;
        }
        out[o] = (red < 0 ? 0 : red > 255 ? 255 : red) * scale0 + shift0;
        out[o + 1] = (green < 0 ? 0 : green > 255 ? 255 : green) * scale1 + shift1;
        out[o + 2] = (blue < 0 ? 0 : blue > 255 ? 255 : blue) * scale2 + shift2;
      }
    }
  };
}

/** For each of `size` outputs along one axis: its first source pixel, how many it takes, and their weights. */
function createTaps(size: number) {
  const taps = {
    first: new Int32Array(size),
    count: new Int32Array(size),
    weight: new Float64Array(0),
    /** Taps an output may have: the distance between outputs in `weight`. */
    most: 0,
    fit,
  };
  let fitted = -1;
  function fit(length: number): void {
    if (length === fitted) return;
    fitted = length;
    const ratio = length / size;
    const stretch = Math.max(ratio, 1);
    const reach = 2 * stretch;
    taps.most = Math.ceil(reach) * 2 + 1;
    if (taps.weight.length < size * taps.most) taps.weight = new Float64Array(size * taps.most);
    for (let i = 0; i < size; i++) {
      const centre = (i + 0.5) * ratio;
      const first = Math.max(0, Math.floor(centre - reach + 0.5));
      const count = Math.min(length, Math.floor(centre + reach + 0.5)) - first;
      let total = 0;
      for (let k = 0; k < count; k++) {
        const weight = cubic((first + k + 0.5 - centre) / stretch);
        taps.weight[i * taps.most + k] = weight;
        total += weight;
      }
      for (let k = 0; k < count; k++) taps.weight[i * taps.most + k]! /= total;
      taps.first[i] = first;
      taps.count[i] = count;
    }
  }
  return taps;
}

/** Keys' cubic convolution kernel, a = -0.5. */
function cubic(t: number): number {
  const x = Math.abs(t);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

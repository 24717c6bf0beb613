/**
 * CIE L*a*b* (1976) of sRGB colours (IEC 61966-2-1, D65): lightness L in 0 .. 100, and a (green to red) and b (blue to
 * yellow), both 0 for greys. Distances in it are about as large as they look.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';

/** From linear red, green and blue to X, Y, Z. */
const XYZ = [
  [0.4124, 0.3576, 0.1805],
  [0.2126, 0.7152, 0.0722],
  [0.0193, 0.1192, 0.9505],
] as const;
/** Its inverse. */
const RGB = [
  [3.24062548, -1.53720797, -0.4986286],
  [-0.96893071, 1.87575606, 0.04151752],
  [0.05571012, -0.20402105, 1.05699594],
] as const;
/** X, Y, Z of white, which has no a and b: the sums of the rows. */
const WHITE = [0.9505, 1, 1.089] as const;
/** Below the cube of this a line takes the place of the cube root. */
const KNEE = 6 / 29;

/** sRGB in 0 .. 1 [..., 3] -> L, a, b [..., 3]. */
export function labOfRgb<T extends Tensor>(rgb: T): T {
  const low = tf.lessEqual(rgb, 0.04045);
  const linear = tf.where(low, tf.div(rgb, 12.92), tf.pow(tf.div(tf.add(rgb, 0.055), 1.055), 2.4));
  const t = tf.div(product(linear, XYZ), tf.tensor1d([...WHITE]));
  const f = tf.where(tf.greater(t, KNEE ** 3), tf.pow(t, 1 / 3), tf.add(tf.div(t, 3 * KNEE ** 2), 4 / 29));
  const mixed = product(f, [
    [0, 116, 0],
    [500, -500, 0],
    [0, 200, -200],
  ]);
  return tf.sub(mixed, tf.tensor1d([16, 0, 0]));
}

/** The inverse of `labOfRgb`; colours that sRGB has not are cut off at its bounds. */
export function rgbOfLab<T extends Tensor>(lab: T): T {
  const f = product(tf.add(lab, tf.tensor1d([16, 0, 0])), [
    [1 / 116, 1 / 500, 0],
    [1 / 116, 0, 0],
    [1 / 116, 0, -1 / 200],
  ]);
  const t = tf.where(tf.greater(f, KNEE), tf.pow(f, 3), tf.mul(tf.sub(f, 4 / 29), 3 * KNEE ** 2));
  const linear = tf.clipByValue(product(tf.mul(t, tf.tensor1d([...WHITE])), RGB), 0, 1);
  const curved = tf.sub(tf.mul(tf.pow(linear, 1 / 2.4), 1.055), 0.055);
  return tf.where(tf.lessEqual(linear, 0.0031308), tf.mul(linear, 12.92), curved) as T;
}

/** Each colour x [..., 3] times the matrix: [..., 3]. */
function product(x: Tensor, matrix: readonly (readonly number[])[]): Tensor {
  const rows: Tensor2D = tf.reshape(x, [-1, 3]);
  return tf.reshape(tf.matMul(rows, tf.tensor2d(matrix.flat(), [3, 3]), false, true), x.shape);
}

/**
 * The pairs a, b on a grid of that width, multiples of it, that are the nearest of some colour of 8 bits, in order.
 * Any colour has the a and b of one on the surface of the gamut (it gets lighter until a channel is full), so that the
 * faces of the cube of red, green and blue are all that is looked at.
 */
export function colourBins(grid: number): readonly (readonly [a: number, b: number])[] {
  const found = new Set<number>();
  const levels = Float64Array.from({ length: 256 }, (_, level) => linearOf(level / 255));
  for (const full of [0, 1]) {
    for (const first of levels) {
      for (const second of levels) {
        for (const face of [0, 1, 2]) {
          const r = face === 0 ? full : first;
          const g = face === 1 ? full : face === 0 ? first : second;
          const b = face === 2 ? full : second;
          const [fx, fy, fz] = [rootOf(0, r, g, b), rootOf(1, r, g, b), rootOf(2, r, g, b)];
          found.add(ROW * Math.round((500 * (fx - fy)) / grid) + Math.round((200 * (fy - fz)) / grid));
        }
      }
    }
  }
  return [...found]
    .sort((one, other) => one - other)
    .map((key) => [Math.round(key / ROW) * grid + 0, (key - ROW * Math.round(key / ROW)) * grid]); // + 0: no -0
}

/** More than there are bins along b, so that one number stands for a pair. */
const ROW = 2 ** 10;

const linearOf = (value: number) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);

/** What becomes of X, Y or Z in L, a and b, of linear red, green and blue. */
function rootOf(axis: 0 | 1 | 2, r: number, g: number, b: number): number {
  const row = XYZ[axis];
  const t = (row[0] * r + row[1] * g + row[2] * b) / WHITE[axis];
  return t > KNEE ** 3 ? Math.cbrt(t) : t / (3 * KNEE ** 2) + 4 / 29;
}

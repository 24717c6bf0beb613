import { expect, test } from 'vitest';
import { centreView, type View } from '../../../trainer/data/crop';
import { createResampler } from '../../../trainer/data/resample';

function resample(pixels: readonly number[], width: number, view: Partial<View>, size: number): number[] {
  // One channel for reading: the three channels are the same here.
  const source = Uint8Array.from(pixels.flatMap((p) => [p, p, p]));
  const whole = { x: 0, y: 0, width, height: pixels.length / width, flip: false };
  const out = new Float32Array(size * size * 3);
  createResampler(size)(source, width, { ...whole, ...view }, out, 0, [1, 1, 1], [0, 0, 0]);
  return Array.from(out.filter((_, i) => i % 3 === 0));
}

const picture = [
  [10, 200, 30, 90, 250],
  [0, 40, 60, 80, 100],
  [255, 5, 128, 64, 32],
  [7, 77, 177, 217, 17],
];

test('enlarging and shrinking give what PyTorch gives (bicubic, antialias)', () => {
  // torch.nn.functional.interpolate(x, (n, n), mode='bicubic', antialias=True).clamp(0, 255)
  close(resample(picture.flat(), 5, {}, 2), [66.039, 103.106, 94.215, 97.114]);
  close(
    resample(picture.flat(), 5, {}, 6),
    [
      3.28, 178.819, 106.052, 31.348, 132.42, 255.0, 0.0, 102.507, 78.107, 47.336, 110.916, 186.999, 33.255, 24.309,
      51.226, 74.591, 77.841, 83.588, 247.229, 47.453, 64.446, 102.379, 48.904, 38.666, 142.31, 54.645, 107.647,
      167.003, 115.655, 15.482, 0.0, 54.814, 142.472, 216.461, 183.562, 8.223,
    ],
  );
});

function close(actual: readonly number[], expected: readonly number[]) {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 2);
}

test('a view of the wanted size is copied, flipped or not', () => {
  const row = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  expect(resample(row, 3, {}, 3)).toEqual(row);
  expect(resample(row, 3, { flip: true }, 3)).toEqual([3, 2, 1, 6, 5, 4, 9, 8, 7]);
});

test('flipping mirrors the resampled view', () => {
  const plain = resample(picture.flat(), 5, { x: 1, y: 1, width: 3, height: 3 }, 4);
  const flipped = resample(picture.flat(), 5, { x: 1, y: 1, width: 3, height: 3, flip: true }, 4);
  const mirrored = [0, 1, 2, 3].flatMap((row) => plain.slice(row * 4, row * 4 + 4).reverse());
  close(flipped, mirrored);
});

test('what lies outside of the view has no influence', () => {
  const framed = [99, 99, 99, 99, 99, 7, 7, 99, 99, 7, 7, 99, 99, 99, 99, 99];
  for (const value of resample(framed, 4, { x: 1, y: 1, width: 2, height: 2 }, 5)) expect(value).toBeCloseTo(7, 3);
});

test('scale and shift normalise each channel', () => {
  const out = new Float32Array(6);
  createResampler(1)(Uint8Array.of(10, 20, 30), 1, centreView(1, 1), out, 3, [1, 2, 3], [0, -1, -2]);
  expect(Array.from(out)).toEqual([0, 0, 0, 10, 39, 88]);
});

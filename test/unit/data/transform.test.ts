import { describe, expect, it, test } from 'vitest';
import { createBlurrer } from '../../../trainer/data/blur';
import { solarize, toGreyscale } from '../../../trainer/data/colour';
import { createViewer, type Transform } from '../../../trainer/data/transform';
import { random } from '../../../trainer/random/random';

const [width, height] = [20, 14];
const draws = random('source');
const source = Uint8Array.from({ length: width * height * 3 }, () => draws.int(256));
const plain: Transform = { crop: [0.2, 1], flip: true };
const jitter = { brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2, probability: 1 };
/** The second global view of DINO, with everything that can be drawn. */
const rich: Transform = {
  ...plain,
  jitter: { ...jitter, probability: 0.8 },
  grayscale: 0.2,
  blur: { probability: 0.1, sigma: [0.1, 2] },
  solarize: 0.2,
};

/** In 0..255 unless `scale` and `shift` say otherwise. */
function view(transform: Transform, key: number, size = 8, scale = [1, 1, 1], shift = [0, 0, 0]): Float32Array {
  const out = new Float32Array(size * size * 3);
  createViewer(size)(source, width, height, transform, random('view', key), out, 0, scale, shift);
  return out;
}

const keys = Array.from({ length: 200 }, (_, i) => i);
const share = (holds: (key: number) => boolean) => keys.filter(holds).length / keys.length;
const isGrey = (pixels: Float32Array) => pixels.every((value, i) => Math.abs(value - pixels[i - (i % 3)]!) < 1e-3);

test('with all that may be left out switched off, a view is that of crop and flip, bit for bit', () => {
  const off = { jitter: null, grayscale: 0, blur: null, solarize: 0 };
  const never = { jitter: { ...jitter, probability: 0 }, blur: { probability: 0, sigma: [1, 2] } } as const;
  for (const key of keys) {
    expect(view({ ...plain, ...off }, key)).toEqual(view(plain, key));
    expect(view({ ...plain, ...never }, key)).toEqual(view(plain, key));
  }
});

test.each<[string, Partial<Transform>, number]>([
  ['jitter', { jitter: { ...jitter, probability: 0.8 } }, 0.8],
  ['greyscale', { grayscale: 0.2 }, 0.2],
  ['blur', { blur: { probability: 0.5, sigma: [0.5, 2] } }, 0.5],
  ['solarization', { solarize: 0.3 }, 0.3],
])('%s changes its share of the views, and leaves the others as crop and flip make them', (_, change, probability) => {
  const changed = (key: number) => {
    const before = view(plain, key);
    return view({ ...plain, ...change }, key).some((value, i) => Math.abs(value - before[i]!) > 1e-4);
  };
  const thousand = Array.from({ length: 1000 }, (_, key) => key);
  // Three standard deviations of the share.
  expect(Math.abs(thousand.filter(changed).length / 1000 - probability)).toBeLessThan(0.048);
});

test('before normalisation values are in 0..255, whatever is drawn', () => {
  for (const key of keys) {
    expect(view(rich, key).every((value) => value >= 0 && value <= 255)).toBe(true);
  }
});

test('normalisation comes last, channel by channel', () => {
  const scale = [0.01, 0.02, 0.03];
  const shift = [-1, -2, -3];
  for (const key of keys.slice(0, 20)) {
    const values = view(rich, key);
    for (const [i, value] of view(rich, key, 8, scale, shift).entries()) {
      expect(value).toBeCloseTo(values[i]! * scale[i % 3]! + shift[i % 3]!, 4);
    }
  }
});

describe('order', () => {
  const always = { grayscale: 1, blur: { probability: 1, sigma: [1, 1] }, solarize: 1 } as const;

  it('greyscale comes after jitter, so the view is grey', () => {
    expect(share((key) => isGrey(view({ ...plain, jitter, grayscale: 1 }, key)))).toBe(1);
    expect(share((key) => isGrey(view({ ...plain, jitter }, key)))).toBeLessThan(0.1);
  });

  it('solarization comes after the blur, which comes after greyscale', () => {
    const whole = { crop: null, flip: false };
    const expected = view(whole, 0);
    toGreyscale(expected);
    createBlurrer(8)(expected, 1);
    solarize(expected);
    expect(view({ ...whole, ...always }, 0)).toEqual(expected);
  });
});

test('a view does not depend on what the same memory held before', () => {
  const viewer = createViewer(8);
  const out = new Float32Array(8 * 8 * 3);
  for (const key of [...keys.slice(0, 30), ...keys.slice(0, 30).reverse()]) {
    viewer(source, width, height, rich, random('view', key), out, 0, [1, 1, 1], [0, 0, 0]);
    expect(out).toEqual(view(rich, key));
  }
});

test('small local crops of a small image are drawn in the asked size', () => {
  const local: Transform = { ...rich, crop: [0.05, 0.4] };
  for (const key of keys) {
    const pixels = view(local, key, 6);
    expect(pixels).toHaveLength(6 * 6 * 3);
    expect(pixels.every(Number.isFinite)).toBe(true);
  }
});

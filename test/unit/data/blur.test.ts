import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { createBlurrer } from '../../../trainer/data/blur';
import { random } from '../../../trainer/random/random';
import { expectClose, picture, torchvision } from './torchvision';

const sizes = fc.integer({ min: 1, max: 12 });
const sigmas = fc.double({ min: 0.1, max: 4, noNaN: true });

function noise(size: number, seed: number): Float32Array {
  const draws = random(seed);
  return Float32Array.from({ length: size * size * 3 }, () => 255 * draws.uniform());
}

it.each(torchvision.blur)('gives what torchvision gives, sigma $sigma', ({ sigma, pixels }) => {
  const blurred = picture();
  createBlurrer(torchvision.side)(blurred, sigma);
  expectClose(blurred, pixels, 1e-3);
});

test('one colour stays as it is, also where the blur is wider than the view', () => {
  fc.assert(
    fc.property(sizes, sigmas, fc.nat(255), (size, sigma, value) => {
      const pixels = new Float32Array(size * size * 3).map((_, i) => (value + 100 * (i % 3)) % 256);
      const before = [...pixels];
      createBlurrer(size)(pixels, sigma);
      expectClose(pixels, before, 1e-3);
    }),
  );
});

test('values stay between the smallest and the largest of their channel', () => {
  fc.assert(
    fc.property(sizes, sigmas, fc.nat(), (size, sigma, seed) => {
      const pixels = noise(size, seed);
      const channel = (c: number) => [...pixels].filter((_, i) => i % 3 === c);
      const before = [0, 1, 2].map(channel);
      createBlurrer(size)(pixels, sigma);
      for (const [c, values] of before.entries()) {
        expect(Math.max(...channel(c))).toBeLessThanOrEqual(Math.max(...values) + 1e-3);
        expect(Math.min(...channel(c))).toBeGreaterThanOrEqual(Math.min(...values) - 1e-3);
      }
    }),
  );
});

test('a point spreads to a Gaussian of the asked variance along both axes', () => {
  const size = 31;
  for (const sigma of [0.7, 1, 2]) {
    const pixels = new Float32Array(size * size * 3);
    pixels[(15 * size + 15) * 3 + 1] = 255;
    createBlurrer(size)(pixels, sigma);
    let sum = 0;
    const spread = [0, 0];
    for (let i = 0; i < size * size; i++) {
      const value = pixels[i * 3 + 1]! / 255;
      sum += value;
      spread[0]! += value * (Math.floor(i / size) - 15) ** 2;
      spread[1]! += value * ((i % size) - 15) ** 2;
      expect(pixels[i * 3]! + pixels[i * 3 + 2]!).toBe(0);
    }
    expect(sum).toBeCloseTo(1, 4);
    // The tails beyond three standard deviations hold a few per cent of the variance.
    for (const variance of spread) expect(Math.abs(variance / sigma ** 2 - 1)).toBeLessThan(0.05);
  }
});

test('a blurrer that has served a wider blur gives the same as a new one', () => {
  const [used, fresh] = [createBlurrer(9), createBlurrer(9)];
  used(noise(9, 1), 3);
  const pixels = noise(9, 2);
  const copy = pixels.slice();
  used(pixels, 0.5);
  fresh(copy, 0.5);
  expect(pixels).toEqual(copy);
});

import { describe, expect, it } from 'vitest';
import { drawMix, mixImages, targets, type MixOptions } from '../../../trainer/evals/mixing';
import { beta } from '../../../trainer/random/beta';
import { random } from '../../../trainer/random/random';

const size = { batchSize: 4, height: 8, width: 8 };
const off: MixOptions = { mixup: 0, cutmix: 0, switchProbability: 0.5 };
const mixes = (options: Partial<MixOptions>, count: number) =>
  Array.from({ length: count }, (_, step) => drawMix(random(0, 'mix', step), { ...off, ...options }, size)!);

it.each([0.01, 0.2, 0.8, 1, 5])('draws from Beta(%d, %d) with its mean and variance', (alpha) => {
  const draws = random('beta', alpha);
  const values = Array.from({ length: 20_000 }, () => beta(draws, alpha));
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...values)).toBeLessThanOrEqual(1);
  expect(mean).toBeCloseTo(0.5, 1.7);
  expect(variance / (1 / (4 * (2 * alpha + 1)))).toBeCloseTo(1, 1.3);
});

describe('how a batch is mixed', () => {
  it('is not at all by default', () => {
    expect(drawMix(random(0), off, size)).toBeUndefined();
  });

  it('is a pure function of the draws', () => {
    expect(mixes({ mixup: 1, cutmix: 1 }, 5)).toEqual(mixes({ mixup: 1, cutmix: 1 }, 5));
  });

  it('is by the method that is on, and with both by each as often as asked', () => {
    const boxes = (options: Partial<MixOptions>) => mixes(options, 400).filter(({ box }) => box).length;
    expect(boxes({ mixup: 0.8 })).toBe(0);
    expect(boxes({ cutmix: 1 })).toBe(400);
    expect(boxes({ mixup: 0.8, cutmix: 1, switchProbability: 0.25 }) / 400).toBeCloseTo(0.25, 1);
  });

  it('gives an image the share of its label that its pixels are', () => {
    for (const mix of mixes({ cutmix: 1 }, 100)) {
      const { top, bottom, left, right } = mix.box!;
      expect(top).toBeGreaterThanOrEqual(0);
      expect(right).toBeLessThanOrEqual(8);
      expect(mix.share).toBeCloseTo(1 - ((bottom - top) * (right - left)) / 64, 12);
      const images = Float32Array.from({ length: 4 * 64 }, (_, i) => Math.floor(i / 64));
      const mixed = mixImages(images, [8, 8, 1], mix);
      mix.partners.forEach((partner, image) => {
        if (partner === image) return;
        const own = mixed.subarray(image * 64, (image + 1) * 64).filter((value) => value === image).length;
        expect(own / 64).toBeCloseTo(mix.share, 12);
      });
    }
  });

  it('blends pixels and leaves the batch that it was given', () => {
    const images = Float32Array.of(1, 2, 10, 20);
    const mixed = mixImages(images, [1, 2, 1], { partners: Int32Array.of(1, 0), share: 0.75 });
    expect([...mixed]).toEqual([3.25, 6.5, 7.75, 15.5]);
    expect([...images]).toEqual([1, 2, 10, 20]);
  });
});

it('asks for shares of classes that sum to one', () => {
  const labels = Int32Array.of(0, 2);
  const rows = (smoothing: number, share?: number) =>
    Array.from(
      targets(labels, 3, smoothing, share === undefined ? undefined : { partners: Int32Array.of(1, 1), share }),
      (x) => Number(x.toFixed(6)),
    );
  expect(rows(0)).toEqual([1, 0, 0, 0, 0, 1]);
  expect(rows(0.3)).toEqual([0.8, 0.1, 0.1, 0.1, 0.1, 0.8]);
  expect(rows(0, 0.75)).toEqual([0.75, 0, 0.25, 0, 0, 1]);
  expect(rows(0.3, 0.75)).toEqual([0.625, 0.1, 0.275, 0.1, 0.1, 0.8]);
});

import { describe, expect, it } from 'vitest';
import { pairedBootstrap } from '../../../trainer/evals/bootstrap';
import { random } from '../../../trainer/random/random';

const draw = (n: number, p: number, ...key: (string | number)[]) => {
  const draws = random('test', ...key);
  return Uint8Array.from({ length: n }, () => (draws.uniform() < p ? 1 : 0));
};

describe('the paired bootstrap', () => {
  it('covers the true accuracy and the true gain 95% of the time', () => {
    const [trials, n, p, q] = [300, 200, 0.7, 0.6];
    let [score, gain] = [0, 0];
    for (let trial = 0; trial < trials; trial++) {
      const result = pairedBootstrap(draw(n, p, 'a', trial), draw(n, q, 'b', trial), trial);
      const covers = ([low, high]: readonly [number, number], truth: number) => low <= truth && truth <= high;
      if (covers(result.score.interval, p)) score++;
      if (covers(result.difference.interval, p - q)) gain++;
    }
    // Binomial(300, 0.95) is within these with probability over 0.999.
    for (const share of [score / trials, gain / trials]) {
      expect(share).toBeGreaterThan(0.9);
      expect(share).toBeLessThan(0.99);
    }
  });

  it("has the width of the normal approximation's interval", () => {
    const n = 2000;
    const { score } = pairedBootstrap(draw(n, 0.8, 'wide'), draw(n, 0.5, 'other'), 0);
    const width = 2 * 1.96 * Math.sqrt((score.value * (1 - score.value)) / n);
    expect(score.interval[1] - score.interval[0]).toBeGreaterThan(0.9 * width);
    expect(score.interval[1] - score.interval[0]).toBeLessThan(1.1 * width);
  });

  it('keeps what two classifiers have in common out of the gain', () => {
    const shared = draw(500, 0.6, 'shared');
    const better = shared.map((right, i) => (i % 20 === 0 ? 1 : right));
    const paired = pairedBootstrap(better, shared, 0);
    const unpaired = pairedBootstrap(better, draw(500, 0.6, 'unrelated'), 0);
    const width = ({ difference }: typeof paired) => difference.interval[1] - difference.interval[0];
    expect(paired.difference.interval[0]).toBeGreaterThan(0);
    expect(width(paired)).toBeLessThan(width(unpaired) / 3);
    expect(pairedBootstrap(shared, shared, 0).difference).toEqual({ value: 0, interval: [0, 0] });
  });

  it('is a pure function of its seed', () => {
    const [a, b] = [draw(100, 0.7, 'x'), draw(100, 0.5, 'y')];
    expect(pairedBootstrap(a, b, 1)).toEqual(pairedBootstrap(a, b, 1));
    expect(pairedBootstrap(a, b, 1)).not.toEqual(pairedBootstrap(a, b, 2));
  });

  it('refuses nothing to score, and scores of different images', () => {
    expect(() => pairedBootstrap(new Uint8Array(0), new Uint8Array(0), 0)).toThrow('no test images');
    expect(() => pairedBootstrap(new Uint8Array(2), new Uint8Array(3), 0)).toThrow('2 and of 3 images');
  });
});

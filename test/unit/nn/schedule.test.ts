import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { learningRate } from '../../../trainer/nn/schedule';

describe('the learning rate', () => {
  const schedule = { peak: 0.4, min: 0.1, warmupSteps: 10, totalSteps: 110 };

  it('rises linearly to its peak at the end of the warmup', () => {
    expect(learningRate(schedule, 1)).toBeCloseTo(0.04);
    expect(learningRate(schedule, 5)).toBeCloseTo(0.2);
    expect(learningRate(schedule, 10)).toBe(0.4);
  });

  it('falls along half a cosine to its minimum at the last step', () => {
    expect(learningRate(schedule, 60)).toBeCloseTo(0.25);
    expect(learningRate(schedule, 35)).toBeCloseTo(0.1 + 0.15 * (1 + Math.SQRT1_2));
    expect(learningRate(schedule, 110)).toBeCloseTo(0.1);
  });

  it('starts falling at once without a warmup', () => {
    expect(learningRate({ ...schedule, warmupSteps: 0 }, 0)).toBe(0.4);
    expect(learningRate({ ...schedule, warmupSteps: 0 }, 1)).toBeLessThan(0.4);
  });

  it('only rises when the warmup is the whole run', () => {
    const warming = { ...schedule, warmupSteps: 110 };
    expect(learningRate(warming, 109)).toBeCloseTo((0.4 * 109) / 110);
    expect(learningRate(warming, 110)).toBe(0.4);
  });

  it('never leaves the range from 0 to the peak, rises first and then falls', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.double({ min: 0, max: 1, noNaN: true }), (totalSteps, share) => {
        const warmupSteps = Math.round(totalSteps * share);
        const rates = Array.from({ length: totalSteps }, (_, i) =>
          learningRate({ peak: 1, min: 0, warmupSteps, totalSteps }, i + 1),
        );
        rates.forEach((rate, i) => {
          expect(rate).toBeGreaterThanOrEqual(0);
          expect(rate).toBeLessThanOrEqual(1);
          if (i === 0) return;
          if (i + 1 <= warmupSteps) expect(rate).toBeGreaterThan(rates[i - 1]!);
          else expect(rate).toBeLessThanOrEqual(rates[i - 1]!);
        });
      }),
    );
  });
});

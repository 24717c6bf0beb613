import type { Score } from '../../protocol/events';
import { random } from '../random/random';

const RESAMPLES = 1000;

export interface PairedScores {
  readonly score: Score;
  readonly baseline: Score;
  /** score - baseline, with the interval of the difference over the same resampled images. */
  readonly difference: Score;
}

/**
 * 95% percentile bootstrap over test images (Efron & Tibshirani 1993), of two encoders on the same
 * images. Pairing keeps what is common to both (hard images) out of the gain's interval.
 *
 * @param values a figure per test image, such as 1 where a classifier was right; `baseline` likewise.
 */
export function pairedBootstrap(values: ArrayLike<number>, baseline: ArrayLike<number>, seed: number): PairedScores {
  const n = values.length;
  if (n === 0) throw new Error('There are no test images to score: give the data a test set.');
  if (baseline.length !== n) throw new Error(`Scores of ${n} and of ${baseline.length} images cannot be paired.`);

  const draws = random(seed, 'bootstrap');
  const scores = new Float64Array(RESAMPLES);
  const baselines = new Float64Array(RESAMPLES);
  for (let r = 0; r < RESAMPLES; r++) {
    let a = 0;
    let b = 0;
    for (let i = 0; i < n; i++) {
      const image = draws.int(n);
      a += values[image]!;
      b += baseline[image]!;
    }
    scores[r] = a / n;
    baselines[r] = b / n;
  }
  const value = mean(values);
  const baselineValue = mean(baseline);
  return {
    score: { value, interval: middle95(scores) },
    baseline: { value: baselineValue, interval: middle95(baselines) },
    difference: { value: value - baselineValue, interval: middle95(scores.map((score, r) => score - baselines[r]!)) },
  };
}

/** 1 where a prediction equals its label. */
export function correctness(predictions: Int32Array, labels: Int32Array): Uint8Array {
  return Uint8Array.from(predictions, (prediction, i) => (prediction === labels[i] ? 1 : 0));
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

function middle95(values: Float64Array): readonly [number, number] {
  const sorted = values.toSorted();
  const quantile = (q: number) => {
    const at = q * (sorted.length - 1);
    const below = Math.floor(at);
    const above = Math.ceil(at);
    return sorted[below]! + (at - below) * (sorted[above]! - sorted[below]!);
  };
  return [quantile(0.025), quantile(0.975)];
}

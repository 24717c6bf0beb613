import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../../trainer/engine';
import { fitClassifiers, robustnessEvaluation, shiftEvaluation } from '../../../trainer/evals';
import { enginesUnderTest, testEngine } from '../../engines';
import { blobs, names, noise } from './data';

const labels = Int32Array.from([0, 0, 1, 1]);
const right = labels;
const wrong = labels.map((label) => 1 - label);
/** Right of the first `count` images. */
const first = (count: number) => labels.map((label, i) => (i < count ? label : 1 - label));

const input = {
  classes: names(2),
  labels,
  trainImages: 40,
  clean: { pretrained: right, randomInit: first(2) },
  corruptions: [
    {
      name: 'fog',
      group: 'weather' as const,
      predictions: [
        { pretrained: first(3), randomInit: first(2) },
        { pretrained: first(2), randomInit: wrong },
      ],
    },
    {
      name: 'contrast',
      group: 'digital' as const,
      predictions: [
        { pretrained: right, randomInit: first(3) },
        { pretrained: first(3), randomInit: first(2) },
      ],
    },
  ],
  protocol: 'linear',
  seed: 0,
  startedAt: performance.now(),
};

describe('accuracy under corruptions', () => {
  const { evaluation, clean, corruptions } = robustnessEvaluation(input);

  it('is that of each set of images', () => {
    expect(clean).toEqual({ score: 1, baseline: 0.5 });
    expect(corruptions).toEqual([
      { name: 'fog', group: 'weather', scores: [0.75, 0.5], baselines: [0.5, 0] },
      { name: 'contrast', group: 'digital', scores: [1, 0.75], baselines: [0.75, 0.5] },
    ]);
  });

  it('is compared by its mean over all of them', () => {
    const { score, baseline, gain } = evaluation.comparison!;
    expect(score.value).toBeCloseTo(0.75, 12);
    expect(baseline).toMatchObject({ name: 'random init' });
    expect(baseline.value).toBeCloseTo(0.4375, 12);
    expect(gain.value).toBeCloseTo(0.3125, 12);
    // Images are resampled, not answers: the first two are always right, so no resample is below what they give.
    expect(score.interval[0]).toBeGreaterThanOrEqual(0.25);
    expect(score.interval[1]).toBeLessThanOrEqual(1);
    expect(evaluation.testImages).toBe(4);
  });

  it('gives the mean error, and mCE relative to the baseline by corruption', () => {
    const { corruption_error, mce, clean_accuracy } = evaluation.measures!;
    expect(clean_accuracy).toEqual(clean);
    expect(corruption_error!.score).toBeCloseTo(0.25, 12);
    expect(corruption_error!.baseline).toBeCloseTo(0.5625, 12);
    // Fog: (1/4 + 2/4) / (2/4 + 1); contrast: (0 + 1/4) / (1/4 + 2/4).
    expect(mce!.score).toBeCloseTo((0.75 / 1.5 + 0.25 / 0.75) / 2, 12);
  });

  it('has no mCE where the baseline makes no error to be relative to', () => {
    const [fog] = input.corruptions;
    const perfect = { ...fog!, predictions: [{ pretrained: first(3), randomInit: right }] };
    const { measures } = robustnessEvaluation({ ...input, corruptions: [perfect] }).evaluation;
    expect(Object.keys(measures!)).toEqual(['clean_accuracy', 'corruption_error']);
  });
});

it('after a shift is a row of its own', () => {
  const predictions = { pretrained: first(3), randomInit: first(2) };
  const evaluation = shiftEvaluation({ ...input, name: 'sketches', predictions });
  expect(evaluation).toMatchObject({ kind: 'robustness', variant: 'shift to sketches', testImages: 4 });
  expect(evaluation.comparison!.score.value).toBe(0.75);
  expect(evaluation.comparison!.baseline.value).toBe(0.5);
});

describe.each(enginesUnderTest)('classifiers, on the %s engine,', (name) => {
  const options = {
    protocol: 'linear' as const,
    epochs: 20,
    batchSize: 32,
    learningRates: [0.01, 0.3],
    seed: 0,
  };
  let engine: Engine;
  beforeAll(async () => {
    engine = await testEngine(name);
  });
  afterAll(() => engine.dispose());
  const { embeddings, labels } = blobs(120, 6, 3, { apart: 4 });

  it('are fitted on clean images, one for each encoder', async () => {
    const train = { pretrained: embeddings, randomInit: noise(120, 6) };
    const { pretrained, randomInit, protocol } = await fitClassifiers(
      engine,
      { classes: names(3), labels, train },
      options,
    );
    const test = blobs(60, 6, 3, { apart: 4, part: 'test' });
    const share = (told: Int32Array) => told.filter((label, i) => label === test.labels[i]).length / 60;
    expect(share(await pretrained(test.embeddings))).toBeGreaterThan(0.95);
    expect(share(await randomInit(noise(60, 6, 1)))).toBeLessThan(0.7);
    expect(protocol).toMatch(/^linear on batch-normed frozen embeddings of clean images, lr .*, SGD, 20 epochs$/);
  });

  it('need every class among the training images', async () => {
    const train = { pretrained: embeddings, randomInit: embeddings };
    const fitted = fitClassifiers(engine, { classes: names(4), labels, train }, options);
    await expect(fitted).rejects.toThrow('No training image shows "class 3"');
  });
});

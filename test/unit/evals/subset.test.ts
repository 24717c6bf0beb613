import { describe, expect, it } from 'vitest';
import { checkLabels, checkShares, checkTrainingLabels } from '../../../trainer/evals';
import { stratifiedSplit, stratifiedSubset } from '../../../trainer/evals/subset';
import { names } from './data';

/** 600 images of class 0, 300 of class 1, 40 of class 2. */
const labels = Int32Array.from({ length: 940 }, (_, i) => (i < 600 ? 0 : i < 900 ? 1 : 2));
const perClass = (indices: Int32Array) => [0, 1, 2].map((label) => indices.filter((i) => labels[i] === label).length);

describe('a label subset', () => {
  it('has the share of every class, rounded', () => {
    expect(perClass(stratifiedSubset(labels, 0.1, 0))).toEqual([60, 30, 4]);
    expect(perClass(stratifiedSubset(labels, 0.0125, 0))).toEqual([8, 4, 1]);
    expect(stratifiedSubset(labels, 1, 0)).toEqual(Int32Array.from(labels.keys()));
  });

  it('is a pure function of the seed, ascending, without repetition', () => {
    const subset = stratifiedSubset(labels, 0.1, 7);
    expect(stratifiedSubset(labels, 0.1, 7)).toEqual(subset);
    expect(stratifiedSubset(labels, 0.1, 8)).not.toEqual(subset);
    expect([...subset]).toEqual([...new Set(subset)].sort((a, b) => a - b));
  });

  it('contains the smaller ones of its seed', () => {
    const larger = new Set(stratifiedSubset(labels, 0.1, 0));
    for (const i of stratifiedSubset(labels, 0.02, 0)) expect(larger.has(i)).toBe(true);
  });
});

describe('a held-out split', () => {
  it('takes its share of every class and leaves the rest to fit', () => {
    const { fit, heldOut } = stratifiedSplit(labels, 0.2, 0);
    expect(perClass(heldOut)).toEqual([120, 60, 8]);
    expect(perClass(fit)).toEqual([480, 240, 32]);
    expect(new Set([...fit, ...heldOut]).size).toBe(labels.length);
  });

  it('holds out one of two images, and none of one', () => {
    const { fit, heldOut } = stratifiedSplit(Int32Array.of(0, 0, 1), 0.2, 0);
    expect([fit.length, heldOut.length]).toEqual([2, 1]);
    expect(fit).toContain(2);
  });
});

describe('labels that nothing can be learnt from', () => {
  const two = Int32Array.of(0, 1);
  it.each([
    ['missing with their images', () => checkLabels(undefined, 0, [], 'test'), /There are no test images/],
    [
      'missing',
      () => checkTrainingLabels(undefined, 2, names(2)),
      /no labels.*one subfolder per class.*pretext task, t-SNE, health and efficiency/,
    ],
    [
      'of one class',
      () => checkTrainingLabels(Int32Array.of(0, 0), 2, names(1)),
      /a single class \("class 0"\): nothing to tell apart\. Add images of a second class.*that need no labels/,
    ],
    [
      'fewer than classes',
      () => checkTrainingLabels(two, 2, names(3)),
      /2 training images for 3 classes.*`data.train`/,
    ],
    [
      'without some class',
      () => checkTrainingLabels(Int32Array.of(0, 0, 1), 3, names(3)),
      /No training image shows "class 2"/,
    ],
    [
      'of a single class, in the data set to transfer to',
      () => checkTrainingLabels(Int32Array.of(0, 0), 2, names(1), 'transfer'),
      /Add images of a second class to `transfer\.source`/,
    ],
    ['out of range', () => checkLabels(Int32Array.of(0, 5), 2, names(2), 'test'), /label 5 of test image 1/],
    ['negative', () => checkLabels(Int32Array.of(-1, 1), 2, names(2), 'test'), /label -1 of test image 0/],
    ['of another number of images', () => checkLabels(two, 3, names(2), 'test'), /2 labels for 3 test images/],
    [
      'of an empty test set',
      () => checkLabels(new Int32Array(0), 0, names(2), 'test'),
      /no test images.*`data.testSource`/,
    ],
  ])('%s', (_, check, message) => {
    expect(check).toThrow(message);
  });

  it('a share that leaves a class without an image', () => {
    expect(() => checkShares(labels, [1, 0.1, 0.0125], names(3))).not.toThrow();
    expect(() => checkShares(labels, [1, 0.01], names(3))).toThrow(
      '1% of the labels leave "class 2", which 40 training images show, without one: use a share of at least 0.0125 in',
    );
  });

  it('lets a test set lack a class', () => {
    expect(() => checkLabels(two, 2, names(3), 'test')).not.toThrow();
  });
});

/** Beside NumPy, PyTorch and scikit-learn: test/fixtures/health/generate.py. */
import fc from 'fast-check';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { symmetricEigenvalues } from '../../../trainer/evals/eigenvalues';
import { alignment, spread, uniformity } from '../../../trainer/evals/geometry';
import { healthBeside, lookAtHealth } from '../../../trainer/evals/health';
import { lidar } from '../../../trainer/evals/lidar';
import { ridgePredict } from '../../../trainer/evals/ridge';
import { covarianceEigenvalues, effectiveRank, rankMe, singularValues } from '../../../trainer/evals/spectrum';
import { random } from '../../../trainer/random/random';
import { blobs, noise } from './data';

interface Fixture {
  cases: {
    name: string;
    width: number;
    views: number[][];
    singularValues: number[];
    spread: number;
    rankMe: number;
    effectiveRank: number;
    alignment: number;
    uniformity: number;
    lidar: number;
  }[];
  ridge: { width: number; classes: number; train: number[]; labels: number[]; test: number[]; predictions: number[] };
  eigen: { n: number; matrix: number[]; eigenvalues: number[] };
}

const fixture = JSON.parse(
  await readFile(new URL('../../fixtures/health/health.json', import.meta.url), 'utf8'),
) as Fixture;

const points = (values: readonly number[], width: number) => ({
  values: Float32Array.from(values),
  size: values.length / width,
  width,
});

function expectNear(actual: number, expected: number, relative = 1e-4): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(relative * Math.max(1, Math.abs(expected)));
}

describe('eigenvalues of a symmetric matrix', () => {
  it('are NumPy’s, the largest first', () => {
    const { n, matrix, eigenvalues } = fixture.eigen;
    const found = symmetricEigenvalues(Float64Array.from(matrix), n);
    eigenvalues.forEach((value, i) => expect(found[i]).toBeCloseTo(value, 9));
  });

  it('of a diagonal matrix are its diagonal, however many are equal or 0', () => {
    const anyDiagonal = fc.array(
      fc.oneof(fc.constantFrom(0, 1, 1e-9), fc.double({ min: -1e6, max: 1e6, noNaN: true })),
      {
        minLength: 1,
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(anyDiagonal, (diagonal) => {
        const n = diagonal.length;
        const matrix = new Float64Array(n * n);
        diagonal.forEach((value, i) => (matrix[i * n + i] = value));
        const found = [...symmetricEigenvalues(matrix, n)];
        diagonal.toSorted((a, b) => b - a).forEach((value, i) => expect(found[i]).toBeCloseTo(value, 6));
      }),
    );
  });

  it('keep the sum and the sum of squares of any matrix', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 25 }), fc.integer(), (n, seed) => {
        const draws = random(seed, 'matrix');
        const matrix = new Float64Array(n * n);
        for (let i = 0; i < n; i++) {
          for (let j = 0; j <= i; j++) matrix[i * n + j] = matrix[j * n + i] = draws.normal() * 10 ** draws.int(4);
        }
        const found = [...symmetricEigenvalues(matrix, n)];
        const trace = Array.from({ length: n }, (_, i) => matrix[i * n + i]!).reduce((a, b) => a + b);
        const squares = matrix.reduce((sum, x) => sum + x * x, 0);
        expect(found.reduce((a, b) => a + b)).toBeCloseTo(trace, 7);
        expectNear(found.reduce((sum, x) => sum + x * x, 0) / squares, 1, 1e-10);
        expect(found).toEqual(found.toSorted((a, b) => b - a));
      }),
    );
  });

  // Embeddings that are all the same: where a representation has collapsed, this must not fail.
  it.each([6, 24, 64, 192])('of %i rows of equal values are one and zeros', (n) => {
    for (const value of [1, 12.34, 47.52577535612317, 259.22871136937334]) {
      const found = symmetricEigenvalues(new Float64Array(n * n).fill(value), n);
      expectNear(found[0]! / (n * value), 1, 1e-12);
      for (const other of found.subarray(1)) expect(Math.abs(other) / (n * value)).toBeLessThan(1e-12);
    }
  });
});

describe.each(fixture.cases)('health of embeddings, $name', ({ width, views, ...expected }) => {
  const [first, second] = views.map((view) => points(view, width));

  it('has NumPy’s singular values and ranks', () => {
    const singular = singularValues(first!);
    expect(singular).toHaveLength(expected.singularValues.length);
    expected.singularValues.forEach((value, i) => expectNear(singular[i]!, value));
    expectNear(rankMe(singular), expected.rankMe);
    expectNear(effectiveRank(covarianceEigenvalues(first!)), expected.effectiveRank);
  });

  it('has PyTorch’s spread, alignment and uniformity', () => {
    expectNear(spread(first!), expected.spread);
    expectNear(alignment(first!, second!), expected.alignment);
    expectNear(uniformity(first!), expected.uniformity);
  });

  it('has NumPy’s LiDAR', () => {
    expectNear(lidar(views.map((view) => points(view, width))), expected.lidar);
  });
});

const collapsed = { values: new Float32Array(40 * 6).fill(0.7), size: 40, width: 6 };

describe('health of embeddings', () => {
  it('is at its worst when all embeddings are one', () => {
    expect(spread(collapsed)).toBeCloseTo(0, 6);
    expect(uniformity(collapsed)).toBeCloseTo(0, 6);
    expect(rankMe(singularValues(collapsed))).toBeCloseTo(1, 3);
    expect(effectiveRank(covarianceEigenvalues(collapsed))).toBeCloseTo(1, 6);
    expect(alignment(collapsed, collapsed)).toBe(0);
    expect(lidar([collapsed, collapsed])).toBeCloseTo(1, 3);
  });

  it('of even noise is at its best', () => {
    const even = noise(2000, 16);
    expect(spread(even)).toBeCloseTo(1, 1);
    expect(rankMe(singularValues(even))).toBeGreaterThan(15.5);
    expect(effectiveRank(covarianceEigenvalues(even))).toBeGreaterThan(15.5);
  });

  it('counts the dimensions that are used, wherever they lie', () => {
    const used = noise(500, 3);
    const values = Float32Array.from({ length: 500 * 12 }, (_, at) => used.values[Math.floor(at / 12) * 3 + (at % 3)]!);
    const rank = effectiveRank(covarianceEigenvalues({ values, size: 500, width: 12 }));
    expect(rank).toBeGreaterThan(2.9);
    expect(rank).toBeLessThan(3.0001);
  });

  it('takes a zero vector for what it is, and is not thrown', () => {
    const zeros = { values: new Float32Array(20 * 4), size: 20, width: 4 };
    expect(spread(zeros)).toBe(0);
    expect(rankMe(singularValues(zeros))).toBe(1);
    expect(lidar([zeros, zeros])).toBe(1);
  });
});

describe('a look at the health of an encoder', () => {
  const better = lookAtHealth({ layers: [noise(300, 4), noise(300, 12)], views: [noise(60, 12, 1), noise(60, 12, 2)] });
  const worse = lookAtHealth({ layers: [noise(300, 4), collapsed], views: [collapsed, collapsed] });

  it('has the singular values of the last block, and the rank and width of each', () => {
    expect(better.singularValues).toHaveLength(12);
    expect(better.layers.map(({ width }) => width)).toEqual([4, 12]);
    expect(better.layers[1]!.rank).toBe(better.measures.effectiveRank);
    expect(better.layers[0]!.rank).toBeLessThanOrEqual(4);
  });

  it('stands beside that of another', () => {
    const measures = healthBeside(better, worse);
    expect(Object.keys(measures)).toEqual(['std', 'rankme', 'effectiveRank', 'uniformity', 'alignment', 'lidar']);
    for (const name of ['std', 'rankme', 'effectiveRank', 'lidar'])
      expect(measures[name]!.score).toBeGreaterThan(measures[name]!.baseline!);
    expect(measures.uniformity!.score).toBeLessThan(measures.uniformity!.baseline!);
  });
});

describe('the ridge probe', () => {
  it('classifies as scikit-learn’s ridge regression', () => {
    const { width, classes, train, labels, test, predictions } = fixture.ridge;
    const found = ridgePredict(
      { embeddings: points(train, width), labels: Int32Array.from(labels) },
      points(test, width),
      classes,
    );
    expect([...found]).toEqual(predictions);
  });

  it('tells blobs apart, and does not mind features without a spread', () => {
    const train = blobs(200, 5, 3);
    const test = blobs(90, 5, 3, { part: 'test' });
    const widen = ({ embeddings: { values, size } }: typeof train) => ({
      values: Float32Array.from({ length: size * 6 }, (_, at) =>
        at % 6 === 5 ? 3 : values[Math.floor(at / 6) * 5 + (at % 6)]!,
      ),
      size,
      width: 6,
    });
    const found = ridgePredict({ embeddings: widen(train), labels: train.labels }, widen(test), 3);
    expect(found.filter((label, i) => label === test.labels[i]).length / 90).toBeGreaterThan(0.95);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csv, rowsOf } from '../../../webview/numbers/csv';
import { decimate } from '../../../webview/numbers/decimate';
import { cellTowards, fullness, scaleOf } from '../../../webview/numbers/heat';
import { lowerBound, nearest, nearestIndex, neighbour, union } from '../../../webview/numbers/nearest';
import { extent, pointAt, pointTowards } from '../../../webview/numbers/plane';
import { formatTick } from '../../../webview/numbers/tick';
import { smoother } from '../../../webview/numbers/smooth';

const smooth = (values: readonly number[], weight: number) => {
  const next = smoother(weight);
  return values.map((value) => next(value));
};

const increasing = fc.uniqueArray(fc.nat(10_000), { maxLength: 60 }).map((steps) => steps.sort((a, b) => a - b));

describe('smoothing', () => {
  it('leaves values alone without weight', () => expect(smooth([3, 1, 2], 0)).toEqual([3, 1, 2]));

  it('starts at the first value instead of being pulled to zero', () => {
    const [first, second] = smooth([8, 4], 0.5);
    expect(first).toBe(8);
    expect(second).toBeCloseTo((0.5 * 4 + 0.25 * 8) / 0.75, 12);
  });

  it('keeps a constant constant and stays within the range of the values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0, max: 0.98, noNaN: true }),
        (values, weight) => {
          const slack = 1e-6;
          for (const value of smooth(values, weight)) {
            expect(value).toBeGreaterThanOrEqual(Math.min(...values) - slack);
            expect(value).toBeLessThanOrEqual(Math.max(...values) + slack);
          }
        },
      ),
    );
  });

  it('passes over values that are not finite', () => expect(smooth([2, NaN, Infinity, 2], 0.5)).toEqual([2, 2, 2, 2]));
});

describe('logged steps', () => {
  it('finds the nearest, and the earlier of two equally near', () => {
    expect(nearestIndex([10, 20, 30], 26)).toBe(2);
    expect(nearestIndex([10, 20, 30], 25)).toBe(1);
    expect(nearestIndex([10, 20, 30], -5)).toBe(0);
    expect(nearestIndex([10, 20, 30], 99)).toBe(2);
    expect(nearestIndex([], 5)).toBe(-1);
    expect(nearest([{ step: 5 }, { step: 9 }], 8)).toEqual({ step: 9 });
    expect(nearest([], 8)).toBeUndefined();
  });

  it('agrees with looking at every one', () => {
    fc.assert(
      fc.property(increasing, fc.nat(10_000), (steps, step) => {
        fc.pre(steps.length > 0);
        const found = steps[nearestIndex(steps, step)]!;
        expect(Math.abs(found - step)).toBe(Math.min(...steps.map((s) => Math.abs(s - step))));
        expect(lowerBound(steps, step)).toBe(steps.filter((s) => s < step).length);
      }),
    );
  });

  it('goes to the next one and stays at the ends', () => {
    expect(neighbour([10, 20, 30], 20, 1)).toBe(30);
    expect(neighbour([10, 20, 30], 20, -1)).toBe(10);
    expect(neighbour([10, 20, 30], 24, 1)).toBe(30);
    expect(neighbour([10, 20, 30], 24, -1)).toBe(20);
    expect(neighbour([10, 20, 30], 30, 1)).toBe(30);
    expect(neighbour([10, 20, 30], 10, -1)).toBe(10);
  });

  it('unites lists in order and once', () => {
    expect(union([[10, 30], [], [10, 20]])).toEqual([10, 20, 30]);
    expect(union([[1, 2], []])).toEqual([1, 2]);
    expect(union([])).toEqual([]);
  });
});

describe('decimation', () => {
  const steps = Array.from({ length: 100_000 }, (_, i) => i * 10);
  const values = steps.map((step) => Math.sin(step / 5000));

  it('gives a short series as it is', () => {
    expect(decimate([1, 2, 3], [4, 5, 6], 0, 10, 100)).toEqual([
      { x: 1, y: 4 },
      { x: 2, y: 5 },
      { x: 3, y: 6 },
    ]);
    expect(decimate([], [], 0, 10, 100)).toEqual([]);
  });

  it('keeps every spike, the order, and at most two points a pixel', () => {
    const spiked = values.map((value, i) => (i === 54_321 ? 99 : i === 12_345 ? -99 : value));
    const points = decimate(steps, spiked, 0, 1e6, 400);
    expect(points.length).toBeLessThanOrEqual(2 * 400 + 2);
    expect(points.map(({ y }) => y)).toEqual(expect.arrayContaining([99, -99]));
    expect(points.every(({ x }, i) => i === 0 || x > points[i - 1]!.x)).toBe(true);
    expect(points[0]).toEqual({ x: 0, y: values[0] });
    expect(points.at(-1)!.x).toBe(steps.at(-1));
  });

  it('keeps one point beyond either end of the visible steps', () => {
    const shown = decimate(steps, values, 1005, 1025, 400).map(({ x }) => x);
    expect(shown).toEqual([1000, 1010, 1020, 1030]);
  });

  it('shows more of a part than of the whole', () => {
    const part = decimate(steps, values, 5000, 6000, 400);
    expect(part.length).toBe(103);
  });

  it('leaves a gap where a value is not a number', () => {
    const broken = values.map((value, i) => (i === 777 ? NaN : value));
    expect(decimate(steps, broken, 0, 1e6, 400).some(({ y }) => Number.isNaN(y))).toBe(true);
  });
});

describe('csv', () => {
  it('has one row for each step at which anything was logged', () => {
    const metrics = {
      'train/loss': { steps: [10, 20], values: [0.5, 0.25] },
      'eval/knn_top1': { steps: [20], values: [0.71] },
    };
    const { keys, steps, row } = rowsOf(metrics, ['train/loss', 'eval/knn_top1']);
    const text = csv(
      ['step', ...keys],
      steps.map((step, i) => [step, ...row(i)]),
    );
    expect(text).toBe('step,train/loss,eval/knn_top1\r\n10,0.5,\r\n20,0.25,0.71\r\n');
  });

  it('quotes what would break a row', () => {
    expect(csv(['a,b'], [['say "hi"'], ['two\nlines']])).toBe('"a,b"\r\n"say ""hi"""\r\n"two\nlines"\r\n');
  });

  it('keeps full precision', () => expect(csv([], [[0.1 + 0.2]])).toContain('0.30000000000000004'));
});

describe('the plane of the map', () => {
  //      2
  //  0       1
  //      3
  const points = [-2, 0, 2, 0, 0, 1.5, 0, -1.5];

  it('is as large as its farthest coordinate', () => {
    expect(extent(points)).toBe(2);
    expect(extent([])).toBe(0);
  });

  it('finds the point under the pointer, within reach and among the visible', () => {
    expect(pointAt(points, 1.9, 0.1, 0.5)).toBe(1);
    expect(pointAt(points, 1, 1, 0.5)).toBe(-1);
    expect(pointAt(points, 1.9, 0.1, Infinity, (i) => i !== 1)).toBe(2);
  });

  it('walks in the four directions and stays where there is nothing', () => {
    expect(pointTowards(points, 0, 'right')).toBe(2);
    expect(pointTowards(points, 3, 'up')).toBe(2);
    expect(pointTowards(points, 2, 'down')).toBe(3);
    expect(pointTowards(points, 1, 'left')).toBe(2);
    expect(pointTowards(points, 1, 'right')).toBe(1);
    expect(pointTowards(points, 3, 'up', (i) => i !== 2)).toBe(3);
  });
});

describe('labels of an axis', () => {
  it.each([
    [[1.14, 1.135, 1.13], 0.005, ['1.140', '1.135', '1.130']],
    [[0, 0.5, 1], 0.5, ['0', '0.5', '1.0']],
    [[0, 5e-4, 1e-3], 5e-4, ['0', '5e−4', '1e−3']],
    [[0, 200, 400], 200, ['0', '200', '400']],
    [[10_000, 15_000], 5_000, ['10k', '15k']],
    [[-2, -1], 1, ['−2', '−1']],
    [[0.001, 0.01, 0.1], 0, ['0.001', '0.01', '0.1']],
  ])('tell %j apart', (values, spacing, labels) =>
    expect(values.map((value) => formatTick(value, spacing, false))).toEqual(labels),
  );

  it('give shares their percent sign', () => {
    expect([0, 0.005, 0.01].map((value) => formatTick(value, 0.005, true))).toEqual(['0%', '0.5%', '1.0%']);
    expect(formatTick(0.5, 0.25, true)).toBe('50%');
  });
});

describe('a heat map', () => {
  it('is empty at the least number and full at the most', () => {
    const scale = scaleOf([0.2, 0.7, 0.4]);
    expect([0.2, 0.45, 0.7].map((value) => fullness(value, scale))).toEqual([0, expect.closeTo(0.5), 1]);
  });

  it('stays within its colours, and is full where there is one number alone', () => {
    expect(fullness(-3, { low: 0, high: 1 })).toBe(0);
    expect(fullness(3, { low: 0, high: 1 })).toBe(1);
    expect(fullness(0.4, scaleOf([0.4, 0.4]))).toBe(1);
  });

  it('is walked with the arrow keys, up to its edges', () => {
    const size = { rows: 3, columns: 5 };
    expect(cellTowards('ArrowRight', { row: 1, column: 2 }, size)).toEqual({ row: 1, column: 3 });
    expect(cellTowards('ArrowDown', { row: 2, column: 2 }, size)).toEqual({ row: 2, column: 2 });
    expect(cellTowards('End', { row: 0, column: 1 }, size)).toEqual({ row: 0, column: 4 });
    expect(cellTowards('Enter', { row: 0, column: 1 }, size)).toBeUndefined();
  });
});

import { expect, it, vi } from 'vitest';

vi.hoisted(() => Object.assign(globalThis, { acquireVsCodeApi: () => ({}) }));
const { mistakes } = await import('../../../webview/confusion');

const file = (counts: number[], classes = ['a', 'b', 'c']) => ({
  step: 1,
  png: 'media/p.png',
  classes,
  counts,
  baseline: { name: 'random init' as const, counts },
});

it('lists what is taken for something else, the most frequent of its class first', () => {
  // a: 6 of 10 right, b: all right, c: 1 of 2 taken for a.
  const found = mistakes(file([6, 3, 1, 0, 10, 0, 1, 0, 1]));
  expect(found.map(({ truth, answer, images }) => [truth, answer, images])).toEqual([
    [2, 0, 1],
    [0, 1, 3],
    [0, 2, 1],
  ]);
  expect(found[0]!.share).toBe(0.5);
});

it('lists nothing when all is right, or a class has no image', () => {
  expect(mistakes(file([3, 0, 0, 0, 0, 0, 0, 0, 2]))).toEqual([]);
});

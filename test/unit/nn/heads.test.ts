import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { head, initHead } from '../../../trainer/nn/heads';
import type { HeadConfig } from '../../../trainer/nn/heads';
import { normal } from '../../../trainer/nn/initializers';
import { evaluate } from './evaluate';

const widths = [5, 7, 7, 3];
const x = normal([6, 5], 2, 0, 'x');

const shapesOf = (norms: HeadConfig['norms']) =>
  Object.fromEntries(Object.entries(initHead('h', { widths, norms }, 0)).map(([name, { shape }]) => [name, shape]));

async function run(norms: HeadConfig['norms'], training: boolean) {
  const config = { widths, norms };
  const { y, ...updates } = await evaluate(
    (params, inputs) => {
      const updates: Record<string, Tensor> | undefined = training ? {} : undefined;
      return { y: head(params, 'h', config, inputs.x as Tensor2D, updates), ...updates };
    },
    initHead('h', config, 3),
    { x },
  );
  return { y: y!, updates };
}

describe('a head', () => {
  it('without norms has biases', () => {
    expect(Object.keys(shapesOf('none'))).toEqual([0, 1, 2].flatMap((i) => [`h.${i}.kernel`, `h.${i}.bias`]));
  });

  it('with norms has no biases; the last norm has nothing to train', () => {
    const all = shapesOf('all');
    expect(Object.keys(all).filter((name) => name.endsWith('bias'))).toEqual([]);
    expect(all['h.1.norm.scale']).toEqual([7]);
    expect(all['buffer.h.2.norm.mean']).toEqual([3]);
    expect(all['h.2.norm.scale']).toBeUndefined();
    expect(shapesOf('hidden')['buffer.h.2.norm.mean']).toBeUndefined();
    expect(shapesOf('hidden')['h.1.norm.scale']).toEqual([7]);
  });

  it('ends in values of mean 0 and variance 1 over the batch when its last layer has a norm', async () => {
    const { y, updates } = await run('all', true);
    expect(y.shape).toEqual([6, 3]);
    for (let column = 0; column < 3; column++) {
      const values = Array.from({ length: 6 }, (_, row) => y.data[row * 3 + column]!);
      const mean = values.reduce((a, b) => a + b) / 6;
      expect(mean).toBeCloseTo(0, 5);
      expect(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 6).toBeCloseTo(1, 3);
    }
    expect(Object.keys(updates).sort()).toEqual(
      [0, 1, 2].flatMap((i) => [`buffer.h.${i}.norm.mean`, `buffer.h.${i}.norm.variance`]),
    );
  });

  it('goes by the running statistics otherwise, and moves none', async () => {
    const { y, updates } = await run('all', false);
    expect(y.data).not.toEqual((await run('all', true)).y.data);
    expect(updates).toEqual({});
  });

  it('is linear behind the last ReLU, so it has values of both signs', async () => {
    for (const norms of ['none', 'hidden'] as const) {
      const { y } = await run(norms, true);
      expect(Math.min(...y.data)).toBeLessThan(0);
      expect(Math.max(...y.data)).toBeGreaterThan(0);
    }
  });
});

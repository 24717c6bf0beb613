import type { Tensor3D } from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { normal } from '../../../trainer/nn/initializers';
import { initTransformer, partsOf, transformer } from '../../../trainer/nn/transformer';
import { evaluate } from './evaluate';

const config = { width: 8, depth: 2, heads: 2, mlpRatio: 2 };

it('a transformer asked for the last tokens gives what it gives for them when asked for all', async () => {
  const { all, last } = await evaluate(
    (p, { tokens }) => ({
      all: transformer(p, 'some', config, tokens as Tensor3D),
      last: transformer(p, 'some', config, tokens as Tensor3D, 3),
    }),
    initTransformer('some', config, 1),
    { tokens: normal([2, 5, 8], 1, 2, 'tokens') },
  );
  expect(last!.shape).toEqual([2, 2, 8]);
  last!.data.forEach((value, i) => expect(value).toBeCloseTo(all!.data[i < 16 ? 24 + i : 48 + i]!, 5));
});

it('a batch whose hidden layer is large goes through the blocks in parts, if it can be halved', () => {
  const million = 2 ** 20;
  expect([1, 2, 3, 4, 5, 9, 1000].map((hidden) => partsOf(32, hidden * million))).toEqual([1, 1, 2, 2, 4, 8, 8]);
  expect([1, 3, 6, 12].map((batch) => partsOf(batch, 16 * million))).toEqual([1, 1, 2, 4]);
});

it('a batch in parts gives what its images give one by one', async () => {
  const config = { width: 64, depth: 1, heads: 2, mlpRatio: 300 };
  const tokens = normal([2, 64, 64], 1, 3, 'tokens');
  expect(partsOf(2, tokens.data.length * config.mlpRatio)).toBe(2);
  const one = (at: number) => ({
    shape: [1, 64, 64],
    dtype: 'float32' as const,
    data: tokens.data.slice(at, at + 64 * 64),
  });
  const { both, first, second } = await evaluate(
    (p, given) =>
      Object.fromEntries(
        Object.entries(given).map(([key, some]) => [key, transformer(p, 'some', config, some as Tensor3D)]),
      ),
    initTransformer('some', config, 1),
    { both: tokens, first: one(0), second: one(64 * 64) },
    'onnx',
  );
  [...first!.data, ...second!.data].forEach((value, i) => expect(both!.data[i]).toBeCloseTo(value, 4));
});

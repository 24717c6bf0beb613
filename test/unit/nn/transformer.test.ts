import type { Tensor3D } from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { normal } from '../../../trainer/nn/initializers';
import { initTransformer, transformer } from '../../../trainer/nn/transformer';
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

import * as tf from '@tensorflow/tfjs-core';
import type { Tensor3D } from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { standardize } from '../../../trainer/engine/ops';
import { normal } from '../../../trainer/nn/initializers';
import { initTransformer, lastAttention, transformer } from '../../../trainer/nn/transformer';
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

it('the attention of the last block is that by which it mixes its values', async () => {
  // One head, values and output unchanged, no MLP: what the block adds to a token is its attention times the normed tokens.
  const width = 4;
  const one = { width, depth: 1, heads: 1, mlpRatio: 1 };
  const fresh = initTransformer('some', one, 4);
  const zeros = (name: string) => ({ ...fresh[name]!, data: new Float32Array(fresh[name]!.data.length) });
  const identity = (at: number, columns: number) => (_: number, i: number) =>
    i % columns === at + Math.floor(i / columns) ? 1 : 0;
  const qkv = fresh['some.blocks.0.attention.qkv.kernel']!;
  const values = Float32Array.from(qkv.data, (x, i) =>
    i % (3 * width) < 2 * width ? 2 * x : identity(2 * width, 3 * width)(x, i),
  );
  const params = {
    ...fresh,
    'some.blocks.0.attention.qkv.kernel': { ...qkv, data: values },
    'some.blocks.0.attention.out.kernel': {
      ...fresh['some.blocks.0.attention.out.kernel']!,
      data: Float32Array.from({ length: width * width }, identity(0, width)),
    },
    'some.blocks.0.mlp.down.kernel': zeros('some.blocks.0.mlp.down.kernel'),
  };
  const { mixed, expected } = await evaluate(
    (p, given) => {
      const tokens = given.tokens as Tensor3D;
      const weights: Tensor3D = tf.reshape(lastAttention(p, 'some', one, tokens), [2, 5, 5]);
      const normed = standardize(tokens, 1e-6);
      return {
        mixed: transformer(p, 'some', one, tokens),
        expected: standardize(tf.add(tokens, tf.matMul(weights, normed)), 1e-6),
      };
    },
    params,
    { tokens: normal([2, 5, width], 1, 2, 'tokens') },
  );
  mixed!.data.forEach((value, i) => expect(value).toBeCloseTo(expected!.data[i]!, 4));
});

import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor3D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { stepCost } from '../../../trainer/engine/cost';
import { standardize, valueAndGrads } from '../../../trainer/engine/ops';
import { specsOf } from '../../../trainer/engine/shapes';
import type { Step, Tensors } from '../../../trainer/engine/types';
import { normal } from '../../../trainer/nn/initializers';
import { initTransformer, lastAttention, transformer } from '../../../trainer/nn/transformer';
import { enginesUnderTest } from '../../engines';
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

describe('a transformer whose blocks are computed again for the gradient', () => {
  const gradients =
    (recompute: boolean): Step =>
    (state, { tokens }) => {
      const { value, grads } = valueAndGrads(
        (p) => tf.sum<Scalar>(tf.square(transformer(p, 'some', { ...config, recompute }, tokens as Tensor3D, 1))),
        state,
      );
      return { outputs: { value, ...grads } };
    };
  const params = initTransformer('some', config, 1);

  it.each([...enginesUnderTest, 'onnx-plain', 'reference'] as const)('has the same gradients on %s', async (engine) => {
    const tokens = normal([2, 5, 8], 1, 2, 'tokens');
    const again = await evaluate((p, given) => gradients(true)(p, given).outputs, params, { tokens }, engine);
    const kept = await evaluate((p, given) => gradients(false)(p, given).outputs, params, { tokens }, engine);
    expect(Object.keys(again)).toEqual(Object.keys(kept));
    for (const [name, { data }] of Object.entries(again))
      data.forEach((value, i) => expect(value).toBeCloseTo(kept[name]!.data[i]!, 4));
  });

  it('holds less at once, and computes more', () => {
    const deep = { ...config, depth: 8 };
    const inputs = { tokens: { shape: [64, 16, 8], dtype: 'float32' } } as const;
    const spec = { state: specsOf(initTransformer('some', deep, 1)), inputs };
    const cost = (recompute: boolean) =>
      stepCost((state, { tokens }) => {
        const f = (p: Tensors) => tf.sum<Scalar>(transformer(p, 'some', { ...deep, recompute }, tokens as Tensor3D));
        return { outputs: valueAndGrads(f, state).grads };
      }, spec);
    expect(cost(true).peakBytes).toBeLessThan(0.5 * cost(false).peakBytes);
    // One of four products: forward, again, and two for the gradients.
    expect(cost(true).productFlops / cost(false).productFlops).toBeGreaterThan(1.2);
    expect(cost(true).productFlops / cost(false).productFlops).toBeLessThan(1.4);
  });
});

import type { Tensor } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { HostTensors } from '../../../trainer/engine/types';
import { batchNorm, initBatchNorm, type BatchNormOptions } from '../../../trainer/nn/batch-norm';
import { evaluate, float32 } from './evaluate';

const train = (params: HostTensors, x: HostTensors[string], options: BatchNormOptions = {}, times = 1) =>
  evaluate(
    (p, given) => {
      const updates: Record<string, Tensor> = {};
      let y = given.x!;
      for (let i = 0; i < times; i++) y = batchNorm(p, 'norm', given.x!, updates, options);
      return { y, ...updates };
    },
    params,
    { x },
  );

const close = (actual: HostTensors[string], expected: readonly number[]) =>
  expected.forEach((value, i) => expect(actual.data[i]).toBeCloseTo(value, 4));

describe('a batch norm', () => {
  it('in training gives every channel of the batch mean 0 and variance 1', async () => {
    const { y } = await train(initBatchNorm('norm', 2), float32([2, 2], [1, 10, 3, 30]));
    close(y!, [-1, -1, 1, 1]);
  });

  it('takes the statistics of an image over its places too', async () => {
    const { y } = await train(initBatchNorm('norm', 1), float32([1, 2, 2, 1], [1, 1, 3, 3]));
    close(y!, [-1, -1, 1, 1]);
  });

  it('then scales and shifts', async () => {
    const params = { ...initBatchNorm('norm', 1), 'norm.scale': float32([1], [3]), 'norm.shift': float32([1], [5]) };
    const { y } = await train(params, float32([2, 1], [1, 3]));
    close(y!, [2, 8]);
  });

  it('moves the running statistics a tenth towards the batch’s mean and unbiased variance', async () => {
    const updates = await train(initBatchNorm('norm', 1), float32([2, 1], [1, 3]));
    close(updates['buffer.norm.mean']!, [0.2]);
    close(updates['buffer.norm.variance']!, [0.9 + 0.2]);
  });

  it('moves them twice when a step runs it twice', async () => {
    const updates = await train(initBatchNorm('norm', 1), float32([2, 1], [1, 3]), {}, 2);
    close(updates['buffer.norm.mean']!, [0.38]);
  });

  it('in evaluation knows nothing of the batch', async () => {
    const params = {
      ...initBatchNorm('norm', 1),
      'buffer.norm.mean': float32([1], [2]),
      'buffer.norm.variance': float32([1], [4]),
    };
    const { y } = await evaluate((p, given) => ({ y: batchNorm(p, 'norm', given.x!) }), params, {
      x: float32([3, 1], [2, 4, 8]),
    });
    close(y!, [0, 1, 3]);
  });

  it('without scale and shift has nothing to train', async () => {
    const params = initBatchNorm('norm', 2, { affine: false });
    expect(Object.keys(params)).toEqual(['buffer.norm.mean', 'buffer.norm.variance']);
    const { y } = await train(params, float32([2, 2], [1, 10, 3, 30]), { affine: false });
    close(y!, [-1, -1, 1, 1]);
  });

  it('refuses to train on a single value', async () => {
    const single = train(initBatchNorm('norm', 2), float32([1, 2], [1, 2]));
    await expect(single).rejects.toThrow(/norm: .*single value of each channel; use a larger batch/);
  });
});

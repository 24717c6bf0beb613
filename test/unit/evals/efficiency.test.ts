import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { Tensors } from '../../../trainer/engine/types';
import { efficiencyCounts, efficiencySpeeds, type EfficiencyInput } from '../../../trainer/evals/efficiency';
import { constant } from '../../../trainer/nn/initializers';
import { enginesUnderTest, testEngine } from '../../engines';

/** Two images of 4 px a batch, 48 values each, and a linear encoder of them with 5 outputs. */
const BATCH = 2;
const images = { shape: [BATCH, 4, 4, 3], dtype: 'float32' as const };
const encoder = {
  embed: (params: Tensors, images: Tensor4D): Tensor2D =>
    tf.matMul(tf.reshape(images, [-1, 48]), params['encoder.kernel']!),
};
const fresh = {
  'encoder.kernel': constant([48, 5], 0.1),
  'buffer.encoder.seen': constant([7], 0),
  'head.kernel': constant([5, 3], 1),
  'optimizer.moment': constant([100], 0),
};
const input: EfficiencyInput = {
  encoder,
  imageSize: 4,
  training: {
    fresh,
    batchSize: BATCH,
    inputs: { images },
    given: () => ({ images: new Float32Array(BATCH * 48) }),
    step: (params, { images }) => ({
      outputs: { y: tf.sum<Scalar>(tf.matMul(encoder.embed(params, images as Tensor4D), params['head.kernel']!)) },
    }),
  },
};
const options = { seconds: 0.01, embedBatch: 4 };

describe.each(enginesUnderTest)('efficiency, on the %s engine', async (name) => {
  const engine = await testEngine(name, { threads: 1 });

  it('counts what is trained, and FLOPs per image', () => {
    expect(efficiencyCounts(input)).toMatchObject({
      encoderParameters: 48 * 5,
      parameters: 48 * 5 + 5 * 3,
      forwardFlops: 2 * 48 * 5,
      stepFlops: 2 * 48 * 5 + 2 * 5 * 3 + 3,
    });
  });

  it('measures images a second of both, telling how far it is', async () => {
    const told: number[] = [];
    const speeds = await efficiencySpeeds(engine, input, options, { onProgress: (done) => told.push(done) });
    expect(speeds.step).toBeGreaterThan(0);
    expect(speeds.embed).toBeGreaterThan(0);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBe(1);
  });

  it('ends when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(efficiencySpeeds(engine, input, options, { signal })).rejects.toThrow('enough');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { patchify, patchRows, unpatchify } from '../../../trainer/nn/patches';
import { evaluate, float32, int32 } from './evaluate';

const counting = (length: number) => Float32Array.from({ length }, (_, i) => i);

describe('patches', () => {
  it('go row by row, their pixels row by row, channels last', async () => {
    const images = float32([1, 4, 4, 1], counting(16));
    const { patches } = await evaluate(
      (_, given) => ({ patches: patchify(given.images as Tensor4D, 2) }),
      {},
      { images },
    );
    expect(patches!.shape).toEqual([1, 4, 4]);
    expect([...patches!.data]).toEqual([0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]);
  });

  it('put together again give the image', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        async (batch, side, patchSize, channels) => {
          const size = side * patchSize;
          const images = float32([batch, size, size, channels], counting(batch * size * size * channels));
          const { back } = await evaluate(
            (_, given) => ({ back: unpatchify(patchify(given.images as Tensor4D, patchSize), patchSize) }),
            {},
            { images },
          );
          expect(back).toEqual(images);
        },
      ),
      { numRuns: 20 },
    ));

  it('are found in the rows of the whole batch', async () => {
    const indices = int32([3, 2], [0, 3, 2, 1, 3, 3]);
    const { rows } = await evaluate((_, given) => ({ rows: patchRows(given.indices as Tensor2D, 4) }), {}, { indices });
    expect([...rows!.data]).toEqual([0, 3, 6, 5, 11, 11]);
  });
});

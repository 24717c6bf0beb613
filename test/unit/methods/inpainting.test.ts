import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PretrainConfig } from '../../../protocol/config';
import type { HostTensors, TypedArray } from '../../../trainer/engine/types';
import { drawHoles } from '../../../trainer/methods/holes';
import { createMethod } from '../../../trainer/methods/index';
import { normal } from '../../../trainer/nn/initializers';
import { random } from '../../../trainer/random/random';
import { evaluate, withSpecs } from '../nn/evaluate';

const SIZE = 12;
const BATCH = 2;
const PIXELS = SIZE * SIZE;

const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);

describe('holes', () => {
  const shapes = fc.record({
    hole: fc.constantFrom('centre' as const, 'blocks' as const),
    holeArea: fc.double({ min: 0.02, max: 0.8, noNaN: true }),
    overlap: fc.constantFrom(0, 1 / 32, 0.1),
  });
  const rowOf = (mask: TypedArray, size: number, image: number) =>
    mask.subarray(image * size * size, (image + 1) * size * size);

  it('cover the share that is asked for: a square up to rounding, blocks by at most one block more', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 8, max: 40 }), fc.nat(), (holes, size, key) => {
        const { hole } = drawHoles(holes, 2, size, random(key));
        for (const image of [0, 1]) {
          const cut = sum(rowOf(hole!, size, image));
          const largest = (1.5 * Math.sqrt(holes.holeArea / 4) * size + 1) ** 2;
          if (holes.hole === 'centre') expect(cut).toBe(Math.round(Math.sqrt(holes.holeArea) * size) ** 2);
          else expect(cut).toBeGreaterThanOrEqual(Math.round(holes.holeArea * size * size));
          if (holes.hole === 'blocks') expect(cut).toBeLessThan(Math.round(holes.holeArea * size * size) + largest);
        }
      }),
    );
  });

  it('have a band around them of the width that is asked for, as far as the image goes', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 8, max: 24 }), fc.nat(), (holes, size, key) => {
        const { hole, overlap } = drawHoles(holes, 1, size, random(key));
        const band = Math.round(holes.overlap * size);
        const near = (pixel: number) => {
          const [row, column] = [Math.floor(pixel / size), pixel % size];
          for (let r = Math.max(0, row - band); r <= Math.min(size - 1, row + band); r++) {
            for (let c = Math.max(0, column - band); c <= Math.min(size - 1, column + band); c++) {
              if (hole![r * size + c] === 1) return true;
            }
          }
          return false;
        };
        expect([...overlap!]).toEqual(Array.from(hole!, (cut, pixel) => (cut === 0 && near(pixel) ? 1 : 0)));
      }),
    );
  });

  it('are in the middle or anywhere, others for each image and step, the same for the same key', () => {
    const draw = (hole: 'centre' | 'blocks', key: number) =>
      drawHoles({ hole, holeArea: 0.25, overlap: 0 }, 2, 8, random(key)).hole!;
    const centre = Array.from({ length: 64 }, (_, i) =>
      Math.abs((i >> 3) - 3.5) < 2 && Math.abs((i & 7) - 3.5) < 2 ? 1 : 0,
    );
    expect([...rowOf(draw('centre', 1), 8, 1)]).toEqual(centre);
    expect(draw('blocks', 1)).toEqual(draw('blocks', 1));
    expect(draw('blocks', 1)).not.toEqual(draw('blocks', 2));
    expect(rowOf(draw('blocks', 1), 8, 0)).not.toEqual(rowOf(draw('blocks', 1), 8, 1));
  });
});

describe('the loss', () => {
  const config = PretrainConfig.parse({
    method: 'inpainting',
    backbone: { patchSize: 4, width: 8, depth: 1, heads: 2, mlpRatio: 2 },
    decoder: { width: 12, depth: 1, heads: 3 },
    overlap: 0.1,
    overlapWeight: 10,
  });
  const method = createMethod(config, SIZE);
  const params = method.init(5);
  const draws = method.draw(BATCH, random('draws'));
  const images = normal([BATCH, SIZE, SIZE, 3], 1, 0, 'images').data as Float32Array;
  const inputsWith = (data: Float32Array): HostTensors => withSpecs({ ...draws, images: data }, method.inputs(BATCH));
  const lossOf = async (data: Float32Array, given = params) => {
    const { loss, hole } = await evaluate(
      (p, inputs) => {
        const { loss, metrics } = method.loss(p, inputs);
        return { loss, hole: metrics['train/hole_loss']! };
      },
      given,
      inputsWith(data),
    );
    return { loss: loss!.data[0]!, hole: hole!.data[0]! };
  };
  /** Other values wherever the pixel is of that kind. */
  const changed = (where: (cut: boolean, band: boolean) => boolean) =>
    images.map((value, i) => {
      const pixel = Math.floor(i / 3);
      return where(draws.hole![pixel] === 1, draws.overlap![pixel] === 1) ? 5 - 2 * value : value;
    });
  // With its last layer at zero the decoder predicts 0 everywhere, whatever the encoder saw.
  const kernel = params['decoder.pixels.kernel']!;
  const blind = { ...params, 'decoder.pixels.kernel': { ...kernel, data: new Float32Array(kernel.data.length) } };

  it('is the mean squared error in the holes, and in the band around them with its weight', async () => {
    const errors = Array.from({ length: BATCH * PIXELS }, (_, pixel) =>
      sum(images.subarray(3 * pixel, 3 * pixel + 3).map((value) => (value * value) / 3)),
    );
    const mean = (weights: readonly number[]) => sum(errors.map((error, i) => error * weights[i]!)) / sum(weights);
    const { loss, hole } = await lossOf(images, blind);
    expect(loss).toBeCloseTo(mean(errors.map((_, i) => draws.hole![i]! + 10 * draws.overlap![i]!)), 5);
    expect(hole).toBeCloseTo(mean([...draws.hole!]), 5);
  });

  it('does not count how anything else is predicted', async () => {
    const { loss } = await lossOf(images, blind);
    expect(
      (
        await lossOf(
          changed((cut, band) => !cut && !band),
          blind,
        )
      ).loss,
    ).toBe(loss);
    expect(
      (
        await lossOf(
          changed((_, band) => band),
          blind,
        )
      ).loss,
    ).not.toBeCloseTo(loss, 1);
  });

  it('is of a prediction that sees all that is not cut out, and nothing of what is', async () => {
    const guess = async (data: Float32Array) =>
      (await evaluate((p, given) => ({ guess: method.pictures.paint(p, given).guess! }), params, inputsWith(data)))
        .guess!;
    const usual = await guess(images);
    expect(usual.shape).toEqual([BATCH, SIZE, SIZE, 3]);
    expect(await guess(changed((cut) => cut))).toEqual(usual);
    expect(await guess(changed((_, band) => band))).not.toEqual(usual);
  });

  it('is painted for each image, beside the holes filled with the guess', async () => {
    const painted = await evaluate((p, given) => method.pictures.paint(p, given), params, inputsWith(images));
    const cut = (i: number) => draws.hole![Math.floor(i / 3)] === 1;
    expect(painted.truth!.data).toEqual(images);
    painted.hole!.data.forEach((value, i) => expect(value).toBeCloseTo(cut(i) ? 0 : images[i]!, 6));
    painted.pasted!.data.forEach((value, i) =>
      expect(value).toBeCloseTo(cut(i) ? painted.guess!.data[i]! : images[i]!, 5),
    );
    expect(painted.loss!.shape).toEqual([BATCH]);
    const weights = [0, 1].map(
      (image) =>
        sum(draws.hole!.subarray(image * PIXELS, (image + 1) * PIXELS)) +
        10 * sum(draws.overlap!.subarray(image * PIXELS, (image + 1) * PIXELS)),
    );
    const overall = sum(weights.map((weight, image) => weight * painted.loss!.data[image]!)) / sum(weights);
    expect(overall).toBeCloseTo((await lossOf(images)).loss, 5);
  });
});

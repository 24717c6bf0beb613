import fc from 'fast-check';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { PretrainConfig } from '../../../protocol/config';
import { createEngine } from '../../../trainer/engine/index';
import { valueAndGrads } from '../../../trainer/engine/ops';
import type { EngineName, HostTensors, TypedArray } from '../../../trainer/engine/types';
import { createMethod } from '../../../trainer/methods/index';
import { visiblePatches } from '../../../trainer/methods/mae';
import type { PatchEncoder } from '../../../trainer/nn/encoder';
import { normal } from '../../../trainer/nn/initializers';
import { adamw } from '../../../trainer/nn/adamw';
import { trainStep } from '../../../trainer/nn/train-step';
import { random } from '../../../trainer/random/random';
import { evaluate, specsOf, withSpecs } from '../nn/evaluate';

const SIZE = 12;
const PATCH = 4;
const PATCHES = 9;
const VISIBLE = 3;
const BATCH = 2;
const PIXELS = SIZE * SIZE * 3;

const configOf = (changes: object = {}) =>
  PretrainConfig.parse({
    backbone: { patchSize: PATCH, width: 8, depth: 1, heads: 2, mlpRatio: 2 },
    decoder: { width: 12, depth: 1, heads: 3 },
    maskRatio: 0.65,
    normalizeTarget: false,
    ...changes,
  });

const method = createMethod(configOf(), SIZE);
const params = method.init(5);
const draws = method.draw(BATCH, random('draws'));
const specs = method.inputs(BATCH);
const images = normal([BATCH, SIZE, SIZE, 3], 1, 0, 'images');
const inputsWith = (data: TypedArray = images.data): HostTensors => withSpecs({ ...draws, images: data }, specs);

const isHidden = (image: number, patch: number) => draws.restore![image * PATCHES + patch]! >= VISIBLE;
/** The image and the patch that value `i` of the batch belongs to. */
function place(i: number): [image: number, patch: number] {
  const pixel = Math.floor((i % PIXELS) / 3);
  const [row, column] = [Math.floor(pixel / SIZE), pixel % SIZE];
  return [Math.floor(i / PIXELS), Math.floor(row / PATCH) * (SIZE / PATCH) + Math.floor(column / PATCH)];
}
/** The images with other values wherever `where` says so. */
const changed = (where: (hidden: boolean) => boolean) =>
  Float32Array.from(images.data, (value, i) => (where(isHidden(...place(i))) ? 5 - 2 * value : value));

const lossOf = async (data: TypedArray, of = method) =>
  (await evaluate((p, given) => ({ loss: of.loss(p, given).loss }), params, inputsWith(data))).loss!.data[0]!;

describe('masking', () => {
  const draw = (patches: number, batch: number, key: number) => {
    const side = Math.sqrt(patches);
    return createMethod(configOf(), side * PATCH).draw(batch, random(key));
  };

  it('shuffles each image’s patches, and `restore` undoes `shuffle`', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 8 }), fc.integer({ min: 1, max: 4 }), fc.nat(), (side, batch, key) => {
        const patches = side * side;
        const drawn = draw(patches, batch, key);
        for (let image = 0; image < batch; image++) {
          const row = (name: string) => [...drawn[name]!.slice(image * patches, (image + 1) * patches)];
          const [shuffle, restore] = [row('shuffle'), row('restore')];
          expect(shuffle.toSorted((a, b) => a - b)).toEqual(shuffle.map((_, i) => i));
          expect(restore.map((at) => shuffle[at])).toEqual(shuffle.map((_, i) => i));
        }
      }),
    );
  });

  it('shows as many patches as the ratio leaves, rounded down', () => {
    expect([0.75, 0.65, 0.5].map((ratio) => visiblePatches(9, ratio))).toEqual([2, 3, 4]);
  });

  it('shows every pair of patches to the encoder equally often', () => {
    const [patches, batch] = [9, 20_000];
    const { shuffle } = draw(patches, batch, 1);
    const pairs = new Map<string, number>();
    for (let image = 0; image < batch; image++) {
      const [a, b] = shuffle!.slice(image * patches, image * patches + 2).toSorted();
      pairs.set(`${a},${b}`, (pairs.get(`${a},${b}`) ?? 0) + 1);
    }
    // 36 pairs, each expected 555.6 times; 66.6 is the 0.1% quantile of chi-squared with 35 degrees of freedom.
    const expected = batch / 36;
    const chiSquared = [...pairs.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(pairs.size).toBe(36);
    expect(chiSquared).toBeLessThan(66.6);
  });

  it('draws another mask for each image and step, and the same one for the same key', () => {
    const first = draw(64, 2, 1).shuffle!;
    expect(draw(64, 2, 1).shuffle).toEqual(first);
    expect(draw(64, 2, 2).shuffle).not.toEqual(first);
    expect(first.slice(0, 64)).not.toEqual(first.slice(64));
  });
});

describe.each(['block', 'grid'] as const)('masking by %s', (masking) => {
  const side = 8;
  const ratio = (chosen: number) => (masking === 'grid' ? 0.75 : chosen);
  const draw = (maskRatio: number, key: number) => {
    const config = configOf({ masking, maskRatio: ratio(maskRatio) });
    return createMethod(config, side * PATCH).draw(BATCH, random(key));
  };
  /** Of each image, which patches are hidden. */
  const hidden = (maskRatio: number, key: number) => {
    const visible = visiblePatches(side * side, ratio(maskRatio));
    const restore = [...draw(maskRatio, key).restore!];
    return [0, 1].map((image) =>
      restore.slice(image * side * side, (image + 1) * side * side).map((at) => at >= visible),
    );
  };
  const ratios = fc.double({ min: 0.1, max: 0.9, noNaN: true });

  it('orders all patches, and `restore` undoes `shuffle`', () => {
    fc.assert(
      fc.property(ratios, fc.nat(), (maskRatio, key) => {
        const { shuffle, restore } = draw(maskRatio, key);
        for (let image = 0; image < BATCH; image++) {
          const row = (order: TypedArray) => [...order.slice(image * side * side, (image + 1) * side * side)];
          expect(row(shuffle!).toSorted((a, b) => a - b)).toEqual(row(shuffle!).map((_, i) => i));
          expect(row(restore!).map((at) => row(shuffle!)[at])).toEqual(row(shuffle!).map((_, i) => i));
        }
      }),
    );
  });

  it('hides the share that is asked for', () => {
    fc.assert(
      fc.property(ratios, fc.nat(), (maskRatio, key) => {
        for (const mask of hidden(maskRatio, key)) {
          const visible = visiblePatches(side * side, ratio(maskRatio));
          expect(mask.filter(Boolean)).toHaveLength(side * side - visible);
        }
      }),
    );
  });

  it('draws another mask for each image and step, and the same one for the same key', () => {
    const masks = Array.from({ length: 40 }, (_, key) => hidden(0.5, key)).flat();
    // A grid has four places.
    expect(new Set(masks.map(String)).size).toBe(masking === 'grid' ? 4 : 80);
    expect(hidden(0.5, 1)).toEqual(hidden(0.5, 1));
  });

  it(
    masking === 'grid' ? 'leaves one of every 2 x 2 patches, in the same place' : 'hides in one piece what it can',
    () => {
      const neighbours = (mask: readonly boolean[]) =>
        mask.filter((is, i) => is && i % side < side - 1 && mask[i + 1]).length;
      const masks = Array.from({ length: 50 }, (_, key) => hidden(0.5, key)).flat();
      if (masking === 'grid') {
        for (const mask of masks) {
          const seen = mask.flatMap((is, i) => (is ? [] : [`${Math.floor(i / side) % 2},${i % 2}`]));
          expect(seen).toHaveLength(16);
          expect(new Set(seen).size).toBe(1);
        }
      } else {
        // Of 32 hidden ones drawn one by one, 14 would have a hidden neighbour on the right: 56 pairs, a quarter of them.
        const average = masks.reduce((sum, mask) => sum + neighbours(mask), 0) / masks.length;
        expect(average).toBeGreaterThan(20);
      }
    },
  );
});

describe('the encoder', () => {
  const tokensOf = async (data: TypedArray) => {
    const encoder = method.encoder as PatchEncoder;
    const { tokens } = await evaluate(
      (p, given) => {
        const keep: Tensor2D = tf.slice(given.shuffle as Tensor2D, [0, 0], [-1, VISIBLE]);
        return { tokens: encoder.encodeVisible(p, given.images as Tensor4D, keep) };
      },
      params,
      inputsWith(data),
    );
    return tokens!;
  };

  it('sees the visible patches and nothing of the hidden ones', async () => {
    const tokens = await tokensOf(images.data);
    expect(tokens.shape).toEqual([BATCH, VISIBLE, 8]);
    expect(await tokensOf(changed((hidden) => hidden))).toEqual(tokens);
    expect(await tokensOf(changed((hidden) => !hidden))).not.toEqual(tokens);
  });
});

describe('the loss', () => {
  it('does not count how visible patches are predicted', async () => {
    // With its last layer at zero the decoder predicts 0 everywhere, whatever the encoder saw.
    const blind = {
      ...params,
      'decoder.pixels.kernel': { ...params['decoder.pixels.kernel']!, data: new Float32Array(12 * PATCH * PATCH * 3) },
    };
    const blindLoss = async (data: TypedArray) =>
      (await evaluate((p, given) => ({ loss: method.loss(p, given).loss }), blind, inputsWith(data))).loss!.data[0]!;
    const loss = await blindLoss(images.data);
    expect(await blindLoss(changed((hidden) => !hidden))).toBe(loss);

    const hidden = [...images.data].filter((_, i) => isHidden(...place(i)));
    expect(loss).toBeCloseTo(hidden.reduce((sum, value) => sum + value * value, 0) / hidden.length, 5);
    expect(await blindLoss(changed((is) => is))).not.toBeCloseTo(loss, 1);
  });

  it('of normalised targets does not change with the brightness or contrast of hidden patches', async () => {
    const normalizing = createMethod(configOf({ normalizeTarget: true }), SIZE);
    const adjusted = Float32Array.from(images.data, (value, i) => (isHidden(...place(i)) ? 3 * value + 7 : value));
    expect(await lossOf(adjusted, normalizing)).toBeCloseTo(await lossOf(images.data, normalizing), 4);
    expect(await lossOf(adjusted)).not.toBeCloseTo(await lossOf(images.data), 1);
  });

  it('does not depend on the order in which the visible patches enter', async () => {
    const reordered = { shuffle: draws.shuffle!.slice(), restore: draws.restore!.slice() };
    for (let image = 0; image < BATCH; image++) {
      const shuffle = reordered.shuffle.subarray(image * PATCHES, (image + 1) * PATCHES);
      shuffle.subarray(0, VISIBLE).reverse();
      shuffle.forEach((patch, at) => (reordered.restore[image * PATCHES + patch] = at));
    }
    const inputs = withSpecs({ ...draws, ...reordered, images: images.data }, specs);
    const { loss } = await evaluate((p, given) => ({ loss: method.loss(p, given).loss }), params, inputs);
    expect(loss!.data[0]).toBeCloseTo(await lossOf(images.data), 5);
  });

  it('has the slope that its gradient says, along any direction', async () => {
    const { loss: _, ...gradients } = await evaluate(
      (p, given) => {
        const { value, grads } = valueAndGrads((q) => method.loss(q, given).loss, p);
        return { loss: value, ...grads };
      },
      params,
      inputsWith(),
    );
    for (const seed of [1, 2, 3]) {
      const direction = Object.fromEntries(
        Object.entries(params).map(([name, { shape }]) => [name, normal(shape, 1, seed, name).data]),
      );
      const slope = Object.entries(gradients)
        .flatMap(([name, { data }]) => Array.from(data, (g, i) => g * direction[name]![i]!))
        .reduce((sum, term) => sum + term, 0);
      const at = async (distance: number) => {
        const moved = Object.fromEntries(
          Object.entries(params).map(([name, tensor]) => [
            name,
            { ...tensor, data: Float32Array.from(tensor.data, (x, i) => x + distance * direction[name]![i]!) },
          ]),
        );
        const { loss } = await evaluate((p, given) => ({ loss: method.loss(p, given).loss }), moved, inputsWith());
        return loss!.data[0]!;
      };
      const step = 2e-3;
      const numeric = ((await at(step)) - (await at(-step))) / (2 * step);
      expect(Math.abs(numeric - slope)).toBeLessThan(0.01 * Math.max(1, Math.abs(slope)));
    }
  });

  it('reaches every parameter', async () => {
    const gradients = await evaluate(
      (p, given) => ({ ...valueAndGrads((q) => method.loss(q, given).loss, p).grads }),
      params,
      inputsWith(),
    );
    const untouched = Object.keys(gradients).filter((name) => gradients[name]!.data.every((value) => value === 0));
    expect(untouched).toEqual([]);
  });
});

describe.each([false, true])('the pictures, normalised targets: %s', (normalizeTarget) => {
  const own = createMethod(configOf({ normalizeTarget }), SIZE);
  const pictures = evaluate((p, given) => own.pictures.paint(p, given), params, inputsWith());

  it('show the image, what the encoder saw, the reconstruction, and it behind the visible patches', async () => {
    const { original, masked, reconstruction, pasted, loss } = await pictures;
    expect(original).toEqual(images);
    expect(reconstruction!.shape).toEqual(images.shape);
    expect(loss!.shape).toEqual([BATCH]);
    images.data.forEach((value, i) => {
      const hidden = isHidden(...place(i));
      expect(masked!.data[i]! + 0).toBe(hidden ? 0 : value);
      expect(pasted!.data[i]).toBe(hidden ? reconstruction!.data[i] : value);
    });
  });

  it('come with the loss of each image, whose mean is the batch’s', async () => {
    const { loss } = await pictures;
    expect((loss!.data[0]! + loss!.data[1]!) / 2).toBeCloseTo(await lossOf(images.data, own), 5);
    expect(loss!.data[0]).not.toBe(loss!.data[1]);
  });

  it('show the reconstruction in the image’s own pixels', async () => {
    const { reconstruction, loss } = await pictures;
    const values = (image: number, patch: number) =>
      [...images.data.keys()].filter((i) => String(place(i)) === String([image, patch]));
    for (let image = 0; image < BATCH; image++) {
      const errors: number[] = [];
      for (let patch = 0; patch < PATCHES; patch++) {
        if (!isHidden(image, patch)) continue;
        const own = values(image, patch);
        const mean = own.reduce((sum, i) => sum + images.data[i]!, 0) / own.length;
        const variance = own.reduce((sum, i) => sum + (images.data[i]! - mean) ** 2, 0) / (own.length - 1);
        const scale = normalizeTarget ? variance + 1e-6 : 1;
        const squares = own.map((i) => (reconstruction!.data[i]! - images.data[i]!) ** 2 / scale);
        errors.push(squares.reduce((a, b) => a + b) / own.length);
      }
      expect(errors.reduce((a, b) => a + b) / errors.length).toBeCloseTo(loss!.data[image]!, 4);
    }
  });
});

describe('the compiled engine', () => {
  it('paints the same pictures', async () => {
    const own = createMethod(configOf({ normalizeTarget: true }), SIZE);
    const paint = (engine: EngineName) =>
      evaluate((p, given) => own.pictures.paint(p, given), params, inputsWith(), engine);
    const [compiled, eager] = [await paint('onnx'), await paint('reference')];
    expect(Object.keys(compiled).sort()).toEqual(Object.keys(eager).sort());
    for (const [name, { shape, data }] of Object.entries(eager)) {
      expect(compiled[name]!.shape).toEqual(shape);
      data.forEach((value, i) => expect(compiled[name]!.data[i]).toBeCloseTo(value, 4));
    }
  });

  it('learns to fill in what is hidden', async () => {
    // Diagonal ramps: where a patch stands and what its neighbours show gives it away.
    const ramps = Float32Array.from(images.data, (_, i) => {
      const pixel = Math.floor((i % PIXELS) / 3);
      const along = (Math.floor(pixel / SIZE) + (pixel % SIZE)) / SIZE - 1;
      return i < PIXELS ? along : -along;
    });
    const optimizer = adamw({ betas: [0.9, 0.95], weightDecay: 0.05 });
    const initial = { ...params, ...optimizer.init(params) };
    const scalar = { shape: [], dtype: 'float32' } as const;
    const engine = await createEngine({ engine: 'onnx', device: 'cpu' });
    const program = await engine.compile(trainStep(method, optimizer), {
      state: specsOf(initial),
      inputs: { ...specs, lr: scalar, step: scalar },
    });
    const state = engine.upload(initial);
    const losses: number[] = [];
    for (let step = 1; step <= 300; step++) {
      const batch = { ...method.draw(BATCH, random('mask', step)), images: ramps };
      const { loss } = await program.run(state, { ...batch, lr: Float32Array.of(3e-3), step: Float32Array.of(step) });
      losses.push(loss!.data[0]!);
    }
    program.dispose();
    state.dispose();
    engine.dispose();
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
    // Always predicting the mean of both images would leave the variance of the pixels.
    const variance = mean([...ramps].map((value) => value * value));
    expect(losses[0]).toBeGreaterThan(variance);
    expect(mean(losses.slice(-20))).toBeLessThan(0.25 * variance);
  });
});

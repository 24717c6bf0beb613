import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { normal } from '../../../trainer/nn/initializers';
import { createVit } from '../../../trainer/nn/vit';
import { random } from '../../../trainer/random/random';
import { evaluate, int32 } from './evaluate';
import { runtimesUnderTest } from '../../engines';

const config = { imageSize: 12, patchSize: 4, width: 8, depth: 2, heads: 2, mlpRatio: 2 };
const encoder = createVit(config);
const params = encoder.init(3);
const images = normal([2, 12, 12, 3], 1, 0, 'images');

const encode = async (order: readonly number[]) => {
  const keep = int32([2, order.length], [...order, ...order]);
  const { tokens } = await evaluate(
    (p, given) => ({ tokens: encoder.encodeVisible(p, given.images as Tensor4D, given.keep as Tensor2D) }),
    params,
    { images, keep },
  );
  return tokens!;
};

const engines = ['reference', ...runtimesUnderTest] as const;

describe('the vision transformer', () => {
  it('says what it is', () => {
    expect(encoder).toMatchObject({ width: 8, patches: 9, patchSize: 4, layers: 3 });
  });

  it('starts from the same parameters for the same seed, all under "encoder."', () => {
    expect(encoder.init(3)).toEqual(params);
    expect(encoder.init(4)).not.toEqual(params);
    expect(Object.keys(params).filter((name) => !name.startsWith('encoder.'))).toEqual([]);
    // Two blocks of 12 parameters, the patch projection and the final norm.
    expect(Object.keys(params)).toHaveLength(2 * 12 + 2 + 2);
    expect(params['encoder.blocks.1.mlp.up.kernel']!.shape).toEqual([8, 16]);
  });

  it('embeds an image as the mean of its tokens', async () => {
    const tokens = await encode([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    const { embedding } = await evaluate(
      (p, given) => ({ embedding: encoder.embed(p, given.images as Tensor4D) }),
      params,
      { images },
    );
    expect(tokens.shape).toEqual([2, 9, 8]);
    expect(embedding!.shape).toEqual([2, 8]);
    for (let image = 0; image < 2; image++) {
      for (let i = 0; i < 8; i++) {
        const column = Array.from({ length: 9 }, (_, n) => tokens.data[(image * 9 + n) * 8 + i]!);
        const mean = column.reduce((a, b) => a + b) / 9;
        expect(embedding!.data[image * 8 + i]).toBeCloseTo(mean, 4);
      }
    }
  });

  it('embeds images of another size, and places their patches between those of its own', async () => {
    const small = normal([2, 8, 8, 3], 1, 0, 'small');
    const own = createVit({ ...config, imageSize: 8 });
    const embedded = async (vit: typeof encoder) =>
      (await evaluate((p, given) => ({ x: vit.embed(p, given.images as Tensor4D) }), params, { images: small })).x!;
    const [other, plain] = [await embedded(encoder), await embedded(own)];
    expect(other.shape).toEqual([2, 8]);
    expect([...other.data].every(Number.isFinite)).toBe(true);
    expect(other).not.toEqual(plain);
    const odd = evaluate((p, given) => ({ x: encoder.embed(p, given.images as Tensor4D) }), params, {
      images: normal([2, 10, 10, 3], 1, 0, 'odd'),
    });
    await expect(odd).rejects.toThrow(/patch size of 4 does not divide an image size of 10/);
  });

  it('tells how its last block attends: each patch shares itself out among all', async () => {
    const { weights } = await evaluate(
      (p, given) => ({ weights: encoder.attention(p, given.images as Tensor4D) }),
      params,
      { images },
    );
    expect(weights!.shape).toEqual([2, 2, 9, 9]);
    for (let row = 0; row < 36; row++) {
      const shares = [...weights!.data.slice(row * 9, (row + 1) * 9)];
      expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      expect(new Set(shares).size).toBe(9);
    }
  });

  it.each(engines)('embeds after each block, behind the final norm (%s)', async (engine) => {
    const layers = await evaluate(
      (p, given) =>
        Object.fromEntries(encoder.embedLayers(p, given.images as Tensor4D).map((x, i) => [`layer${i}`, x])),
      params,
      { images },
      engine,
    );
    // A network of the first block alone, with the same final norm, embeds as the whole one does after its first block.
    const first = createVit({ ...config, depth: 1 });
    const expected = await evaluate(
      (p, given) => ({
        layer0: first.embed(p, given.images as Tensor4D),
        layer1: encoder.embed(p, given.images as Tensor4D),
      }),
      params,
      { images },
    );
    expect(Object.keys(layers)).toEqual(['layer0', 'layer1']);
    for (const [name, { shape, data }] of Object.entries(expected)) {
      expect(layers[name]!.shape).toEqual(shape);
      data.forEach((value, i) => expect(layers[name]!.data[i]).toBeCloseTo(value, 4));
    }
  });

  it('gives the same tokens in whatever order the patches come', async () => {
    const order = [...random('order').permutation(9)];
    const sorted = await encode(order.toSorted((a, b) => a - b));
    const shuffled = await encode(order);
    order.forEach((patch, place) => {
      for (let i = 0; i < 8; i++) expect(shuffled.data[place * 8 + i]).toBeCloseTo(sorted.data[patch * 8 + i]!, 4);
    });
  });

  it('knows where a patch was', async () => {
    const flat = { ...images, data: new Float32Array(images.data.length).fill(1) };
    const { tokens } = await evaluate(
      (p, given) => ({ tokens: encoder.encodeVisible(p, given.images as Tensor4D, given.keep as Tensor2D) }),
      params,
      { images: flat, keep: int32([2, 2], [0, 5, 0, 5]) },
    );
    expect([...tokens!.data.slice(0, 8)]).not.toEqual([...tokens!.data.slice(8, 16)]);
  });

  it('counts its layers from the input to the head', () => {
    const layers = [
      'encoder.patch.kernel',
      'encoder.blocks.0.norm1.scale',
      'encoder.blocks.1.mlp.down.bias',
      'encoder.norm.shift',
      'head.0.kernel',
    ];
    expect(layers.map((name) => encoder.layerOf(name))).toEqual([0, 1, 2, 3, 3]);
  });

  it('names a parameter that is missing', async () => {
    const { ['encoder.patch.bias']: _, ...incomplete } = params;
    const embed = evaluate((p, given) => ({ x: encoder.embed(p, given.images as Tensor4D) }), incomplete, { images });
    await expect(embed).rejects.toThrow(/no parameter "encoder.patch.bias"/);
  });

  it('refuses sizes that do not fit', () => {
    expect(() => createVit({ ...config, patchSize: 5 })).toThrow(/patch size of 5 does not divide an image size of 12/);
    expect(() => createVit({ ...config, width: 6 })).toThrow(/multiple of 4/);
    expect(() => createVit({ ...config, heads: 3 }).init(0)).toThrow(/3 heads do not divide a width of 8/);
  });
});

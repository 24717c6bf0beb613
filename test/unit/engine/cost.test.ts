/** What a step costs, by hand and beside PyTorch's own count: fixtures/cost/generate.py. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PretrainConfig } from '../../../protocol/config';
import { stepCost, type Cost } from '../../../trainer/engine/cost';
import { multiHeadAttention } from '../../../trainer/engine/ops';
import type { Specs, Tensors } from '../../../trainer/engine/types';
import { createMethod } from '../../../trainer/methods/index';
import { adamw } from '../../../trainer/nn/adamw';
import type { Encoder } from '../../../trainer/nn/encoder';
import { createResNet } from '../../../trainer/nn/resnet';
import { trained, trainStep } from '../../../trainer/nn/train-step';
import { createVit } from '../../../trainer/nn/vit';

const float = (...shape: number[]) => ({ shape, dtype: 'float32' as const });
const cost = (f: (inputs: Tensors) => tf.Tensor, inputs: Specs): Cost =>
  stepCost((_, given) => ({ outputs: { y: f(given) } }), { state: {}, inputs });

describe('FLOPs', () => {
  it('of a product are two for each multiply-add', () => {
    const { flops, productFlops } = cost(({ a, b }) => tf.matMul(a!, b!), { a: float(3, 5), b: float(5, 7) });
    expect([flops, productFlops]).toEqual([2 * 3 * 5 * 7, 2 * 3 * 5 * 7]);
  });

  it('of a product are the same for factors that are transposed', () => {
    const inputs = { a: float(4, 5, 3), b: float(4, 7, 5) };
    expect(cost(({ a, b }) => tf.matMul(a!, b!, true, true), inputs).flops).toBe(2 * 4 * 3 * 5 * 7);
  });

  it('of an addend are one for each element, also inside of a product', () => {
    const inputs = { a: float(3, 5), b: float(5, 7), c: float(7) };
    const { flops, productFlops } = cost(({ a, b, c }) => tf.add(tf.matMul(a!, b!), c!), inputs);
    expect([flops - productFlops, productFlops]).toEqual([3 * 7, 2 * 3 * 5 * 7]);
  });

  it('of what goes element by element are the elements, of sums those that are summed', () => {
    expect(cost(({ a }) => tf.exp(a!), { a: float(3, 5) }).flops).toBe(15);
    expect(cost(({ a, b }) => tf.add(a!, b!), { a: float(3, 5), b: float(5) }).flops).toBe(15);
    expect(cost(({ a }) => tf.sum(a!, 1), { a: float(3, 5) }).flops).toBe(15);
    // Which is run as a product with ones.
    expect(cost(({ a }) => tf.sum(a!, 0), { a: float(3, 5) })).toMatchObject({ flops: 15, productFlops: 0 });
  });

  it('of what moves values are none', () => {
    const moved = cost(({ a }) => tf.reverse(tf.transpose(tf.reshape(a!, [3, 5]))), { a: float(15) });
    expect(moved.flops).toBe(0);
  });

  it('of a convolution are those of its kernel at every place, padding included', () => {
    const inputs = { x: float(2, 8, 8, 3), kernel: float(3, 3, 3, 4) };
    const { productFlops } = cost(({ x, kernel }) => tf.conv2d(x as Tensor4D, kernel as Tensor4D, 2, 1), inputs);
    expect(productFlops).toBe(2 * (2 * 4 * 4) * (3 * 3 * 3) * 4);
  });

  it('of attention are two products and a softmax', () => {
    const attend = ({ qkv }: Tensors) => multiHeadAttention(qkv as Tensor2D, { batch: 1, heads: 2 });
    const { flops, productFlops } = cost(attend, { qkv: float(6, 3 * 8) });
    expect(productFlops).toBe(2 * (2 * 2 * 6 * 6 * 4));
    expect(flops - productFlops).toBe(5 * 2 * 6 * 6);
  });

  it('leave out what no output needs', () => {
    const unused = ({ a }: Tensors) => {
      tf.exp(a!);
      return tf.neg(a!);
    };
    expect(cost(unused, { a: float(3, 5) }).flops).toBe(15);
  });
});

describe('bytes', () => {
  it('given are those of state and inputs', () => {
    const spec = { state: { w: float(3, 5) }, inputs: { x: float(2, 3), i: { shape: [4], dtype: 'int32' as const } } };
    const { givenBytes } = stepCost(({ w }, { x }) => ({ outputs: { y: tf.matMul(x!, w!) } }), spec);
    expect(givenBytes).toBe(4 * (15 + 6 + 4));
  });

  it('at the peak are those of results that have readers left', () => {
    const inputs = { a: float(100) };
    // One result and the next.
    expect(cost(({ a }) => tf.exp(tf.sin(tf.exp(a!))), inputs).peakBytes).toBe(800);
    // The first one is kept for the sum.
    const kept = ({ a }: Tensors) => {
      const first = tf.exp(a!);
      return tf.add(tf.exp(tf.sin(first)), first);
    };
    expect(cost(kept, inputs).peakBytes).toBe(1200);
    // The same memory in another shape.
    expect(cost(({ a }) => tf.sin(tf.reshape(tf.exp(a!), [10, 10])), inputs).peakBytes).toBe(800);
  });
});

describe('products of whole models are PyTorch’s', () => {
  const file = new URL('../../fixtures/cost/flops.json', import.meta.url);
  const counted = JSON.parse(readFileSync(file, 'utf8')) as Record<string, { batch: number; flops: number }>;
  /** Norms that are folded into kernels take a product of one row each, which PyTorch's do not. */
  const TOLERANCE = 0.005;
  const vit = { patchSize: 4, width: 64, depth: 4, heads: 4, mlpRatio: 4 };

  it.each([
    ['vit', 32, createVit({ ...vit, imageSize: 32 })],
    ['resnet18', 32, createResNet({ depth: 18, stem: 'cifar', width: 16 })],
    ['resnet50', 64, createResNet({ depth: 50, stem: 'standard', width: 8 })],
  ] as [string, number, Encoder][])('%s, forward', (name, imageSize, encoder) => {
    const { batch, flops } = counted[name]!;
    const { productFlops } = stepCost(
      (params, { images }) => ({ outputs: { embedding: encoder.embed(params, images as Tensor4D) } }),
      { state: encoder.init(0), inputs: { images: float(batch, imageSize, imageSize, 3) } },
    );
    expect(Math.abs(productFlops / flops - 1)).toBeLessThan(TOLERANCE);
  });

  it.each([
    ['vit, rotation', vit],
    ['resnet18, rotation', { type: 'resnet18', width: 16 }],
  ])('%s, training step', (name, backbone) => {
    const { batch, flops } = counted[name]!;
    const method = createMethod(PretrainConfig.parse({ method: 'rotation', backbone }), 32);
    const optimizer = adamw({ betas: [0.9, 0.95], weightDecay: 0.05 });
    const params = method.init(0);
    const { productFlops } = stepCost(trainStep(method, optimizer), {
      state: { ...params, ...optimizer.init(trained(params)) },
      inputs: { ...method.inputs(batch), lr: float(), step: float() },
    });
    expect(Math.abs(productFlops / flops - 1)).toBeLessThan(TOLERANCE);
  });
});

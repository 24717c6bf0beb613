/** Residual networks, beside an independent PyTorch implementation: fixtures/resnet/generate.py. */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { valueAndGrads } from '../../../trainer/engine/ops';
import type { HostTensors } from '../../../trainer/engine/types';
import { createResNet, type ResNetConfig } from '../../../trainer/nn/resnet';
import { readFixture, under } from '../methods/fixture';
import { evaluate } from './evaluate';
import { runtimesUnderTest } from '../../engines';

const read = (name: string) => {
  const { tensors, about } = readFixture(new URL(`../../fixtures/resnet/${name}.safetensors`, import.meta.url));
  return { fixture: tensors, encoder: createResNet(about as ResNetConfig) };
};
const isBuffer = (name: string) => name.startsWith('buffer.');

const norm = (values: ArrayLike<number>) =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
function expectSame(name: string, actual: HostTensors[string], expected: HostTensors[string], tolerance: number): void {
  expect(actual.shape, name).toEqual(expected.shape);
  const error = norm(Array.from(actual.data, (value, i) => value - expected.data[i]!)) / norm(expected.data);
  expect(error, name).toBeLessThan(tolerance);
}

describe.each(['resnet18', 'resnet50'])('%s', (network) => {
  const { fixture, encoder } = read(network);
  const before = under('before.', fixture);
  const { images, weights } = fixture as { images: HostTensors[string]; weights: HostTensors[string] };

  it('has PyTorch’s parameters and running statistics', () => {
    const shapes = (tensors: HostTensors) =>
      Object.fromEntries(Object.entries(tensors).map(([name, { shape }]) => [name, shape]));
    expect(shapes(encoder.init(0))).toEqual(shapes(before));
    expect(encoder.width).toBe(weights.shape[1]);
  });

  describe.each(['reference', ...runtimesUnderTest] as const)('on the %s engine', (engine) => {
    it('embeds as PyTorch does in evaluation', async () => {
      const embed = (p: Record<string, Tensor>, given: Record<string, Tensor>) => ({
        embedding: encoder.embed(p, given.images as Tensor4D),
      });
      const { embedding } = await evaluate(embed, before, { images }, engine);
      expectSame('embedding', embedding!, fixture.evaluation!, 1e-5);
    });

    it('embeds after each block, at last as a whole', async () => {
      const layers = await evaluate(
        (p, given) => Object.fromEntries(encoder.embedLayers(p, given.images as Tensor4D).map((x, i) => [`${i}`, x])),
        before,
        { images },
        engine,
      );
      const shapes = Object.values(layers).map(({ shape }) => shape);
      expect(shapes).toHaveLength(encoder.layers - 1);
      expect(shapes[0]![1]).toBe(encoder.width / 8);
      expectSame('last block', layers[shapes.length - 1]!, fixture.evaluation!, 1e-5);
    });

    it('has PyTorch’s embedding, gradients and running statistics in training', async () => {
      const outputs = await evaluate(
        (params, given) => {
          const names = Object.keys(params);
          const pick = (wanted: (name: string) => boolean) =>
            Object.fromEntries(names.filter(wanted).map((name) => [name, params[name]!]));
          const buffers = pick(isBuffer);
          const forward = (trained: Record<string, Tensor>, updates: Record<string, Tensor>) =>
            encoder.embed({ ...trained, ...buffers }, given.images as Tensor4D, updates);
          const trained = pick((name) => !isBuffer(name));
          const updates: Record<string, Tensor> = {};
          const training = forward(trained, updates);
          const { grads } = valueAndGrads((p) => tf.sum<Scalar>(tf.mul(forward(p, {}), given.weights!)), trained);
          return { training, ...updates, ...grads };
        },
        before,
        { images, weights },
        engine,
      );
      const { training, ...rest } = outputs;
      expectSame('embedding', training!, fixture.training!, 1e-5);
      const expected = { ...under('gradient.', fixture), ...under('after.', fixture) };
      expect(Object.keys(rest).sort()).toEqual(Object.keys(expected).sort());
      for (const [name, tensor] of Object.entries(expected))
        expectSame(name, rest[name]!, tensor, isBuffer(name) ? 1e-5 : 1e-4);
    });
  });
});

describe('a residual network', () => {
  const encoder = createResNet({ depth: 18, stem: 'cifar', width: 4 });

  it('starts as torchvision’s do: He’s normal kernels, norms that do nothing', () => {
    const params = encoder.init(1);
    expect(encoder.init(1)).toEqual(params);
    expect(encoder.init(2)).not.toEqual(params);
    const { data, shape } = params['encoder.stages.3.blocks.1.conv2.kernel']!;
    expect(shape).toEqual([3, 3, 32, 32]);
    expect(norm(data) / Math.sqrt(data.length)).toBeCloseTo(Math.sqrt(2 / (9 * 32)), 2);
    expect([...params['encoder.stem.norm.scale']!.data]).toEqual([1, 1, 1, 1]);
    expect([...params['buffer.encoder.stem.norm.variance']!.data]).toEqual([1, 1, 1, 1]);
  });

  it('counts its layers from the stem to the head', () => {
    const names = [
      'encoder.stem.conv.kernel',
      'encoder.stages.0.blocks.0.conv1.kernel',
      'encoder.stages.1.blocks.0.shortcut.norm.scale',
      'encoder.stages.3.blocks.1.norm2.shift',
      'head.kernel',
    ];
    expect(names.map((name) => encoder.layerOf(name))).toEqual([0, 1, 3, 8, 9]);
    expect(encoder.layers).toBe(9);
  });
});

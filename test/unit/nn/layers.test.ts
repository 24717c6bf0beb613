import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { HostTensors, Tensors } from '../../../trainer/engine/types';
import { dense, initDense, initLayerNorm, layerNorm, normedDense } from '../../../trainer/nn/layers';
import { normal } from '../../../trainer/nn/initializers';
import { evaluate, float32 } from './evaluate';

const apply = async (layer: (params: Tensors, name: string, x: Tensor) => Tensor, params: HostTensors, x: number[]) =>
  (await evaluate((p, given) => ({ y: layer(p, 'layer', given.x!) }), params, { x: float32([1, 2, x.length / 2], x) }))
    .y!;

describe('a dense layer', () => {
  it('multiplies the last axis with its kernel and adds its bias', async () => {
    const params = { 'layer.kernel': float32([2, 3], [1, 2, 3, 10, 20, 30]), 'layer.bias': float32([3], [0, 0.5, 0]) };
    expect(await apply(dense, params, [1, 0, 2, 1])).toEqual(float32([1, 2, 3], [1, 2.5, 3, 12, 24.5, 36]));
  });

  it('starts without a bias', () => {
    const params = initDense('head', 3, 2, 0);
    expect(Object.keys(params)).toEqual(['head.kernel', 'head.bias']);
    expect(params['head.bias']).toEqual(float32([2], [0, 0]));
  });
});

describe('a layer norm', () => {
  it('starts by giving the last axis mean 0 and variance 1', async () => {
    const { data } = await apply(layerNorm, initLayerNorm('layer', 4), [1, 3, 1, 3, 7, 7, 5, 5]);
    [-1, 1, -1, 1, 1, 1, -1, -1].forEach((expected, i) => expect(data[i]).toBeCloseTo(expected, 5));
  });

  it('then scales and shifts it', async () => {
    const params = { 'layer.scale': float32([2], [3, 5]), 'layer.shift': float32([2], [0, 1]) };
    const { data } = await apply(layerNorm, params, [1, 3, 3, 1]);
    [-3, 6, 3, -4].forEach((expected, i) => expect(data[i]).toBeCloseTo(expected, 4));
  });

  it('adds 1e-6 to the variance, as MAE does', async () => {
    const { data } = await apply(layerNorm, initLayerNorm('layer', 2), [1e-3, -1e-3, 0, 0]);
    // A variance of 1e-6: 1e-3 / sqrt(2e-6).
    expect(data[0]).toBeCloseTo(Math.SQRT1_2, 4);
    expect([...data.slice(2)]).toEqual([0, 0]);
  });
});

describe('a dense layer with the norm before it folded in', () => {
  it('is the dense layer of the layer norm', async () => {
    const shapes = { 'dense.kernel': [8, 6], 'dense.bias': [6], 'norm.scale': [8], 'norm.shift': [8] };
    const params = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, normal(shape, 1, 1, name)]));
    const { whole, folded } = await evaluate(
      (p, { x }) => ({
        whole: dense(p, 'dense', layerNorm(p, 'norm', x!)),
        folded: normedDense(p, 'norm', 'dense', x as Tensor2D),
      }),
      params,
      { x: normal([5, 8], 1, 2, 'x') },
    );
    expect(folded!.data).toHaveLength(30);
    folded!.data.forEach((value, i) => expect(value).toBeCloseTo(whole!.data[i]!, 5));
  });
});

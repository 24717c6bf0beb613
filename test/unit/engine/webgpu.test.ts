/** The WebGPU provider on SwiftShader. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { createEngine, probeEngines } from '../../../trainer/engine/index';
import { gelu, multiHeadAttention, standardize, standardizeColumns } from '../../../trainer/engine/ops';
import type { Step } from '../../../trainer/engine/types';
import { isOnDriver, onDriver } from '../../vulkan';
import { float, int } from '../../ops/case';
import { agree } from './agree';

/** With many equal pixels. */
const ties = { ...float([2, 6, 5, 2]), data: float([2, 6, 5, 2]).data.map(Math.round) };

const halves = { ...float([24]), data: float([24]).data.map((_, i) => (i - 12) / 2) };

if (!isOnDriver('swiftShader')) {
  onDriver('swiftShader', import.meta.url);
} else {
  describe('on a WebGPU device', { timeout: 100_000 }, async () => {
    const engine = await createEngine({ engine: 'onnx', device: 'webgpu' });

    it('ops and gradients agree with the reference', () =>
      agree(engine, [
        { name: 'gelu', f: gelu, inputs: [float([2, 3, 4])] },
        { name: 'softmax', f: (x) => tf.softmax(x), inputs: [float([3, 5])] },
        { name: 'matMul', f: (a, b) => tf.matMul(a, b, false, true), inputs: [float([2, 3, 4]), float([2, 5, 4], 2)] },
        {
          name: 'dense',
          f: (a, b, c) => tf.add(tf.matMul(a, b), c),
          inputs: [float([6, 4]), float([4, 3], 2), float([3], 3)],
        },
        { name: 'transpose', f: (x) => tf.transpose(x, [2, 0, 1]), inputs: [float([2, 3, 4])] },
        { name: 'where', f: (a, b) => tf.where(tf.greater(a, b), a, b), inputs: [float([3, 4]), float([3, 1], 2)] },
        {
          name: 'concat and split',
          f: (a, b) => tf.split(tf.concat([a, b], 1), 2, 1)[1]!,
          inputs: [float([2, 3]), float([2, 3], 2)],
        },
        { name: 'gather', f: (x, i) => tf.gather(x, i), inputs: [int([5, 2], 1, 0, 9), int([3], 2, 0, 4)] },
        { name: 'slice of integers', f: (x) => tf.slice(x, [1, 0], [2, 3]), inputs: [int([4, 5], 1, 0, 9)] },
        { name: 'reverse of integers', f: (x) => tf.reverse(x, 1), inputs: [int([2, 5], 1, 0, 9)] },
        {
          name: 'strided slice of integers',
          f: (x) => tf.stridedSlice(x, [7, 0], [0, 3], [-3, 2]),
          inputs: [int([8, 5], 1, 0, 9)],
        },
        { name: 'mod', f: (a, b) => tf.mod(a, b), inputs: [float([4, 5]), float([4, 5], 2, 0.5, 2)] },
        { name: 'mod of integers', f: (a, b) => tf.mod(a, b), inputs: [int([4, 5], 1, -9, 9), int([4, 5], 2, 1, 4)] },
        {
          name: 'pow of a number',
          f: (a, b) => tf.pow(a, b),
          inputs: [float([4, 5], 1, 0.5, 2), float([], 2, 0.5, 2)],
        },
        {
          name: 'pow along the last of three axes',
          f: (a, b) => tf.pow(a, b),
          inputs: [float([2, 3, 4], 1, 0.5, 2), float([2, 3, 1], 2, 0.5, 2)],
        },
        { name: 'round', f: (x) => tf.round(x), inputs: [halves] },
        { name: 'sin', f: (x) => tf.sin(x), inputs: [float([200], 1, -100, 100)] },
        { name: 'cos', f: (x) => tf.cos(x), inputs: [float([200], 1, -100, 100)] },
        { name: 'selu', f: (x) => tf.selu(x), inputs: [float([4, 5], 1, -3, 3)] },
        { name: 'argMax', f: (x) => tf.argMax(x, 1), inputs: [float([4, 5])] },
        {
          name: 'or',
          f: (a, b) => tf.logicalOr(tf.greater(a, 0), tf.greater(b, 0)),
          inputs: [float([4, 5]), float([4, 5], 2)],
        },
        { name: 'abs', f: (x) => tf.abs(x), inputs: [float([3, 4])] },
        {
          name: 'products with each side transposed',
          f: (a, b) => tf.add(tf.matMul(a, b, true), tf.matMul(b, a, true, true)),
          inputs: [float([2, 4, 4]), float([2, 4, 4], 2)],
        },
        { name: 'mean', f: (x) => tf.mean(x, [0, 2]), inputs: [float([2, 3, 4])] },
        { name: 'standardize', f: (x) => standardize(x, 1e-5, 1), inputs: [float([2, 3, 8])] },
        {
          name: 'standardizeColumns',
          f: (x, scale, shift) => standardizeColumns(x as Tensor2D, scale as Tensor1D, shift as Tensor1D, 1e-5).y,
          inputs: [float([6, 4]), float([4], 2), float([4], 3)],
        },
        {
          name: 'conv2d',
          f: (x, kernel) => tf.conv2d(x as Tensor4D, kernel as Tensor4D, 1, 1),
          inputs: [float([2, 5, 4, 3]), float([3, 3, 3, 6], 2)],
        },
        {
          name: 'conv2d with strides',
          f: (x, kernel) => tf.conv2d(x as Tensor4D, kernel as Tensor4D, 2, 'same'),
          inputs: [float([2, 7, 6, 2]), float([3, 3, 2, 4], 2)],
        },
        {
          name: 'conv2d of single pixels',
          f: (x, kernel) => tf.conv2d(x as Tensor4D, kernel as Tensor4D, 2, 'valid'),
          inputs: [float([2, 5, 4, 3]), float([1, 1, 3, 4], 2)],
        },
        { name: 'maxPool', f: (x) => tf.maxPool(x as Tensor4D, 3, 2, 1), inputs: [ties] },
        { name: 'avgPool', f: (x) => tf.avgPool(x as Tensor4D, 2, 2, 'same'), inputs: [float([2, 5, 4, 3])] },
        {
          name: 'attention',
          f: (qkv) => multiHeadAttention(qkv as Tensor2D, { batch: 2, heads: 2, from: 1 }),
          inputs: [float([6, 24])],
        },
      ]));

    const along = (axis: string, a: readonly number[], b: readonly number[]) => ({ axis, a, b });
    it.each([
      along('none', [3, 4], [3, 4]),
      along('the last', [3, 4], [3, 1]),
      along('the first', [3, 4], [1, 4]),
      along('both, one each', [1, 8], [3, 1]),
      along('the one between', [2, 3, 4], [2, 1, 4]),
      along('all', [2, 3, 4], []),
    ])('truths and quotients are right that are repeated along $axis', ({ a, b }) => {
      const truths = (f: typeof tf.logicalAnd) => (x: tf.Tensor, y: tf.Tensor) => f(tf.greater(x, 0), tf.greater(y, 0));
      const pair = [float(a), float(b, 2)];
      return agree(engine, [
        { name: 'and', f: truths(tf.logicalAnd), inputs: pair },
        { name: 'or', f: truths(tf.logicalOr), inputs: pair },
        { name: 'xor', f: truths(tf.logicalXor), inputs: pair },
        { name: 'floorDiv', f: tf.floorDiv, inputs: [int(a, 1, -9, 9), int(b, 2, 1, 5)] },
        { name: 'floorDiv by negatives', f: tf.floorDiv, inputs: [int(a, 1, -9, 9), int(b, 2, -5, -1)] },
      ]);
    });

    it('keeps state on the device from step to step', async () => {
      const one = { shape: [2], dtype: 'float32' } as const;
      const program = await engine.compile(
        ({ a, b }, { x }) => ({ state: { a: tf.add(a!, x!), b: a! }, outputs: { b: b! } }),
        { state: { a: one, b: one }, inputs: { x: one } },
      );
      const zero = { ...one, data: new Float32Array(2) };
      const state = engine.upload({ a: zero, b: zero });
      for (const expected of [0, 0, 1, 2]) {
        const { b } = await program.run(state, { x: Float32Array.of(1, 2) });
        expect(b!.data[0]).toBe(expected);
      }
      const { a, b } = await state.read();
      expect([...a!.data, ...b!.data]).toEqual([4, 8, 3, 6]);
      state.dispose();
      program.dispose();
    });

    it('says what crosses over in a step', async () => {
      const { program } = await compiled((_, { x }) => ({ outputs: { sum: tf.sum(x!) } }));
      expect(program.traffic).toEqual({ uploaded: 8, downloaded: 4 });
    });

    it('refuses what it would have to leave to the CPU, and says what', async () => {
      await expect(compiled((_, { x }) => ({ outputs: { y: tf.cast(tf.isNaN(x!), 'float32') } }))).rejects.toThrow(
        'IsNaN has no kernel on WebGPU',
      );
    });

    async function compiled(step: Step) {
      const inputs = { x: { shape: [2], dtype: 'float32' } } as const;
      return { program: await engine.compile(step, { state: {}, inputs }) };
    }

    it('is not taken for a real GPU', async () => {
      const webgpu = (await probeEngines('')).find(({ device }) => device === 'webgpu')!;
      expect(webgpu.available).toBe(false);
      expect(webgpu.detail).toMatch(/only a software adapter \(libvk_swiftshader\.so/);
    });
  });
}

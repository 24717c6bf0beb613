/**
 * The CPU engine's own kernels at the sizes at which they work in tiles, packs and parts, with what is left over at every
 * edge; ops.test.ts has them at small ones.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { kernelsFile } from '../../../trainer/engine/kernels';
import { stepGraph } from '../../../trainer/engine/model';
import {
  foldNorm,
  gelu,
  multiHeadAttention,
  standardize,
  standardizeColumns,
  valueAndGrads,
} from '../../../trainer/engine/ops';
import type { Tensors } from '../../../trainer/engine/types';
import { testEngine } from '../../engines';
import { float, type Case } from '../../ops/case';
import { agree } from './agree';

const block = (x: Tensor, kernel: Tensor, bias: Tensor): Tensor =>
  tf.add(x, tf.add(tf.matMul(standardize(x, 1e-6), kernel), bias));

it('were built for this platform, and the engine says what they use', async () => {
  expect(kernelsFile()).toContain(`${process.platform}-${process.arch}`);
  expect((await testEngine('onnx')).description).toMatch(/, (avx512|avx2|neon) kernels$/);
  expect((await testEngine('onnx-plain')).description).toMatch(/, no kernels of its own$/);
});

describe.each([1, 2, 5])('on %i threads', async (threads) => {
  const engine = await testEngine('onnx', { threads });

  it.each([
    [1, 300, 70],
    [2, 7, 100],
    [9, 1030, 49],
    [64, 64, 48],
    [65, 300, 145],
    [130, 2049, 33],
    [700, 40, 17],
  ])('a product of [%i, %i] and [.., %i], either one transposed, and its gradients', (m, k, n) => {
    const by = (transposeA: boolean, transposeB: boolean): Case => ({
      name: `${transposeA ? 'aᵀ' : 'a'} ${transposeB ? 'bᵀ' : 'b'}`,
      f: (a, b, c, row) => {
        const product = tf.matMul(tf.mul(a, 0.25), b, transposeA, transposeB);
        return tf.add(tf.concat([tf.add(product, c), tf.add(product, row)]), 1);
      },
      inputs: [
        float(transposeA ? [k, m] : [m, k], 1, -1, 1),
        float(transposeB ? [n, k] : [k, n], 2, -1, 1),
        float([m, n], 3),
        float([n], 4),
      ],
    });
    return agree(engine, [by(false, false), by(true, false), by(false, true), by(true, true)]);
  });

  it.each([
    [1, 70],
    [9, 33],
    [65, 145],
    [130, 48],
  ])('a block with its residual, of [%i, %i], and its gradients', (rows, width) =>
    agree(engine, [
      { name: 'block', f: block, inputs: [float([rows, width]), float([width, width], 2, -1, 1), float([width], 3)] },
    ]),
  );

  it.each([
    [4, 9, 2, 64, 0],
    [2, 257, 3, 64, 0],
    [1, 300, 2, 20, 44],
    [3, 16, 4, 16, 15],
  ])('attention of %i images of %i tokens with %i heads of %i, from token %i on', (batch, tokens, heads, width, from) =>
    agree(engine, [
      {
        name: 'attention',
        f: (qkv) => multiHeadAttention(qkv as Tensor2D, { batch, heads, from }),
        inputs: [float([batch * tokens, 3 * heads * width])],
      },
    ]),
  );

  it('rows and columns', () =>
    agree(engine, [
      { name: 'gelu', f: gelu, inputs: [float([50_007], 1, -6, 6)] },
      { name: 'relu', f: tf.relu, inputs: [float([50_007])] },
      { name: 'standardize', f: (x) => standardize(x, 1e-5, 1), inputs: [float([301, 197])] },
      {
        name: 'foldNorm',
        f: (kernel, scale, shift, bias) =>
          foldNorm(kernel as Tensor2D, scale as Tensor1D, shift as Tensor1D, bias as Tensor1D),
        inputs: [float([197, 301]), float([197], 2), float([197], 3), float([301], 4)],
      },
      {
        name: 'standardizeColumns',
        f: (x, scale, shift) => standardizeColumns(x as Tensor2D, scale as Tensor1D, shift as Tensor1D, 1e-5).y,
        inputs: [float([1030, 37]), float([37], 2), float([37], 3)],
      },
      { name: 'column sums', f: (x) => tf.sum(x, 0), inputs: [float([1030, 37])] },
    ]));

  it.each<[number, number, number, number, number | 'same' | 'valid']>([
    [17, 40, 3, 1, 1],
    [16, 24, 3, 2, 1],
    [19, 3, 7, 2, 3],
    [9, 130, 1, 2, 'valid'],
  ])(
    'a convolution of %i x .. images of %i channels, windows of %i, stride %i, padding %s',
    (side, channels, window, stride, padding) =>
      agree(engine, [
        {
          name: 'conv2d',
          f: (x, kernel) => tf.conv2d(x as Tensor4D, kernel as Tensor4D, stride, padding),
          inputs: [float([3, side, side + 1, channels], 1, -1, 1), float([window, window, channels, 50], 2, -0.5, 0.5)],
        },
      ]),
  );
});

it('a residual is added by the product that it meets, and its gradient by that of the norm', () => {
  const like = (...shape: number[]) => ({ shape, dtype: 'float32' as const });
  const step = (params: Tensors) => {
    const { value, grads } = valueAndGrads(
      ({ x, kernel, bias }) => tf.sum(tf.square(block(x!, kernel!, bias!))),
      params,
    );
    return { outputs: { value, ...grads } };
  };
  const { graph } = stepGraph(
    step,
    { state: { x: like(9, 8), kernel: like(8, 8), bias: like(8) }, inputs: {} },
    'kernels',
  );
  const inputsOf = (kind: string) => graph.nodes.filter(({ type }) => type === kind).map(({ inputs }) => inputs.length);
  expect(graph.nodes.map(({ type }) => type)).not.toContain('Add');
  expect(inputsOf('Gemm')).toContain(4);
  expect(inputsOf('StandardizeGrad')).toEqual([4]);
});

describe('what is at the edge', async () => {
  const engine = await testEngine('onnx');

  it('has no elements, or more channels than there are zeros for', () =>
    agree(engine, [
      { name: 'no inner axis', f: (a, b) => tf.matMul(a, b), inputs: [float([2, 0]), float([0, 3])] },
      { name: 'no rows', f: (a, b) => tf.matMul(a, b), inputs: [float([0, 2]), float([2, 3])] },
      {
        name: 'channels',
        f: (x, kernel) => tf.conv2d(x as Tensor4D, kernel as Tensor4D, 1, 'same'),
        inputs: [float([1, 2, 2, 9000], 1, 0, 1e-2), float([3, 3, 9000, 1], 2, 0, 1e-2)],
      },
    ]));

  it('is as large as a float can be', async () => {
    const like = { shape: [4], dtype: 'float32' } as const;
    const program = await engine.compile(
      (_state, { x }) => {
        const { value, grads } = valueAndGrads(({ x: own }) => tf.sum(gelu(own!)), { x: x! });
        return { outputs: { y: gelu(x!), value, ...grads } };
      },
      { state: {}, inputs: { x: like } },
    );
    const { y, x } = await program.run(engine.upload({}), { x: Float32Array.of(-1e38, -20, 20, Infinity) });
    expect([...y!.data]).toEqual([-0, -0, 20, Infinity]);
    expect([...x!.data.slice(0, 3)]).toEqual([-0, -0, 1].map((value) => expect.closeTo(value, 6) as number));
    program.dispose();
  });
});

describe('what is not a number', async () => {
  const engine = await testEngine('onnx');

  it.each<[string, (x: Tensor) => Tensor]>([
    ['gelu', gelu],
    ['a product', (x) => tf.matMul(x, tf.ones([48, 48]))],
    ['standardize', (x) => standardize(x, 1e-5)],
    ['attention', (x) => multiHeadAttention(x as Tensor2D, { batch: 1, heads: 1 })],
  ])('stays so through %s', async (_name, f) => {
    const like = { shape: [16, 48], dtype: 'float32' } as const;
    const program = await engine.compile((_state, { x }) => ({ outputs: { y: f(x!) } }), {
      state: {},
      inputs: { x: like },
    });
    const state = engine.upload({});
    const { y } = await program.run(state, { x: float([16, 48]).data.with(0, NaN) });
    expect(y!.data.some((value) => Number.isNaN(value))).toBe(true);
    state.dispose();
    program.dispose();
  });
});

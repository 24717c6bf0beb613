/**
 * Convolutions by Winograd's minimal filtering: beside the reference with what is left over at every edge, the same on any
 * number of threads, and where they are chosen.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { stepGraph } from '../../../trainer/engine/model';
import { valueAndGrads } from '../../../trainer/engine/ops';
import type { Tensors } from '../../../trainer/engine/types';
import { testEngine } from '../../engines';
import { float, results, type Case } from '../../ops/case';
import { agree } from './agree';

type Padding = Parameters<typeof tf.conv2d>[3];
interface Shape {
  readonly images: readonly [batch: number, height: number, width: number, channels: number];
  readonly outputs: number;
  readonly padding: Padding;
}
const shape = (images: Shape['images'], outputs: number, padding: Padding): Shape => ({ images, outputs, padding });

const shapes: readonly Shape[] = [
  shape([1, 17, 19, 70], 50, 'same'),
  shape([4, 13, 14, 65], 33, 'valid'),
  shape([4, 7, 8, 64], 48, [[0, 0], [2, 1], [0, 3], [0, 0]]), // prettier-ignore
  shape([2, 8, 8, 64], 48, 3), // the gradient's padding is negative
  shape([1, 12, 12, 70], 131, 1), // more channels and outputs than a task of the kernel's gradient takes
  shape([8, 16, 16, 33], 34, 'same'), // so many tiles that their sum is taken in parts
];

const convolution = ({ images, outputs, padding }: Shape): Case => ({
  name: 'convolution',
  f: (x, kernel, addend) => tf.add(tf.conv2d(x as Tensor4D, kernel as Tensor4D, 1, padding), addend),
  inputs: [float(images, 1, -0.5, 0.5), float([3, 3, images[3], outputs], 2, -0.5, 0.5), float([outputs], 3)],
});

/** The kinds of nodes that a convolution [B, H, W, C] with its gradients is made of. */
function nodesOf(images: readonly number[], kernel: readonly number[], stride: number, padding: Padding): Set<string> {
  const step = (_: Tensors, { x, kernel: filter, addend }: Tensors) => {
    const y = (params: Tensors) => tf.add(tf.conv2d(params.x as Tensor4D, params.filter as Tensor4D, stride, padding), addend!); // prettier-ignore
    const params = { x: x!, filter: filter! };
    const { grads } = valueAndGrads((own) => tf.sum(tf.square(y(own))), params);
    return { outputs: { y: y(params), ...grads } };
  };
  const like = (of: readonly number[]) => ({ shape: of, dtype: 'float32' as const });
  const inputs = { x: like(images), kernel: like(kernel), addend: like(kernel.slice(3)) };
  const { graph } = stepGraph(step, { state: {}, inputs }, 'kernels');
  return new Set(graph.nodes.map(({ type }) => type));
}

describe.each(shapes)('of $images to $outputs, padding $padding', (one) => {
  const { images, outputs, padding } = one;

  it('is chosen, and takes the addend', () => {
    const types = nodesOf(images, [3, 3, images[3], outputs], 1, padding);
    expect([...types]).toEqual(expect.arrayContaining(['WinogradProduct', 'WinogradInnerProduct']));
    for (const other of ['WindowProduct', 'WindowInnerProduct', 'Add']) expect(types).not.toContain(other);
  });

  it('agrees with the reference, and so do its gradients', async () => {
    await agree(await testEngine('onnx', { threads: 2 }), [convolution(one)]);
  });

  it('is the same on any number of threads', async () => {
    const [first, ...others] = await Promise.all(
      [1, 2, 5].map(async (threads) => results(await testEngine('onnx', { threads }), [convolution(one)])),
    );
    for (const other of others) expect(other).toEqual(first);
  });
});

it.each([
  ['few channels', [64, 32, 32, 3], [3, 3, 3, 64], 1, 1],
  ['few tiles for a large kernel', [1, 4, 4, 512], [3, 3, 512, 512], 1, 1],
  ['results that are mostly beyond the edge', [64, 1, 1, 128], [3, 3, 128, 128], 1, 1],
  ['more channels than there are zeros for', [64, 8, 8, 8200], [3, 3, 8200, 64], 1, 1],
  ['strides of 2', [64, 32, 32, 64], [3, 3, 64, 64], 2, 1],
  ['another window', [64, 32, 32, 64], [1, 1, 64, 64], 1, 'valid'],
] as const)('is not chosen for %s', (_name, images, kernel, stride, padding) => {
  const types = [...nodesOf(images, kernel, stride, padding)];
  expect(types.filter((type) => type.startsWith('Winograd'))).toEqual([]);
});

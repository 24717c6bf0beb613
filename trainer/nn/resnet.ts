/**
 * Residual networks (He et al. 2015) of 18 and 50 layers as encoders: the embedding is the mean of the last stage over
 * the image. The bottleneck has its stride on the 3 x 3 convolution, as torchvision and everybody since.
 *
 * Parameters: `encoder.stem.conv.kernel`, `encoder.stem.norm.{scale,shift}`, and for each block
 * `encoder.stages.<i>.blocks.<j>.conv<k>.kernel`, `.norm<k>.{scale,shift}`, and `.shortcut.conv.kernel`,
 * `.shortcut.norm.{scale,shift}` where the shape changes. Kernels are [h, w, in, out]. Each norm also has the buffers
 * `buffer.<norm>.{mean,variance}`.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { HostTensors, Tensors } from '../engine/types';
import { batchNorm, evaluatedBatchNorm, initBatchNorm } from './batch-norm';
import type { Encoder, Tuning } from './encoder';
import { heNormal } from './initializers';
import { parameter } from './layers';

export interface ResNetConfig {
  readonly depth: 18 | 50;
  /**
   * What comes before the first block: `cifar`, a 3 x 3 convolution of stride 1, for images of some 32 px (as in SimCLR,
   * Chen et al. 2020, appendix B.9), or `standard`, a 7 x 7 one of stride 2 and a max pool, for those of some 224 px.
   */
  readonly stem: 'cifar' | 'standard';
  /** Channels of the first stage, 64 by default; each further stage has twice those of the one before. */
  readonly width?: number;
}

/** One convolution of a block, each followed by a batch norm. */
interface Layer {
  readonly name: string;
  readonly norm: string;
  readonly side: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly stride: number;
}

interface Block {
  /** The residual branch, in order. */
  readonly branch: readonly Layer[];
  /** What brings the input to the shape of the branch's result; none where it has it already. */
  readonly shortcut: Layer | null;
}

const architectures = {
  18: { blocks: [2, 2, 2, 2], expansion: 1 },
  50: { blocks: [3, 4, 6, 3], expansion: 4 },
} as const;

/** Colour images only: every source gives three channels. */
const CHANNELS = 3;

export function createResNet(config: ResNetConfig): Encoder {
  const width = config.width ?? 64;
  const stem = layer('encoder.stem.conv', 'encoder.stem.norm', {
    inputs: CHANNELS,
    outputs: width,
    ...(config.stem === 'cifar' ? { side: 3, stride: 1 } : { side: 7, stride: 2 }),
  });
  const blocks = blocksOf(config.depth, width);
  const layers = [stem, ...blocks.flatMap(({ branch, shortcut }) => (shortcut ? [...branch, shortcut] : branch))];
  const embeddingWidth = blocks.at(-1)!.branch.at(-1)!.outputs;

  /** What each block makes of images [B, H, W, C]: [B, h, w, its channels]. */
  function throughBlocks(params: Tensors, images: Tensor4D, updates?: Updates, tuning: Tuning = {}): Tensor4D[] {
    const { from = 0, branches } = tuning;
    const learning = (layer: number) => (layer >= from ? updates : undefined);
    const factors = branches && tf.split(branches, blocks.length); // each [1, B]
    let x = tf.relu(through(stem, params, images, learning(0))); // [B, H, W, width]
    if (config.stem === 'standard') x = tf.maxPool(x, 3, 2, 1); // [B, H / 4, W / 4, width]
    return blocks.map((block, i) => (x = residual(block, params, x, learning(i + 1), factors?.[i])));
  }
  const pooled = (x: Tensor4D) => tf.mean<Tensor2D>(x, [1, 2]); // [B, D]

  return {
    width: embeddingWidth,
    // The stem, then the blocks; nothing comes after the last one but the head.
    layers: blocks.length + 1,
    branches: blocks.length,

    init: (seed) => Object.assign({}, ...layers.map((each) => initLayer(each, seed))) as HostTensors,

    embed: (params, images, updates, tuning) => pooled(throughBlocks(params, images, updates, tuning).at(-1)!),

    embedLayers: (params, images) => throughBlocks(params, images).map(pooled),

    layerOf(parameter) {
      if (parameter.startsWith('encoder.stem.')) return 0;
      const at = blocks.findIndex(({ branch }) => parameter.startsWith(parent(branch[0]!.name)));
      return at < 0 ? blocks.length + 1 : at + 1;
    },
  };
}

const layer = (name: string, norm: string, sizes: Omit<Layer, 'name' | 'norm'>): Layer => ({ name, norm, ...sizes });
const parent = (name: string) => name.slice(0, name.lastIndexOf('.') + 1);

function blocksOf(depth: ResNetConfig['depth'], width: number): Block[] {
  const { blocks, expansion } = architectures[depth];
  let inputs = width;
  return blocks.flatMap((count, stage) =>
    Array.from({ length: count }, (_, i) => {
      const name = `encoder.stages.${stage}.blocks.${i}`;
      const inner = width * 2 ** stage;
      const outputs = inner * expansion;
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const convolution = (k: number, sizes: Omit<Layer, 'name' | 'norm'>) =>
        layer(`${name}.conv${k}`, `${name}.norm${k}`, sizes);
      const branch =
        expansion === 1
          ? [
              convolution(1, { side: 3, inputs, outputs, stride }),
              convolution(2, { side: 3, inputs: outputs, outputs, stride: 1 }),
            ]
          : [
              convolution(1, { side: 1, inputs, outputs: inner, stride: 1 }),
              convolution(2, { side: 3, inputs: inner, outputs: inner, stride }),
              convolution(3, { side: 1, inputs: inner, outputs, stride: 1 }),
            ];
      const shortcut =
        inputs === outputs && stride === 1
          ? null
          : layer(`${name}.shortcut.conv`, `${name}.shortcut.norm`, { side: 1, inputs, outputs, stride });
      inputs = outputs;
      return { branch, shortcut };
    }),
  );
}

const initLayer = ({ name, norm, side, inputs, outputs }: Layer, seed: number): HostTensors => ({
  [`${name}.kernel`]: heNormal([side, side, inputs, outputs], seed, `${name}.kernel`),
  ...initBatchNorm(norm, outputs),
});

type Updates = Record<string, Tensor>;

/** Convolution and batch norm: x [B, H, W, in] -> [B, H / stride, W / stride, out], rounded up. */
function through({ name, norm, side, stride }: Layer, params: Tensors, x: Tensor4D, updates?: Updates): Tensor4D {
  const kernel = parameter<Tensor4D>(params, `${name}.kernel`);
  // On both sides alike, as PyTorch does; 'same' would put what is odd at the end.
  const padding = (side - 1) / 2;
  if (updates) return batchNorm(params, norm, tf.conv2d(x, kernel, stride, padding), updates);
  const { factor, addend } = evaluatedBatchNorm(params, norm);
  return tf.add(tf.conv2d(x, tf.mul<Tensor4D>(kernel, factor), stride, padding), addend);
}

/** x [B, h, w, in] -> [B, h / stride, w / stride, out]; `factor` [1, B] of the branch, for each image. */
function residual(
  { branch, shortcut }: Block,
  params: Tensors,
  x: Tensor4D,
  updates?: Updates,
  factor?: Tensor,
): Tensor4D {
  let y = x;
  branch.forEach((each, i) => {
    y = through(each, params, i === 0 ? y : tf.relu(y), updates);
  });
  if (factor) y = tf.mul(y, tf.reshape(factor, [-1, 1, 1, 1]));
  const straight = shortcut ? through(shortcut, params, x, updates) : x;
  return tf.relu(tf.add(y, straight));
}

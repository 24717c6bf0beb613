/** The same weights, batch and mask as an independent PyTorch implementation: fixtures/mae/generate.py. */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { PretrainConfig } from '../../../protocol/config';
import { softmaxCrossEntropy } from '../../../trainer/engine/ops';
import type { HostTensors } from '../../../trainer/engine/types';
import { createMethod } from '../../../trainer/methods/index';
import { dense } from '../../../trainer/nn/layers';
import { adamw } from '../../../trainer/nn/adamw';
import type { AdamwConfig } from '../../../trainer/nn/adamw';
import { learningRate } from '../../../trainer/nn/schedule';
import type { Schedule } from '../../../trainer/nn/schedule';
import { createVit } from '../../../trainer/nn/vit';
import { readFixture, under } from './fixture';
import { describeParity } from './parity';
import type { Parity } from './parity';

interface About {
  readonly imageSize: number;
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpRatio: number;
  readonly optimizer: AdamwConfig;
  readonly schedule: Schedule;
}
interface MaeAbout extends About {
  readonly decoder: { readonly width: number; readonly depth: number; readonly heads: number };
  readonly maskRatio: number;
  readonly normalizeTarget: boolean;
}
interface FinetuneAbout extends About {
  readonly classes: number;
  readonly layerDecay: number;
}

const read = (name: string) => readFixture(new URL(`../../fixtures/mae/${name}.safetensors`, import.meta.url));

function maeCase(name: string): Parity {
  const { tensors: fixture, about } = read(name) as { tensors: HostTensors; about: MaeAbout };
  const { patchSize, width, depth, heads, mlpRatio, decoder, maskRatio, normalizeTarget } = about;
  const backbone = { patchSize, width, depth, heads, mlpRatio };
  const config = PretrainConfig.parse({ backbone, decoder, maskRatio, normalizeTarget });
  const method = createMethod(config, about.imageSize);
  const [, batch, patches] = fixture.shuffle!.shape as [number, number, number];
  const specs = method.inputs(batch);
  const batchOf = (what: string, i: number) => {
    const { data, shape } = fixture[what]!;
    const size = data.length / shape[0]!;
    return data.slice((i % shape[0]!) * size, ((i % shape[0]!) + 1) * size);
  };
  return {
    fixture,
    before: under('before.', fixture),
    training: method,
    optimizer: adamw(about.optimizer),
    learningRate: (i) => learningRate(about.schedule, i + 1),
    inputSpecs: specs,
    inputs(i) {
      const shuffle = batchOf('shuffle', i) as Int32Array;
      const places = Array.from({ length: batch }, (_, b) => [...shuffle.slice(b * patches, (b + 1) * patches)]);
      const restore = places.map((order) => order.map((_, patch) => order.indexOf(patch)));
      return {
        images: batchOf('images', i),
        shuffle,
        restore: Int32Array.from(restore.flat()),
      };
    },
  };
}

function finetuneCase(): Parity {
  const { tensors: fixture, about } = read('finetune') as { tensors: HostTensors; about: FinetuneAbout };
  const encoder = createVit(about);
  const { images, labels } = fixture as { images: HostTensors[string]; labels: HostTensors[string] };
  return {
    fixture,
    before: under('before.', fixture),
    training: {
      loss(params, inputs) {
        const logits = dense(params, 'head', encoder.embed(params, inputs.images as Tensor4D));
        return { loss: tf.mean<Scalar>(softmaxCrossEntropy(logits, inputs.labels as Tensor1D)), metrics: {} };
      },
    },
    optimizer: adamw({
      ...about.optimizer,
      scale: (name) => about.layerDecay ** (encoder.layers - encoder.layerOf(name)),
    }),
    learningRate: (i) => learningRate(about.schedule, i + 1),
    inputSpecs: {
      images: { shape: images.shape, dtype: 'float32' },
      labels: { shape: labels.shape, dtype: 'int32' },
    },
    inputs: () => ({ images: images.data, labels: labels.data }),
  };
}

const cases: readonly (readonly [string, () => Parity])[] = [
  ['MAE on pixels', () => maeCase('pixels')],
  ['MAE on normalised patches, gradients clipped', () => maeCase('normalized')],
  ['fine-tuning with layer-wise learning rates', finetuneCase],
];

describeParity(cases);

/** Fine-tuning with the same weights, batches and draws as an independent PyTorch implementation: fixtures/finetune/generate.py. */
import type { FinetuneConfig } from '../../../protocol/config';
import type { HostTensors } from '../../../trainer/engine/types';
import { mixImages, targets, type Mix } from '../../../trainer/evals/mixing';
import { classifierTraining } from '../../../trainer/evals/train-classifier';
import { createOptimizer } from '../../../trainer/nn/create-optimizer';
import { createResNet } from '../../../trainer/nn/resnet';
import { learningRate, type Schedule } from '../../../trainer/nn/schedule';
import { createVit } from '../../../trainer/nn/vit';
import { readFixture, under } from '../methods/fixture';
import { describeParity, type Parity } from '../methods/parity';

interface About extends Pick<FinetuneConfig, 'blocks' | 'layerDecay' | 'labelSmoothing' | 'optimizer'> {
  readonly imageSize: number;
  readonly width: number;
  readonly classes: number;
  readonly batch: number;
  readonly schedule: Schedule;
  readonly shares: readonly number[];
  /** Rows from and to, columns from and to; null where a batch is blended. */
  readonly boxes: readonly ([number, number, number, number] | null)[];
}
type VitAbout = About & Parameters<typeof createVit>[0];
type ResNetAbout = About & Parameters<typeof createResNet>[0];

function finetuneCase(name: string): Parity {
  const url = new URL(`../../fixtures/finetune/${name}.safetensors`, import.meta.url);
  const { tensors: fixture, about } = readFixture(url) as { tensors: HostTensors; about: VitAbout | ResNetAbout };
  const encoder = 'stem' in about ? createResNet(about) : createVit(about);
  const { imageSize, batch, classes, layerDecay, labelSmoothing } = about;
  const { from: _, ...training } = classifierTraining(encoder, about);
  const ofStep = (what: string, i: number) => {
    const { data, shape } = fixture[what]!;
    const size = data.length / shape[0]!;
    return data.slice(i * size, (i + 1) * size);
  };
  const mixOf = (i: number): Mix => {
    const box = about.boxes[i];
    return {
      partners: ofStep('partners', i) as Int32Array,
      share: about.shares[i]!,
      ...(box && { box: { top: box[0], bottom: box[1], left: box[2], right: box[3] } }),
    };
  };
  return {
    fixture,
    before: under('before.', fixture),
    training,
    optimizer: createOptimizer({
      ...about.optimizer,
      scale: (name) => (name.startsWith('encoder.') ? layerDecay ** (encoder.layers - encoder.layerOf(name)) : 1),
    }),
    learningRate: (i) => learningRate(about.schedule, i + 1),
    inputSpecs: {
      images: { shape: [batch, imageSize, imageSize, 3], dtype: 'float32' },
      targets: { shape: [batch, classes], dtype: 'float32' },
      branches: { shape: [encoder.branches, batch], dtype: 'float32' },
    },
    inputs: (i) => ({
      images: mixImages(ofStep('images', i) as Float32Array, [imageSize, imageSize, 3], mixOf(i)),
      targets: targets(ofStep('labels', i) as Int32Array, classes, labelSmoothing, mixOf(i)),
      branches: ofStep('branches', i),
    }),
  };
}

describeParity([
  ['a ViT with drop path, mixup, CutMix and label smoothing', () => finetuneCase('vit-regularised')],
  ['the last block of a ViT', () => finetuneCase('vit-last-block')],
  ['the head on a ViT that stays as it is', () => finetuneCase('vit-head')],
  ['a residual network with drop path, mixup, CutMix and label smoothing', () => finetuneCase('resnet-regularised')],
  ['the last two blocks of a residual network', () => finetuneCase('resnet-last-two-blocks')],
]);

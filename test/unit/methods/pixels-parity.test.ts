/** Image completion and colorization against independent PyTorch implementations: fixtures/{inpainting,colorization}. */
import { PretrainConfig } from '../../../protocol/config';
import type { TypedArray } from '../../../trainer/engine/types';
import { createMethod } from '../../../trainer/methods/index';
import { adamw } from '../../../trainer/nn/adamw';
import type { AdamwConfig } from '../../../trainer/nn/adamw';
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
  readonly lrs: readonly number[];
  /** Statistics of the pixels, of colorization. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}

function parityOf(method: 'inpainting' | 'colorization', name: string, options: readonly string[]): Parity {
  const read = readFixture(new URL(`../../fixtures/${method}/${name}.safetensors`, import.meta.url));
  const fixture = read.tensors;
  const about = read.about as About & Record<string, unknown>;
  const { imageSize, patchSize, width, depth, heads, mlpRatio, mean, std, lrs } = about;
  const config = PretrainConfig.parse({
    method,
    backbone: { patchSize, width, depth, heads, mlpRatio },
    ...Object.fromEntries(options.map((option) => [option, about[option]])),
  });
  const training = createMethod(config, imageSize);
  const { images } = fixture as { images: (typeof fixture)[string] };
  const drawn = (i: number) =>
    ['hole', 'overlap']
      .filter((draw) => draw in fixture)
      .map((draw): [string, TypedArray] => {
        const { data } = fixture[draw]!;
        const size = data.length / lrs.length;
        return [draw, data.slice(i * size, (i + 1) * size)];
      });
  return {
    fixture,
    before: under('before.', fixture),
    training,
    optimizer: adamw(about.optimizer),
    inputSpecs: training.inputs(images.shape[0]!),
    inputs: (i) => ({
      images: images.data,
      ...(mean && std && { pixel_mean: Float32Array.from(mean), pixel_std: Float32Array.from(std) }),
      ...Object.fromEntries(drawn(i)),
    }),
    learningRate: (i) => lrs[i]!,
  };
}

describeParity([
  ['completion of holes', () => parityOf('inpainting', 'blocks', ['decoder', 'overlapWeight'])],
  ['colours in bins', () => parityOf('colorization', 'bins', ['target', 'cells', 'rebalance'])],
  ['colours by regression', () => parityOf('colorization', 'regression', ['target', 'cells'])],
]);

/** From the `pretrain` block of an experiment to its method. */
import type { DecoderConfig, PretrainConfig } from '../../protocol/config';
import { tilingOf } from '../../protocol/config';
import { queueProblem } from '../../protocol/semantics';
import type { Encoder, PatchEncoder } from '../nn/encoder';
import { createResNet } from '../nn/resnet';
import { createVit } from '../nn/vit';
import { createColorization, isGrey } from './colorization';
import type { Statistics } from './colorization';
import { createDino } from './dino';
import { createJigsaw } from './jigsaw';
import { createInpainting } from './inpainting';
import { createMae } from './mae';
import { createDecoder } from './mae-decoder';
import { createMoco } from './moco';
import { createRotation } from './rotation';
import { createSimclr } from './simclr';
import type { Method } from './method';
import { distantPermutations } from './permutations';
import { createTokenDecoder } from './token-decoder';
import type { TokenDecoderConfig } from './token-decoder';

export type { Method } from './method';

/** Images are `imageSize` px square with three channels. The config must be one that `parseExperiment` takes. */
export function createMethod(config: PretrainConfig, imageSize: number): Method {
  switch (config.method) {
    case 'mae': {
      const encoder = patchEncoder(config, imageSize);
      return createMae(config, imageSize, encoder, createDecoder(pixelDecoder(config, encoder)));
    }
    case 'rotation':
      return createRotation(config, imageSize, anyEncoder(config, imageSize));
    case 'jigsaw': {
      const tileEncoder = anyEncoder(config, tilingOf(config, imageSize).tile);
      // Of the same seed in every run, so that an answer means the same in all.
      const orders = distantPermutations(config.grid ** 2, config.permutations, 0);
      return createJigsaw(config, imageSize, anyEncoder(config, imageSize), tileEncoder, orders);
    }
    case 'simclr':
      return createSimclr(config, imageSize, anyEncoder(config, imageSize));
    case 'moco':
      return createMoco(config, imageSize, anyEncoder(config, imageSize));
    case 'dino':
      return createDino(config, imageSize, anyEncoder(config, imageSize));
    case 'inpainting': {
      const encoder = patchEncoder(config, imageSize);
      return createInpainting(config, imageSize, encoder, createTokenDecoder(pixelDecoder(config, encoder)));
    }
    case 'colorization':
      return createColorization(config, imageSize, patchEncoder(config, imageSize));
  }
}

/** From an encoder's tokens to the pixels of patches. */
function pixelDecoder(
  config: { readonly decoder: DecoderConfig; readonly gradientCheckpointing: boolean },
  encoder: PatchEncoder,
): TokenDecoderConfig {
  const { width, patches, patchSize } = encoder;
  return {
    ...config.decoder,
    mlpRatio: 4,
    recompute: config.gradientCheckpointing,
    encoderWidth: width,
    side: Math.sqrt(patches),
    patchValues: patchSize ** 2 * 3,
  };
}

/** The backbone of methods that want an embedding and nothing else. */
function anyEncoder({ backbone, gradientCheckpointing }: PretrainConfig, imageSize: number): Encoder {
  if (backbone.type === 'vit') return createVit({ ...backbone, imageSize, recompute: gradientCheckpointing });
  return createResNet({ ...backbone, depth: backbone.type === 'resnet18' ? 18 : 50 });
}

/**
 * What can only be judged once the training images are counted and their pixels summed up. Throws when a method needs
 * more of them, or others.
 */
export function checkSet(config: PretrainConfig, images: number, pixels: Statistics): void {
  if (config.method === 'moco' && config.version === 'v2') {
    const wrong = queueProblem(config.queue, config.batchSize, images);
    if (wrong) throw new Error(`pretrain.queue: ${wrong}`);
  }
  if (config.method === 'colorization' && isGrey(pixels)) {
    throw new Error(
      'pretrain.method: "colorization" learns from colours, and these images are grey; use another method, such as "inpainting".',
    );
  }
}

/** The backbone of methods that see an image as patches. */
function patchEncoder({ method, backbone, gradientCheckpointing }: PretrainConfig, imageSize: number): PatchEncoder {
  if (backbone.type !== 'vit') {
    throw new Error(
      `pretrain.backbone.type: "${method}" needs patches, which a "${backbone.type}" has not; use "vit".`,
    );
  }
  return createVit({ ...backbone, imageSize, recompute: gradientCheckpointing });
}

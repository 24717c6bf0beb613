/** From the `pretrain` block of an experiment to its method. */
import type { PretrainConfig } from '../../protocol/config';
import { createVit } from '../nn/vit';
import { createMae, visiblePatches } from './mae';
import { createDecoder } from './mae-decoder';
import type { Method } from './method';

export type { Method } from './method';

/**
 * Throws when the sizes do not go together, naming the field and the fix.
 * Images are `imageSize` px square with three channels.
 */
export function createMethod(config: PretrainConfig, imageSize: number): Method {
  const { backbone, decoder, maskRatio, normalizeTarget } = config;
  check(config, imageSize);
  const encoder = createVit({ ...backbone, imageSize });
  return createMae(
    { imageSize, maskRatio, normalizeTarget },
    encoder,
    createDecoder({
      ...decoder,
      mlpRatio: 4,
      encoderWidth: encoder.width,
      side: imageSize / backbone.patchSize,
      patchValues: backbone.patchSize ** 2 * 3,
    }),
  );
}

function check({ backbone, decoder, maskRatio }: PretrainConfig, imageSize: number): void {
  const { patchSize } = backbone;
  if (imageSize % patchSize !== 0) {
    throw new Error(
      `pretrain.backbone.patchSize: ${patchSize} does not divide data.imageSize, which is ${imageSize}; use one of ${divisors(imageSize).join(', ')}.`,
    );
  }
  checkTransformer('pretrain.backbone', backbone);
  if (Math.round(backbone.width * backbone.mlpRatio) < 1) {
    throw new Error(
      `pretrain.backbone.mlpRatio: ${backbone.mlpRatio} x the width of ${backbone.width} leaves no hidden units; use at least ${1 / backbone.width}.`,
    );
  }
  checkTransformer('pretrain.decoder', decoder);

  const patches = (imageSize / patchSize) ** 2;
  const visible = visiblePatches(patches, maskRatio);
  if (visible < 1 || visible >= patches) {
    const wrong = visible < 1 ? 'leaves none visible; use less' : 'hides none; use more';
    throw new Error(`pretrain.maskRatio: ${maskRatio} of ${patches} patches ${wrong}, or a smaller patchSize.`);
  }
}

function checkTransformer(field: string, { width, heads }: { width: number; heads: number }): void {
  if (width % 4 !== 0) {
    throw new Error(
      `${field}.width: sine-cosine positions need a multiple of 4, not ${width}; use ${Math.ceil(width / 4) * 4}.`,
    );
  }
  if (width % heads !== 0) {
    throw new Error(
      `${field}.heads: ${heads} does not divide ${field}.width, which is ${width}; use one of ${divisors(width).join(', ')}.`,
    );
  }
}

function divisors(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1).filter((divisor) => n % divisor === 0);
}

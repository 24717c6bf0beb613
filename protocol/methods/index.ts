/** The `pretrain` block: one pretext task out of all that there are. */
import type * as z from 'zod';
import { oneOf, withLength } from '../training';
import { ColorizationConfig } from './colorization';
import { DinoConfig } from './dino';
import { InpaintingConfig } from './inpainting';
import { JigsawConfig } from './jigsaw';
import { MaeConfig } from './mae';
import { MocoConfig } from './moco';
import { RotationConfig } from './rotation';
import { SimclrConfig } from './simclr';

export const PretrainConfig = oneOf('method', 'mae', [
  MaeConfig,
  InpaintingConfig,
  RotationConfig,
  JigsawConfig,
  ColorizationConfig,
  SimclrConfig,
  MocoConfig,
  DinoConfig,
])
  .transform(withLength(100))
  .describe('Pretraining without labels.');

export type PretrainConfig = z.output<typeof PretrainConfig>;
export type { ColorizationConfig } from './colorization';
export type { DecoderConfig } from './decoder';
export { localSizeOf } from './dino';
export type { DinoConfig } from './dino';
export type { InpaintingConfig } from './inpainting';
export { orderCount, tilingOf } from './jigsaw';
export type { JigsawConfig } from './jigsaw';
export type { MaeConfig } from './mae';
export type { MocoConfig } from './moco';
export type { RotationConfig } from './rotation';
export type { SimclrConfig } from './simclr';

/** The `pretrain` block: one pretext task out of all that there are. */
import type * as z from 'zod';
import { oneOf, withLength } from '../training';
import { DinoConfig } from './dino';
import { JigsawConfig } from './jigsaw';
import { MaeConfig } from './mae';
import { MocoConfig } from './moco';
import { RotationConfig } from './rotation';
import { SimclrConfig } from './simclr';

export const PretrainConfig = oneOf('method', 'mae', [
  MaeConfig,
  RotationConfig,
  JigsawConfig,
  SimclrConfig,
  MocoConfig,
  DinoConfig,
])
  .transform(withLength(100))
  .describe('Pretraining without labels.');

export type PretrainConfig = z.output<typeof PretrainConfig>;
export type { DinoConfig } from './dino';
export { orderCount, tilingOf } from './jigsaw';
export type { JigsawConfig } from './jigsaw';
export type { DecoderConfig, MaeConfig } from './mae';
export type { MocoConfig } from './moco';
export type { RotationConfig } from './rotation';
export type { SimclrConfig } from './simclr';

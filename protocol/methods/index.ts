/** The `pretrain` block: one pretext task out of all that there are. */
import type * as z from 'zod';
import { oneOf, withLength } from '../training';
import { DinoConfig } from './dino';
import { MaeConfig } from './mae';
import { MocoConfig } from './moco';
import { SimclrConfig } from './simclr';

export const PretrainConfig = oneOf('method', 'mae', [MaeConfig, SimclrConfig, MocoConfig, DinoConfig])
  .transform(withLength(100))
  .describe('Pretraining without labels.');

export type PretrainConfig = z.output<typeof PretrainConfig>;
export type { DinoConfig } from './dino';
export type { DecoderConfig, MaeConfig } from './mae';
export type { MocoConfig } from './moco';
export type { SimclrConfig } from './simclr';

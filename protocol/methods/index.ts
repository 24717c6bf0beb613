/** The `pretrain` block: one pretext task out of all that there are. */
import type * as z from 'zod';
import { oneOf, withLength } from '../training';
import { MaeConfig } from './mae';

export const PretrainConfig = oneOf('method', 'mae', [MaeConfig])
  .transform(withLength(100))
  .describe('Pretraining without labels.');

export type PretrainConfig = z.output<typeof PretrainConfig>;
export type { DecoderConfig, MaeConfig } from './mae';

import * as z from 'zod';
import { fraction, optimizerConfig, transformConfig } from '../training';
import { decoderConfig } from './decoder';
import { pretrainFields } from './shared';

export const MaeConfig = z.strictObject({
  method: z.literal('mae').describe('Masked autoencoder (He et al. 2021): reconstruct the patches that are hidden.'),
  ...pretrainFields,
  decoder: decoderConfig({ depth: 4 }),
  maskRatio: fraction.default(0.75).describe('Share of patches hidden from the encoder.'),
  masking: z
    .enum(['random', 'block', 'grid'])
    .default('random')
    .describe(
      'Which patches are hidden. `random`: drawn uniformly without replacement; `block`: large rectangles; `grid`: all but one of every 2x2, at a `maskRatio` of 0.75.',
    ),
  normalizeTarget: z
    .boolean()
    .default(true)
    .describe('Predict each patch normalised by its own mean and (unbiased) standard deviation.'),
  transform: transformConfig({ crop: [0.2, 1] }),
  optimizer: optimizerConfig({ baseLr: 1.5e-4 }),
});

export type MaeConfig = z.output<typeof MaeConfig>;

import * as z from 'zod';
import { fraction, optimizerConfig, positiveInt, transformConfig } from '../training';
import { pretrainFields } from './shared';

export const DecoderConfig = z
  .strictObject({
    width: positiveInt.default(128).describe('Width of a decoder token; must be a multiple of `heads` and of 4.'),
    depth: positiveInt.default(4).describe('Number of decoder blocks.'),
    heads: positiveInt.default(4).describe('Attention heads per decoder block.'),
  })
  .prefault({})
  .describe('The decoder: only for pretraining, thrown away afterwards.');

export const MaeConfig = z.strictObject({
  method: z.literal('mae').describe('Masked autoencoder (He et al. 2021): reconstruct the patches that are hidden.'),
  ...pretrainFields,
  decoder: DecoderConfig,
  maskRatio: fraction
    .default(0.75)
    .describe('Share of patches hidden from the encoder, drawn uniformly without replacement.'),
  normalizeTarget: z
    .boolean()
    .default(true)
    .describe('Predict each patch normalised by its own mean and (unbiased) standard deviation.'),
  transform: transformConfig({ crop: [0.2, 1] }),
  optimizer: optimizerConfig({ baseLr: 1.5e-4 }),
});

export type MaeConfig = z.output<typeof MaeConfig>;
export type DecoderConfig = z.output<typeof DecoderConfig>;

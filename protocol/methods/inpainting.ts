import * as z from 'zod';
import { fraction, optimizerConfig, transformConfig } from '../training';
import { decoderConfig } from './decoder';
import { pretrainFields } from './shared';

export const InpaintingConfig = z.strictObject({
  method: z
    .literal('inpainting')
    .describe('Context encoder (Pathak et al. 2016): fill in what is cut out of the image.'),
  ...pretrainFields,
  decoder: decoderConfig({ depth: 2 }),
  hole: z
    .enum(['centre', 'blocks'])
    .default('blocks')
    .describe('What is cut out. `centre`: one square in the middle; `blocks`: several rectangles anywhere.'),
  holeArea: fraction
    .default(0.25)
    .describe(
      'Share of the image that is cut out: the side of the square is its root; blocks are laid until they cover it.',
    ),
  overlap: z
    .number()
    .min(0)
    .max(0.5)
    .default(1 / 32)
    .describe(
      'Width of the band of visible pixels around a hole that is predicted too, so that the two join, as a share of the side of the image.',
    ),
  overlapWeight: z
    .number()
    .min(0)
    .default(10)
    .describe('How much more an error in that band counts than one in the hole.'),
  transform: transformConfig({ crop: [0.2, 1] }),
  optimizer: optimizerConfig({ baseLr: 1e-3 }),
});

export type InpaintingConfig = z.output<typeof InpaintingConfig>;

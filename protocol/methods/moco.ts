import * as z from 'zod';
import { fraction, positiveInt } from '../training';
import { contrastFields, projectorWidths, projectorWords, temperature } from './contrast';

export const MocoConfig = z.strictObject({
  method: z
    .literal('moco')
    .describe('Momentum contrast (He et al. 2019): find the view that a slowly moving copy of the encoder saw.'),
  version: z
    .enum(['v2', 'v3'])
    .default('v3')
    .describe(
      '`v2` (Chen et al. 2020): negatives from a queue, for ResNets. `v3` (Chen et al. 2021): negatives from the batch, a predictor, both directions, for ViTs.',
    ),
  ...contrastFields,
  queue: positiveInt
    .default(4096)
    .describe(
      'v2: keys of earlier images to tell apart. A multiple of `batchSize`, and at most the number of training images.',
    ),
  momentum: fraction
    .default(0.99)
    .describe('How much of itself the momentum encoder keeps in an update; with v3 it rises to 1.'),
  projector: z
    .strictObject({
      layers: z
        .int()
        .min(1)
        .max(4)
        .optional()
        .describe('Layers; by default 2, with v3 and a ViT 3. With v3 each has a batch norm.'),
      ...projectorWidths,
    })
    .prefault({})
    .describe(projectorWords),
  temperature: temperature(0.2),
});

export type MocoConfig = z.output<typeof MocoConfig>;

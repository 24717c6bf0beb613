import * as z from 'zod';
import { contrastFields, projectorWidths, projectorWords, temperature } from './contrast';

export const SimclrConfig = z.strictObject({
  method: z
    .literal('simclr')
    .describe('SimCLR (Chen et al. 2020): tell two views of one image from the views of all others in the batch.'),
  ...contrastFields,
  projector: z
    .strictObject({
      layers: z.int().min(1).max(4).default(3).describe('Layers, each with a batch norm.'),
      ...projectorWidths,
    })
    .prefault({})
    .describe(projectorWords),
  temperature: temperature(0.5),
});

export type SimclrConfig = z.output<typeof SimclrConfig>;

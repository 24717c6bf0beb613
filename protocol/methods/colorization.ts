import * as z from 'zod';
import { fraction, optimizerConfig, positiveInt, transformConfig } from '../training';
import { pretrainFields } from './shared';

export const ColorizationConfig = z.strictObject({
  method: z
    .literal('colorization')
    .describe('Colorization (Zhang et al. 2016): the lightness of an image goes in, its colours come out.'),
  ...pretrainFields,
  target: z
    .enum(['bins', 'regression'])
    .default('bins')
    .describe(
      '`bins`: the probability of each of 261 colours, of which rare ones count more; `regression`: the colour itself, which tends to greys.',
    ),
  cells: positiveInt
    .default(2)
    .describe('How many cells along a side of a patch get a colour of their own; must divide `backbone.patchSize`.'),
  rebalance: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe(
      '`bins`: how much rare colours gain; 0 weighs all alike, 1 by the inverse of how often a colour is seen.',
    ),
  temperature: fraction
    .default(0.38)
    .describe(
      '`bins`: temperature of the annealed mean that the pictures show, from near 0 (the mode) to near 1 (the mean).',
    ),
  transform: transformConfig({ crop: [0.2, 1] }),
  optimizer: optimizerConfig({ baseLr: 1e-3 }),
});

export type ColorizationConfig = z.output<typeof ColorizationConfig>;

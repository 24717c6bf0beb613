/** What contrastive methods have in common. */
import * as z from 'zod';
import { optimizerConfig, positiveInt, transformConfig } from '../training';
import { pretrainFields } from './shared';

export const projectorWidths = {
  hidden: positiveInt.default(512).describe('Width of the hidden layers.'),
  output: positiveInt.default(128).describe('Width of what is compared.'),
};

export const projectorWords = 'The projector: only for pretraining, thrown away afterwards.';

export const temperature = (value: number) =>
  z
    .number()
    .gt(0)
    .default(value)
    .describe('Divides the similarities: the lower, the more the most similar negatives count.');

/** Views and lengths as SimCLR has them for small images. */
export const contrastFields = {
  ...pretrainFields,
  transform: transformConfig({ crop: [0.08, 1], jitter: {}, grayscale: 0.2 }),
  optimizer: optimizerConfig({ baseLr: 1e-3 }),
};

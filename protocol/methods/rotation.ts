import * as z from 'zod';
import { optimizerConfig, transformConfig } from '../training';
import { pretrainFields } from './shared';

export const RotationConfig = z.strictObject({
  method: z
    .literal('rotation')
    .describe('Rotation (Gidaris et al. 2018): tell by how many quarter turns an image was turned.'),
  ...pretrainFields,
  transform: transformConfig({ crop: [0.5, 1] }),
  optimizer: optimizerConfig({ baseLr: 1e-3 }),
});

export type RotationConfig = z.output<typeof RotationConfig>;

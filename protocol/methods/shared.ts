/** What every pretext task has in its `pretrain` block. */
import * as z from 'zod';
import { BackboneConfig, lengthFields, positiveInt } from '../training';

export const pretrainFields = {
  backbone: BackboneConfig.prefault({}),
  batchSize: positiveInt.default(64).describe('Images per optimizer update.'),
  gradientCheckpointing: z
    .boolean()
    .default(false)
    .describe(
      'Compute each block of a ViT again for the gradient instead of keeping what it made: less memory for larger batches and models, and about a third more time.',
    ),
  precision: z
    .enum(['float32', 'mixed'])
    .default('float32')
    .describe(
      'What matrices are multiplied in. `mixed`: float16, with weights, norms, losses and updates in float32 and a dynamic loss scale (Micikevicius et al. 2018); for GPUs that compute in float16, on the onnx engine.',
    ),
  ...lengthFields,
  logEvery: positiveInt.default(10).describe('Steps between metric rows.'),
  checkpointEvery: positiveInt.default(500).describe('Steps between checkpoints. The last step always has one.'),
  keepCheckpoints: positiveInt
    .default(5)
    .describe('How many of the newest checkpoints to keep; evaluated ones are always kept.'),
  picturesEvery: positiveInt.default(100).describe('Steps between pictures of the task on a fixed image set.'),
  embedEvery: positiveInt
    .default(1000)
    .describe('Steps between t-SNE maps of held-out embeddings, with their kNN and linear probe scores.'),
  healthEvery: positiveInt
    .default(500)
    .describe(
      'Steps between looks at the health of the representation, which tell of its collapse: spread, rank, alignment and uniformity of held-out embeddings.',
    ),
};

/**
 * The experiment config: what a person writes in `*.tessera.jsonc`. One zod schema is the
 * source of the TypeScript type, of the validation, and of the JSON schema that gives the
 * editor its completions and hovers.
 */
import * as z from 'zod';

const positiveInt = z.int().min(1);
const fraction = z.number().gt(0).lt(1);

export const DataConfig = z
  .strictObject({
    source: z
      .string()
      .min(1)
      .describe(
        'Where the images are: a folder (relative to this file), with or without one subfolder per class; a folder with the CIFAR-10/100 binary files; or `builtin:shapes`.',
      ),
    testSource: z
      .string()
      .min(1)
      .optional()
      .describe('Where the test images are, when `source` has no `train` and `test` subfolders of its own.'),
    imageSize: z
      .int()
      .min(8)
      .max(512)
      .default(32)
      .describe('Height and width in pixels that the encoder sees. Images are resized to cover it.'),
    train: positiveInt.optional().describe('Use at most this many training images (a seeded choice).'),
    test: positiveInt.optional().describe('Use at most this many test images (a seeded choice).'),
    maxBadFiles: z
      .number()
      .min(0)
      .max(1)
      .default(0.01)
      .describe('The share of unreadable image files to skip and list before the run stops with an error.'),
  })
  .describe('The images, and how they are read.');

export const BackboneConfig = z
  .strictObject({
    type: z.literal('vit').default('vit').describe('Vision Transformer (Dosovitskiy et al. 2020).'),
    patchSize: positiveInt.default(4).describe('Side of a square patch in pixels; must divide `imageSize`.'),
    width: positiveInt.default(192).describe('Width of a token; must be a multiple of `heads` and of 4.'),
    depth: positiveInt.default(12).describe('Number of transformer blocks.'),
    heads: positiveInt.default(3).describe('Attention heads per block.'),
    mlpRatio: z.number().gt(0).default(4).describe('Hidden width of the MLP, as a multiple of `width`.'),
  })
  .describe('The encoder that is pretrained and then reused.');

export const DecoderConfig = z
  .strictObject({
    width: positiveInt.default(128).describe('Width of a decoder token; must be a multiple of `heads` and of 4.'),
    depth: positiveInt.default(4).describe('Number of decoder blocks.'),
    heads: positiveInt.default(4).describe('Attention heads per decoder block.'),
  })
  .describe('The decoder: only for pretraining, thrown away afterwards.');

export const OptimizerConfig = z
  .strictObject({
    baseLr: z
      .number()
      .gt(0)
      .default(1.5e-4)
      .describe('Base learning rate: the peak learning rate is baseLr x batchSize / 256.'),
    minLr: z.number().min(0).default(0).describe('The learning rate that the cosine ends at.'),
    weightDecay: z
      .number()
      .min(0)
      .default(0.05)
      .describe('Decoupled weight decay (AdamW); biases, norms and other 1-D parameters are excluded.'),
    betas: z
      .tuple([fraction, fraction])
      .default([0.9, 0.95])
      .describe('AdamW decay rates of the first and second moment.'),
    warmup: z
      .number()
      .min(0)
      .max(1)
      .default(0.05)
      .describe('Share of all steps in which the learning rate rises linearly from 0.'),
    clipNorm: z.number().gt(0).optional().describe('Clip the global gradient norm to this value.'),
  })
  .describe('AdamW with linear warmup and a per-step cosine.');

export const TransformConfig = z
  .strictObject({
    crop: z
      .tuple([z.number().gt(0).max(1), z.number().gt(0).max(1)])
      .nullable()
      .default([0.2, 1])
      .describe('Random resized crop: the range of the cropped area as a share of the image; null for no crop.'),
    flip: z.boolean().default(true).describe('Flip horizontally with probability 1/2.'),
  })
  .describe('How a view is drawn from an image.');

const lengthFields = {
  steps: positiveInt.optional().describe('How long to train, in optimizer updates. Give this or `epochs`, not both.'),
  epochs: z
    .number()
    .gt(0)
    .optional()
    .describe(
      'How long to train, in passes over the training images. Without `steps` and `epochs`: 100 to pretrain, 50 to fine-tune.',
    ),
};

/** A parsed config always says how long to train. */
const withLength =
  (epochs: number) =>
  <T extends { steps?: number; epochs?: number }>(config: T): T =>
    config.steps === undefined && config.epochs === undefined ? { ...config, epochs } : config;

export const PretrainConfig = z
  .strictObject({
    method: z
      .literal('mae')
      .default('mae')
      .describe('Masked autoencoder (He et al. 2021): reconstruct the patches that are hidden.'),
    backbone: BackboneConfig.prefault({}),
    decoder: DecoderConfig.prefault({}),
    maskRatio: fraction
      .default(0.75)
      .describe('Share of patches hidden from the encoder, drawn uniformly without replacement.'),
    normalizeTarget: z
      .boolean()
      .default(true)
      .describe('Predict each patch normalised by its own mean and (unbiased) standard deviation.'),
    transform: TransformConfig.prefault({}),
    batchSize: positiveInt.default(64).describe('Images per optimizer update.'),
    ...lengthFields,
    optimizer: OptimizerConfig.prefault({}),
    logEvery: positiveInt.default(10).describe('Steps between metric rows.'),
    checkpointEvery: positiveInt.default(500).describe('Steps between checkpoints. The last step always has one.'),
    keepCheckpoints: positiveInt
      .default(5)
      .describe('How many of the newest checkpoints to keep; evaluated ones are always kept.'),
    reconstructEvery: positiveInt.default(100).describe('Steps between reconstructions of the fixed image set.'),
    embedEvery: positiveInt.default(1000).describe('Steps between t-SNE maps and kNN scores of held-out embeddings.'),
  })
  .transform(withLength(100))
  .describe('Pretraining without labels.');

const labelFractions = z
  .array(z.number().gt(0).max(1))
  .min(1)
  .describe('Shares of the training labels to use, each a row of the report: 0.01, 0.1 and 1 are customary.');

export const ProbeConfig = z
  .strictObject({
    labels: labelFractions.default([1]),
    epochs: positiveInt.default(100).describe('Passes over the cached embeddings.'),
    batchSize: positiveInt.default(256).describe('Embeddings per update.'),
    learningRates: z
      .array(z.number().gt(0))
      .min(1)
      .default([0.003, 0.01, 0.03, 0.1, 0.3, 1])
      .describe('Learning rates to try; the best on a held-out fifth of train is used. Test is never looked at.'),
    k: positiveInt.default(20).describe('Neighbours of the kNN classifier reported beside the probe.'),
    temperature: z.number().gt(0).default(0.07).describe('Temperature of the kNN vote, exp(similarity / temperature).'),
  })
  .describe('Judge the frozen encoder: a linear classifier and kNN on its embeddings, beside a random-init encoder.');

export const FinetuneConfig = z
  .strictObject({
    labels: labelFractions.default([1]),
    batchSize: positiveInt.default(64).describe('Images per optimizer update.'),
    ...lengthFields,
    layerDecay: z
      .number()
      .gt(0)
      .max(1)
      .default(0.75)
      .describe('Each block nearer to the input learns this much slower than the next.'),
    head: z
      .array(positiveInt)
      .default([])
      .describe('Hidden widths of the classification head; empty for one linear layer.'),
    transform: TransformConfig.prefault({}),
    optimizer: OptimizerConfig.prefault({ baseLr: 1e-3, betas: [0.9, 0.999] }),
  })
  .transform(withLength(50))
  .describe('Train all weights with labels, beside training from scratch with the same budget.');

export const ExperimentConfig = z
  .strictObject({
    $schema: z.string().optional(),
    name: z
      .string()
      .regex(/^[\w][\w .-]{0,63}$/, 'letters, digits, space, ".", "_" and "-", at most 64')
      .optional()
      .describe('What the experiment is called; the file name by default.'),
    seed: z.int().min(0).default(0).describe('Seed of every random draw: weights, order, crops, masks.'),
    engine: z
      .enum(['auto', 'onnx', 'reference'])
      .default('auto')
      .describe('`onnx`: compiled (default). `reference`: plain JavaScript, slow, for checking.'),
    device: z
      .enum(['auto', 'cpu', 'webgpu'])
      .default('auto')
      .describe('Where the engine runs. `auto` takes a real GPU when there is one and says what it took.'),
    data: DataConfig,
    pretrain: PretrainConfig.prefault({}),
    probe: ProbeConfig.prefault({}),
    finetune: FinetuneConfig.prefault({}),
  })
  .describe('A Tessera experiment.');

/** How checkpoints are judged. Unlike the rest it may change after the training: a run is judged as one now wants. */
export const EvaluationSettings = z.strictObject({ probe: ProbeConfig, finetune: FinetuneConfig });

export type ExperimentConfig = z.output<typeof ExperimentConfig>;
export type EvaluationSettings = z.output<typeof EvaluationSettings>;
export type DataConfig = z.output<typeof DataConfig>;
export type BackboneConfig = z.output<typeof BackboneConfig>;
export type DecoderConfig = z.output<typeof DecoderConfig>;
export type OptimizerConfig = z.output<typeof OptimizerConfig>;
export type TransformConfig = z.output<typeof TransformConfig>;
export type PretrainConfig = z.output<typeof PretrainConfig>;
export type ProbeConfig = z.output<typeof ProbeConfig>;
export type FinetuneConfig = z.output<typeof FinetuneConfig>;

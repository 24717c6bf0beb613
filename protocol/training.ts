/** The blocks of a config that every training has: backbone, optimizer, views, length. */
import * as z from 'zod';

export const positiveInt = z.int().min(1);
/** Between 0 and 1, both excluded. */
export const fraction = z.number().gt(0).lt(1);
export const share = z.number().min(0).max(1);

/**
 * One of several blocks, told apart by `key`: that of `fallback`, the first, when it is not given.
 */
export function oneOf<
  Key extends string,
  Options extends readonly [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]],
>(key: Key, fallback: string, options: Options) {
  const named = (value: unknown) =>
    typeof value === 'object' && value !== null && !(key in value) ? { ...value, [key]: fallback } : value;
  return z.preprocess(named, z.discriminatedUnion(key, options));
}

/** The sizes that have a name (Touvron et al. 2020, table 1, and Dosovitskiy et al. 2020). */
export const vitSizes = {
  tiny: { width: 192, depth: 12, heads: 3 },
  small: { width: 384, depth: 12, heads: 6 },
  base: { width: 768, depth: 12, heads: 12 },
} as const;

const VitConfig = z.strictObject({
  type: z.literal('vit').describe('Vision Transformer (Dosovitskiy et al. 2020).'),
  size: z
    .enum(['tiny', 'small', 'base'])
    .optional()
    .describe(
      'Width, depth and heads by name: `tiny` 192, 12 and 3; `small` 384, 12 and 6; `base` 768, 12 and 12. Leave it out to give them yourself.',
    ),
  patchSize: positiveInt.default(4).describe('Side of a square patch in pixels; must divide `imageSize`.'),
  width: positiveInt
    .optional()
    .describe('Width of a token; must be a multiple of `heads` and of 4. That of `size`, or 192.'),
  depth: positiveInt.optional().describe('Number of transformer blocks. That of `size`, or 12.'),
  heads: positiveInt.optional().describe('Attention heads per block. Those of `size`, or 3.'),
  mlpRatio: z.number().gt(0).default(4).describe('Hidden width of the MLP, as a multiple of `width`.'),
});

const ResnetConfig = z.strictObject({
  type: z.enum(['resnet18', 'resnet50']).describe('Residual network (He et al. 2015).'),
  stem: z
    .enum(['cifar', 'standard'])
    .default('cifar')
    .describe(
      '`cifar`: 3x3 convolution without pooling, for small images; `standard`: 7x7 with stride 2, then pooling.',
    ),
  width: positiveInt.default(64).describe('Channels of the first stage; each later one has twice as many.'),
});

/** A parsed ViT always says its width, depth and heads. */
const withSize = (backbone: z.output<typeof VitConfig> | z.output<typeof ResnetConfig>) =>
  backbone.type === 'vit' ? { ...vitSizes[backbone.size ?? 'tiny'], ...backbone } : backbone;

export const BackboneConfig = oneOf('type', 'vit', [VitConfig, ResnetConfig])
  .transform(withSize)
  .describe('The encoder that is pretrained and then reused.');

interface OptimizerDefaults {
  readonly type?: 'adamw' | 'sgd' | 'lars';
  readonly baseLr: number;
  readonly weightDecay?: number;
  readonly betas?: [number, number];
}

export const optimizerConfig = ({
  type = 'adamw',
  baseLr,
  weightDecay = 0.05,
  betas = [0.9, 0.95],
}: OptimizerDefaults) =>
  z
    .strictObject({
      type: z
        .enum(['adamw', 'sgd', 'lars'])
        .default(type)
        .describe(
          'AdamW (Loshchilov and Hutter 2019) for transformers; SGD with Nesterov momentum, or LARS (You et al. 2017) for large batches, for ResNets.',
        ),
      baseLr: z
        .number()
        .gt(0)
        .default(baseLr)
        .describe('Base learning rate: the peak learning rate is baseLr x batchSize / 256.'),
      minLr: z.number().min(0).default(0).describe('The learning rate that the cosine ends at.'),
      weightDecay: z
        .number()
        .min(0)
        .default(weightDecay)
        .describe('Weight decay, decoupled with AdamW; biases, norms and other 1-D parameters are excluded.'),
      betas: z
        .tuple([fraction, fraction])
        .default(betas)
        .describe('AdamW: decay rates of the first and second moment.'),
      momentum: z.number().min(0).lt(1).default(0.9).describe('SGD and LARS: momentum.'),
      warmup: share.default(0.05).describe('Share of all steps in which the learning rate rises linearly from 0.'),
      clipNorm: z.number().gt(0).optional().describe('Clip the global gradient norm to this value.'),
    })
    .prefault({})
    .describe('The optimizer, with linear warmup and a per-step cosine.');

const jitterConfig = z
  .strictObject({
    brightness: z.number().min(0).max(1).default(0.4).describe('Brightness changes by a factor of up to 1 ± this.'),
    contrast: z.number().min(0).max(1).default(0.4).describe('Contrast changes by a factor of up to 1 ± this.'),
    saturation: z.number().min(0).max(1).default(0.4).describe('Saturation changes by a factor of up to 1 ± this.'),
    hue: z.number().min(0).max(0.5).default(0.1).describe('Hue turns by up to this share of the colour circle.'),
    probability: share.default(0.8).describe('How often colours are jittered.'),
  })
  .nullable();

const blurConfig = z
  .strictObject({
    sigma: z
      .tuple([z.number().gt(0), z.number().gt(0)])
      .default([0.1, 2])
      .describe('Range of the standard deviation in pixels.'),
    probability: share.default(0.5).describe('How often a view is blurred.'),
  })
  .nullable();

interface TransformDefaults {
  readonly crop: [number, number] | null;
  readonly jitter?: z.input<typeof jitterConfig>;
  readonly grayscale?: number;
  readonly blur?: z.input<typeof blurConfig>;
  readonly solarize?: number;
}

/** Views as a method draws them unless told otherwise. */
export const transformConfig = ({ crop, jitter, grayscale = 0, blur, solarize = 0 }: TransformDefaults) =>
  z
    .strictObject({
      crop: z
        .tuple([z.number().gt(0).max(1), z.number().gt(0).max(1)])
        .nullable()
        .default(crop)
        .describe('Random resized crop: the range of the cropped area as a share of the image; null for no crop.'),
      flip: z.boolean().default(true).describe('Flip horizontally with probability 1/2.'),
      jitter: jitterConfig
        .prefault(jitter ?? null)
        .describe('Random changes of brightness, contrast, saturation and hue, in random order; null for none.'),
      grayscale: share.default(grayscale).describe('How often a view loses its colours.'),
      blur: blurConfig.prefault(blur ?? null).describe('Gaussian blur; null for none.'),
      solarize: share.default(solarize).describe('How often the bright half of the values is inverted.'),
    })
    .prefault({})
    .describe('How a view is drawn from an image.');

export const lengthFields = {
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
export const withLength =
  (epochs: number) =>
  <T extends { steps?: number; epochs?: number }>(config: T): T =>
    config.steps === undefined && config.epochs === undefined ? { ...config, epochs } : config;

export type BackboneConfig = z.output<typeof BackboneConfig>;
export type VitConfig = Extract<BackboneConfig, { readonly type: 'vit' }>;
export type ResnetConfig = z.output<typeof ResnetConfig>;
export type OptimizerConfig = z.output<ReturnType<typeof optimizerConfig>>;
export type TransformConfig = z.output<ReturnType<typeof transformConfig>>;

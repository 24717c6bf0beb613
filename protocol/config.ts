/**
 * The experiment config: what a person writes in `*.tessera.jsonc`. One zod schema is the
 * source of the TypeScript type, of the validation, and of the JSON schema that gives the
 * editor its completions and hovers.
 */
import * as z from 'zod';
import { PretrainConfig } from './methods/index';
import { lengthFields, optimizerConfig, positiveInt, share, transformConfig, withLength } from './training';

/** What every data set says of its images. */
const imagesOf = (where: string) => ({
  source: z.string().min(1).describe(where),
  testSource: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Where the test images are, when `source` has none of its own, or others are wanted. Classes are matched by name.',
    ),
  train: positiveInt
    .optional()
    .describe(
      'Use at most this many training images (a seeded choice). Of the images without labels, where a data set has such, at most as many.',
    ),
  test: positiveInt.optional().describe('Use at most this many test images (a seeded choice).'),
});

export const DataConfig = z
  .strictObject({
    ...imagesOf(
      'Where the images are, relative to this file: a folder of images, with or without one subfolder per class; a folder with the files of CIFAR-10/100 or STL-10 (binary), or of MNIST, Fashion-MNIST, KMNIST or EMNIST (IDX, plain or .gz; name the training images where several sets share it); an .npz file such as MedMNIST; or `builtin:shapes`. STL-10 is pretrained on its unlabelled and training images.',
    ),
    imageSize: z
      .int()
      .min(8)
      .max(512)
      .default(32)
      .describe('Height and width in pixels that the encoder sees. Images are resized to cover it.'),
    maxBadFiles: z
      .number()
      .min(0)
      .max(1)
      .default(0.01)
      .describe('The share of unreadable image files to skip and list before the run stops with an error.'),
  })
  .describe('The images, and how they are read.');

const labelFractions = z
  .array(z.number().gt(0).max(1))
  .min(1)
  .describe('Shares of the training labels to use, each a row of the report: 0.01, 0.1 and 1 are customary.');

/** What a protocol of the probe means where the config does not say. */
interface ProbeProtocol {
  readonly layers: number;
  readonly views: number;
  readonly epochs: number;
  readonly learningRates: number[];
}
const probeProtocols: Record<'linear' | 'mae' | 'dino', ProbeProtocol> = {
  linear: { layers: 1, views: 0, epochs: 100, learningRates: [0.003, 0.01, 0.03, 0.1, 0.3, 1] },
  // The paper's peak is the fourth: 0.1 for each 256 of its 16,384 images per update.
  mae: { layers: 1, views: 10, epochs: 90, learningRates: [0.1, 0.4, 1.6, 6.4, 25.6] },
  dino: { layers: 4, views: 10, epochs: 100, learningRates: [0.003, 0.01, 0.03, 0.1, 0.3, 1] },
};

/** Published settings of kNN (Caron et al. 2021; Wu et al. 2018). */
export const knnSettings: Record<'dino' | 'instdisc', { readonly k: number; readonly temperature: number }> = {
  dino: { k: 20, temperature: 0.07 },
  instdisc: { k: 200, temperature: 0.1 },
};

export const ProbeConfig = z
  .strictObject({
    labels: labelFractions.default([1]),
    protocol: z
      .enum(['linear', 'mae', 'dino'])
      .default('linear')
      .describe(
        '`linear`: SGD on embeddings of the images as they are. `mae` (He et al. 2021): LARS with warmup, on augmented views. `dino` (Caron et al. 2021): SGD on the features of the last 4 blocks, on augmented views. Each sets `layers`, `views`, `epochs` and `learningRates` where they are left out.',
      ),
    layers: positiveInt
      .optional()
      .describe('Classify by the pooled features of so many blocks, the last ones, side by side; 1, with `dino` 4.'),
    views: z
      .int()
      .min(0)
      .max(1000)
      .optional()
      .describe(
        'Augmented views (random resized crop and flip) of each training image, embedded once; an epoch trains on one of them, in turn. With as many as `epochs` each epoch sees a new one, as in the papers. 0 for the images as they are; 10 with `mae` and `dino`.',
      ),
    hidden: z
      .array(positiveInt)
      .default([])
      .describe(
        'Hidden widths of a non-linear probe, an MLP that is reported beside the linear one; empty for none. [512] is customary.',
      ),
    epochs: positiveInt.optional().describe('Passes over the cached embeddings: 100, with `mae` 90.'),
    batchSize: positiveInt.default(256).describe('Embeddings per update.'),
    learningRates: z
      .array(z.number().gt(0))
      .min(1)
      .optional()
      .describe(
        'Learning rates to try, 0.003 to 1, or 0.1 to 25.6 with `mae`; the best on a held-out fifth of train is used. Test is never looked at.',
      ),
    knn: z
      .enum(['dino', 'instdisc'])
      .default('dino')
      .describe(
        'Settings of the kNN classifier reported beside the probe. `dino` (Caron et al. 2021): k 20, temperature 0.07; `instdisc` (Wu et al. 2018): k 200, temperature 0.1. What `k` and `temperature` say goes before it.',
      ),
    k: positiveInt.optional().describe('Neighbours of the kNN classifier, instead of those of `knn`.'),
    temperature: z
      .number()
      .gt(0)
      .optional()
      .describe('Temperature of the kNN vote, exp(similarity / temperature), instead of that of `knn`.'),
  })
  .transform((probe) => ({ ...probeProtocols[probe.protocol], ...knnSettings[probe.knn], ...probe }))
  .describe(
    'Judge the frozen encoder: a linear classifier, an MLP if asked for, and kNN on its embeddings, beside a random-init encoder.',
  );

export const ClusterConfig = z
  .strictObject({
    k: z.int().min(2).optional().describe('How many clusters; as many as there are classes by default.'),
    restarts: positiveInt
      .max(1000)
      .default(10)
      .describe('Starts of k-means, each from its own k-means++ centres; the tightest clustering is taken.'),
    images: positiveInt
      .optional()
      .describe('Cluster at most this many test images (a seeded choice); all of them by default.'),
  })
  .describe(
    'Judge the frozen encoder without a classifier: k-means on the embeddings of the test images, beside a random-init encoder. Labels are only looked at to score it.',
  );

export const HealthConfig = z
  .strictObject({
    images: z
      .int()
      .min(10)
      .default(2000)
      .describe('Look at the embeddings of at most this many test images (a seeded choice).'),
    viewedImages: z
      .int()
      .min(10)
      .default(500)
      .describe('Of how many of them views are drawn, for alignment and LiDAR. LiDAR cannot exceed it.'),
    views: z
      .int()
      .min(2)
      .max(100)
      .default(10)
      .describe('Views of each of them for LiDAR, drawn as for the pretext task.'),
  })
  .describe(
    'Look at the embeddings themselves, without labels: spread, ranks, uniformity, alignment and LiDAR, beside a random-init encoder.',
  );

export const TsneConfig = z
  .strictObject({
    images: z
      .int()
      .min(10)
      .max(20_000)
      .default(10_000)
      .describe('Map at most this many test images (a seeded choice).'),
    perplexity: z
      .number()
      .min(1)
      .optional()
      .describe(
        'How many neighbours each image is to have, in effect; at most a third of the images. By default 30, or that third.',
      ),
    iterations: positiveInt
      .max(10_000)
      .default(1000)
      .describe('How long to move the points, the first 250 in close quarters.'),
  })
  .describe(
    'Draw a t-SNE map of the embeddings of test images, started from an earlier map of the run, beside that of a random-init encoder. Labels are only looked at to score it.',
  );

/** By the names of the published files (Hendrycks & Dietterich 2019). */
export const corruptionNames = [
  'gaussian_noise',
  'shot_noise',
  'impulse_noise',
  'defocus_blur',
  'glass_blur',
  'motion_blur',
  'zoom_blur',
  'snow',
  'frost',
  'fog',
  'brightness',
  'contrast',
  'elastic_transform',
  'pixelate',
  'jpeg_compression',
] as const;

const once = (list: readonly unknown[]) => new Set(list).size === list.length;
const onceEach = 'Name each one once.';

export const RobustnessConfig = z
  .strictObject({
    corruptions: z
      .array(z.enum(corruptionNames))
      .min(1)
      .refine(once, onceEach)
      .default([...corruptionNames])
      .describe('What to do to the images; all 15 common corruptions by default.'),
    severities: z
      .array(z.literal([1, 2, 3, 4, 5]))
      .min(1)
      .refine(once, onceEach)
      .default([1, 2, 3, 4, 5])
      .describe('How much of it: 1 is the mildest, 5 the worst.'),
    images: positiveInt
      .default(1000)
      .describe('Corrupt at most this many test images (a seeded choice): each is embedded 75 times by two encoders.'),
    shift: z
      .strictObject({
        source: z
          .string()
          .min(1)
          .describe(
            'Where these images are, relative to this file; as in `data.source`. Its test images where it has some, else all.',
          ),
      })
      .optional()
      .describe('Another data set with the same classes, matched by name: how well the classifier travels.'),
  })
  .describe(
    'Judge how the frozen encoder bears common corruptions of the test images: a linear classifier fitted on clean images, beside that of a random-init encoder.',
  );

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
    blocks: z
      .int()
      .min(0)
      .optional()
      .describe(
        'Train only so many blocks, the last ones, with the head; the others stay as they are, batch norm statistics included. 0 for the head alone; all weights by default.',
      ),
    head: z
      .array(positiveInt)
      .default([])
      .describe('Hidden widths of the classification head; empty for one linear layer.'),
    dropPath: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe(
        'Drop path (Huang et al. 2016): how often a residual branch of the last block is left out for an image; less in proportion to the depth of the others. 0.1 is customary.',
      ),
    mixup: z
      .number()
      .min(0)
      .default(0)
      .describe(
        'Mixup (Zhang et al. 2017): alpha of the share that an image keeps of itself; 0 for none, 0.8 is customary.',
      ),
    cutmix: z
      .number()
      .min(0)
      .default(0)
      .describe(
        'CutMix (Yun et al. 2019): alpha of the share that an image keeps of itself; 0 for none, 1 is customary.',
      ),
    switchProbability: share
      .default(0.5)
      .describe('With both `mixup` and `cutmix`: how often a batch is mixed by CutMix.'),
    labelSmoothing: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe('How much of a label is spread over all classes (Szegedy et al. 2015); 0.1 is customary.'),
    transform: transformConfig({ crop: [0.2, 1] }),
    optimizer: optimizerConfig({ baseLr: 1e-3, betas: [0.9, 0.999] }),
  })
  .transform(withLength(50))
  .describe('Train the weights, or some of them, with labels, beside training from scratch with the same budget.');

export const TransferConfig = z
  .strictObject({
    ...imagesOf('Where the images of the other data set are, relative to this file; as in `data.source`.'),
    labels: labelFractions.default([0.01, 0.1, 1]),
    protocols: z
      .array(z.enum(['probe', 'finetune']))
      .min(1)
      .default(['probe'])
      .describe(
        '`probe`: a linear classifier on the frozen encoder; `finetune`: all weights, as the block `finetune` says.',
      ),
  })
  .describe(
    'Judge the encoder on another data set, with few and with all of its labels, beside a random-init encoder or training from scratch.',
  );

export const EfficiencyConfig = z
  .strictObject({
    target: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .describe('Also tell how long the training took until kNN on held-out images was this good, as in 0.4.'),
    seconds: z.number().gt(0).max(600).default(3).describe('How long to measure training steps, and then embedding.'),
  })
  .describe('What training and embedding cost: parameters, FLOPs, images a second, memory, time.');

/** How checkpoints are judged. Unlike the rest it may change after the training: a run is judged as one now wants. */
const evaluationBlocks = {
  probe: ProbeConfig.prefault({}),
  cluster: ClusterConfig.prefault({}),
  tsne: TsneConfig.prefault({}),
  health: HealthConfig.prefault({}),
  robustness: RobustnessConfig.prefault({}),
  transfer: TransferConfig.optional(),
  finetune: FinetuneConfig.prefault({}),
  efficiency: EfficiencyConfig.prefault({}),
};

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
      .enum(['auto', 'onnx', 'tensorflow', 'reference'])
      .default('auto')
      .describe(
        '`onnx`: compiled (default). `tensorflow`: for CUDA GPUs, to be installed first. `reference`: plain JavaScript, slow, for checking.',
      ),
    device: z
      .enum(['auto', 'cpu', 'wasm', 'webgpu', 'cuda'])
      .default('auto')
      .describe(
        'Where the engine runs. `auto` takes a real GPU when there is one and says what it took. `wasm`: the CPU where ONNX Runtime has no native library, several times slower.',
      ),
    data: DataConfig,
    pretrain: PretrainConfig.prefault({}),
    ...evaluationBlocks,
  })
  .describe('A Tessera experiment.');

export const EvaluationSettings = z.strictObject(evaluationBlocks);

export type ExperimentConfig = z.output<typeof ExperimentConfig>;
export type EvaluationSettings = z.output<typeof EvaluationSettings>;
export type DataConfig = z.output<typeof DataConfig>;
export type RobustnessConfig = z.output<typeof RobustnessConfig>;
export type TransferConfig = z.output<typeof TransferConfig>;
export type ProbeConfig = z.output<typeof ProbeConfig>;
export type EfficiencyConfig = z.output<typeof EfficiencyConfig>;
export type ClusterConfig = z.output<typeof ClusterConfig>;
export type TsneConfig = z.output<typeof TsneConfig>;
export type HealthConfig = z.output<typeof HealthConfig>;
export type FinetuneConfig = z.output<typeof FinetuneConfig>;
export { PretrainConfig };

export function evaluationSettings(config: EvaluationSettings): EvaluationSettings {
  const { probe, cluster, tsne, health, robustness, transfer, finetune, efficiency } = config;
  return { probe, cluster, tsne, health, robustness, transfer, finetune, efficiency };
}

export { localSizeOf, orderCount, tilingOf } from './methods/index';
export type {
  ColorizationConfig,
  DecoderConfig,
  DinoConfig,
  InpaintingConfig,
  JigsawConfig,
  MaeConfig,
  MocoConfig,
  RotationConfig,
  SimclrConfig,
} from './methods/index';
export type { BackboneConfig, OptimizerConfig, ResnetConfig, TransformConfig, VitConfig } from './training';

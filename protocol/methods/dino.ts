import * as z from 'zod';
import { fraction, optimizerConfig, positiveInt, transformConfig } from '../training';
import { pretrainFields } from './shared';

const share = z.number().min(0).max(1);
const temperature = z.number().gt(0);

export const DinoHeadConfig = z
  .strictObject({
    hidden: positiveInt.default(512).describe('Width of the two hidden layers (2,048 in the paper).'),
    bottleneck: positiveInt.default(128).describe('Width of what is compared to the prototypes (256 in the paper).'),
    prototypes: z
      .int()
      .min(2)
      .default(1024)
      .describe('Number of prototypes that views are assigned to (65,536 in the paper, on ImageNet).'),
  })
  .prefault({})
  .describe('The projection head: only for pretraining, thrown away afterwards.');

// Colours as in the paper; no blur, which takes the little detail that a small image has.
const colours = { jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1 }, grayscale: 0.2 };

export const DinoConfig = z.strictObject({
  method: z
    .literal('dino')
    .describe('Self-distillation (Caron et al. 2021): a student agrees with its own moving average across views.'),
  ...pretrainFields,
  head: DinoHeadConfig,
  localViews: z.int().min(0).default(4).describe('Small views of each image, which only the student sees.'),
  localSize: z
    .int()
    .min(3)
    .optional()
    .describe(
      'Side of a small view in pixels; a multiple of the patch size, at most `imageSize`. By default about half of it.',
    ),
  studentTemperature: temperature.default(0.1).describe("Temperature of the student's assignments."),
  teacherTemperature: z
    .tuple([temperature, temperature])
    .default([0.04, 0.07])
    .describe("Temperature of the teacher's assignments: at the start, and after its warmup; below the student's."),
  temperatureWarmup: share
    .default(0.3)
    .describe('Share of all steps in which the temperature of the teacher rises linearly.'),
  teacherMomentum: fraction
    .default(0.996)
    .describe(
      'How slowly the teacher follows the student at the start; rises to 1 along a cosine. Higher for small batches.',
    ),
  centerMomentum: fraction.default(0.9).describe("How slowly the centre of the teacher's outputs follows their mean."),
  freezePrototypes: share.default(0.01).describe('Share of all steps in which the prototypes wait.'),
  clipParameters: z.number().gt(0).default(3).describe('Clip the gradient norm of each parameter to this value.'),
  finalWeightDecay: z
    .number()
    .min(0)
    .default(0.4)
    .describe('The weight decay at the last step: it gets there from `optimizer.weightDecay` along a cosine.'),
  transform: transformConfig({ crop: [0.4, 1], ...colours }),
  secondTransform: transformConfig({ crop: [0.4, 1], ...colours, solarize: 0.2 }).describe(
    'How the second of the two large views is drawn.',
  ),
  localTransform: transformConfig({ crop: [0.05, 0.4], ...colours }).describe('How the small views are drawn.'),
  optimizer: optimizerConfig({ baseLr: 5e-4, weightDecay: 0.04, betas: [0.9, 0.999] }),
});

export type DinoConfig = z.output<typeof DinoConfig>;

/** Side in px of the small views of images of `imageSize` px. */
export function localSizeOf({ localSize, backbone }: DinoConfig, imageSize: number): number {
  const unit = backbone.type === 'vit' ? backbone.patchSize : 1;
  return localSize ?? unit * Math.max(1, Math.floor(imageSize / 2 / unit));
}

import type { FinetuneConfig } from '../../protocol/config';
import type { Engine, HostTensors } from '../engine/types';
import { encoderOf, type Encoder } from '../nn/encoder';
import { checkLabels, checkShares, checkTrainingLabels } from './labels';
import { labelBudget, report } from './report';
import { stratifiedSubset } from './subset';
import { initHead, trainClassifier } from './train-classifier';
import type { FinetuneResult, LabelledImages, Watch } from './types';

export type FinetuneOptions = Omit<FinetuneConfig, 'transform'> & { readonly seed: number };

/** What is fine-tuned, and on what. */
export interface FinetuneInput {
  readonly encoder: Encoder;
  /** The pretrained parameters; only those under `encoder.` are used. */
  readonly pretrained: HostTensors;
  readonly data: LabelledImages;
}

/**
 * Fine-tuning with each share of the training labels (He et al. 2021, appendix A.1): all weights learn, each layer
 * `layerDecay` times slower than the next, or only the last `blocks` (section 4.4 there). The baseline trains the same
 * model from scratch on the same batches with the same budget and the same draws, all layers, and at the full rate as is
 * customary. Both are scored after their last step: the test set picks nothing. Yields a result as each share is done.
 */
export async function* finetuneEvaluation(
  engine: Engine,
  { encoder, pretrained, data }: FinetuneInput,
  options: FinetuneOptions,
  { onProgress, signal }: Watch = {},
): AsyncGenerator<FinetuneResult, void> {
  const { classes, labels } = data;
  const { seed } = options;
  checkTrainingLabels(labels.train, labels.train.length, classes);
  checkShares(labels.train, options.labels, classes);
  checkLabels(labels.test, labels.test.length, classes, 'test');

  for (const [i, share] of options.labels.entries()) {
    const startedAt = performance.now();
    const chosen = stratifiedSubset(labels.train, share, seed);
    const budget = trainingBudget(options, chosen.length);
    const head = initHead(encoder.width, options.head, classes.length, seed);
    const train = (start: HostTensors, slowed: Pick<FinetuneOptions, 'layerDecay' | 'blocks'>, turn: 0 | 1) =>
      trainClassifier(
        engine,
        { encoder, data, chosen, start: { ...start, ...head } },
        { ...options, ...slowed, ...budget },
        {
          onProgress: (done) => {
            const what = turn === 0 ? 'fine-tuning' : 'training from scratch';
            onProgress?.(
              (i + (turn + done) / 2) / options.labels.length,
              `${what}, ${labelBudget(share, chosen.length)}`,
            );
          },
          signal,
        },
      );
    const tuned = await train(encoderOf(pretrained), options, 0);
    const scratch = await train(encoderOf(encoder.init(seed)), { layerDecay: 1, blocks: undefined }, 1);
    const evaluation = report({
      kind: 'finetune',
      variant: variantOf(options),
      protocol: describe(options, budget),
      share,
      trainImages: chosen.length,
      classes,
      testLabels: labels.test,
      predictions: tuned.predictions,
      baseline: { name: 'from scratch', predictions: scratch.predictions },
      seed,
      startedAt,
    });
    yield { evaluation, weights: tuned.weights };
  }
}

interface Budget {
  /** At most as many images as there are. */
  readonly batchSize: number;
  readonly steps: number;
}

function trainingBudget({ batchSize, steps, epochs }: FinetuneOptions, images: number): Budget {
  const batch = Math.min(batchSize, images);
  if (steps === undefined && epochs === undefined) throw new Error('Give `finetune.steps` or `finetune.epochs`.');
  return { batchSize: batch, steps: steps ?? Math.max(1, Math.round(epochs! * Math.floor(images / batch))) };
}

/** What sets a row apart from fine-tuning all weights with a linear head and nothing to regularise, the default. */
function variantOf(options: FinetuneOptions): string {
  const { blocks, head } = options;
  return [
    ...(blocks === undefined ? [] : [tunedBlocks(blocks)]),
    ...(head.length === 0 ? [] : [`MLP head ${head.join(', ')}`]),
    ...regularisers(options),
  ].join(', ');
}

function describe(options: FinetuneOptions, { batchSize, steps }: Budget): string {
  const { blocks, head, layerDecay, optimizer } = options;
  return [
    blocks === undefined ? 'all weights' : `${tunedBlocks(blocks)} (from scratch: all weights)`,
    head.length === 0 ? 'linear head' : `head with ${head.join(', ')} hidden units`,
    `${steps} steps of ${batchSize} images`,
    optimizerName[optimizer.type],
    `base lr ${optimizer.baseLr}`,
    ...(layerDecay === 1 ? [] : [`layer decay ${layerDecay} (1 from scratch)`]),
    ...regularisers(options),
  ].join(', ');
}

const tunedBlocks = (blocks: number) =>
  blocks === 0 ? 'head only' : blocks === 1 ? 'last block' : `last ${blocks} blocks`;

/** What is on of it; by default nothing is. */
function regularisers({ dropPath, mixup, cutmix, switchProbability, labelSmoothing }: FinetuneOptions): string[] {
  const both = mixup > 0 && cutmix > 0;
  return [
    ...(dropPath > 0 ? [`drop path ${dropPath}`] : []),
    ...(mixup > 0 ? [`mixup ${mixup}`] : []),
    ...(cutmix > 0 ? [`CutMix ${cutmix}${both ? ` in ${switchProbability} of the batches` : ''}`] : []),
    ...(labelSmoothing > 0 ? [`label smoothing ${labelSmoothing}`] : []),
  ];
}

const optimizerName = { adamw: 'AdamW', sgd: 'SGD', lars: 'LARS' } as const;

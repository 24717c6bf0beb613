import { join } from 'node:path';
import type { FinetuneConfig } from '../../../protocol/config';
import { checkpointName } from '../../../client/index';
import { createLoader, evalBatches, subset, type Data } from '../../data/index';
import { finetuneEvaluation, type LabelledImages } from '../../evals/index';
import { keepSafetensors } from '../safetensors';
import { labelsOf, type EvaluationContext } from './context';

/** Training all weights with labels, beside training from scratch. The fine-tuned weights are kept. */
export async function finetune(context: EvaluationContext): Promise<void> {
  const { session, engine, method, data, step, weights, settings } = context;
  const { seed } = session.config;
  const input = { encoder: method.encoder, pretrained: weights, data: labelledImages(data, settings.finetune, seed) };
  const options = { ...settings.finetune, seed };
  for await (const result of finetuneEvaluation(engine, input, options, context.watch(0, 1))) {
    const { labels, variant } = result.evaluation;
    const how = variant ? `-${variant.replace(/[^\w.]+/g, '-')}` : '';
    const name = `${checkpointName(step)}-finetune-${labels}${how}.safetensors`;
    await keepSafetensors(join(session.directory, 'evaluations', name), result.weights, { step: String(step) });
    context.tell(result.evaluation);
  }
}

/** Both sets of a labelled data set as training with labels takes them. */
export function labelledImages(data: Data, { transform }: FinetuneConfig, seed: number): LabelledImages {
  const labels = labelsOf(data);
  const { train, test, classes } = data;
  return {
    classes: classes!,
    labels,
    imageShape: [train.imageSize, train.imageSize, 3],
    trainBatches(indices, batchSize, steps) {
      const loader = createLoader({
        ...data,
        set: subset(train, indices),
        batchSize,
        seed,
        views: { images: { imageSize: train.imageSize, transform } },
        startStep: 0,
        totalSteps: steps,
        field: 'finetune.batchSize',
      });
      const next = async () => {
        const { views, indices } = await loader.next();
        return { images: views.images, indices };
      };
      return { next, dispose: () => loader.dispose() };
    },
    testBatches: (batchSize) => evalBatches(test!, { ...data, batchSize }),
  };
}

import type { Measure } from '../../../protocol/events';
import { formatPercent, formatStep } from '../../../protocol/format';
import { timeToReach } from '../../../protocol/training-time';
import { readJournal } from '../../../client/index';
import { stepsPerEpoch } from '../../data/index';
import { efficiencyCounts, efficiencySpeeds } from '../../evals/efficiency';
import { trainingToMeasure } from '../../methods/training';
import type { EvaluationContext } from './context';

const EMBED_BATCH = 128;

/** What the run's training and its encoder cost: counted, measured here and now, and read from the journal. */
export async function efficiency(context: EvaluationContext): Promise<void> {
  const startedAt = performance.now();
  const { session, engine, method, data, settings } = context;
  const { seed, pretrain, data: images } = session.config;
  const { target, seconds } = settings.efficiency;
  const { batchSize } = pretrain;
  const training = trainingToMeasure(method, pretrain, seed);
  const input = { encoder: method.encoder, imageSize: images.imageSize, training };
  const options = { seconds, embedBatch: EMBED_BATCH };
  const counts = efficiencyCounts(input);
  const speeds = await efficiencySpeeds(engine, input, options, context.watch(0, 1));
  const epochImages = stepsPerEpoch(data.pretrainImages, batchSize) * batchSize;
  const memory = session.run().metrics['perf/memory_mb']?.values ?? [];
  const reached = target === undefined ? undefined : await timeTo(context, target);
  const measures: Record<string, Measure> = {
    encoder_parameters: { score: counts.encoderParameters },
    parameters: { score: counts.parameters },
    forward_flops: { score: counts.forwardFlops },
    step_flops: { score: counts.stepFlops },
    step_images_per_second: { score: speeds.step },
    embed_images_per_second: { score: speeds.embed },
    ...(memory.length > 0 && { peak_memory: { score: memory.reduce((a, b) => Math.max(a, b)) * 1e6 } }),
    epoch_seconds: { score: epochImages / speeds.step },
    ...(reached && { target_seconds: { score: reached.seconds } }),
  };
  const goal = target === undefined ? '' : `; the target, kNN of ${formatPercent(target)}, was ${reached ? `first seen at step ${formatStep(reached.step)}` : 'never seen'}`; // prettier-ignore
  context.tell({
    kind: 'efficiency',
    protocol: `${engine.description}; training in batches of ${batchSize}, embedding in batches of ${EMBED_BATCH}, without loading of data; a multiply-add is two FLOPs${goal}`,
    labels: 0,
    trainImages: data.pretrainImages,
    testImages: 0,
    classes: data.classes?.length ?? 0,
    measures,
    seconds: (performance.now() - startedAt) / 1000,
  });
}

async function timeTo({ session, step }: EvaluationContext, target: number) {
  const { events } = await readJournal(session.directory);
  return timeToReach(events, 'eval/knn_top1', target, step);
}

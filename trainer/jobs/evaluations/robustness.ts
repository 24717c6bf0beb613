import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { checkpointName } from '../../../client/index';
import { corruptionName } from '../../../protocol/format';
import { constantsFor, corruptions as known, subset, type ImageSet } from '../../data/index';
import { fitClassifiers, robustnessEvaluation, shiftEvaluation } from '../../evals/index';
import { random } from '../../random/random';
import { createClassifier, type Classifier } from '../corrupted';
import { writeRobustnessSheet } from '../robustness-sheet';
import { openRunTestImages } from '../run-data';
import { embedBoth, labelsOf, type EvaluationContext } from './context';

/**
 * A linear classifier of the frozen encoder, fitted on clean images, is asked about corrupted test images and about those
 * of another data set. What it said before an interruption is kept; only the fit is done again.
 */
export async function robustness(context: EvaluationContext): Promise<void> {
  const { session, data, settings } = context;
  const { shift } = settings.robustness;
  const { train } = labelsOf(data);
  // Before the first minute of work, not after it.
  const elsewhere = shift && (await openRunTestImages(session, shift.source, 'robustness.shift.source', data.classes!));
  try {
    const { protocol, ...classify } = await fit(context, train);
    const asked = choose(context);
    const classifier = await createClassifier({
      ...context,
      ...asked,
      encoder: context.method.encoder,
      weights: { pretrained: context.weights, randomInit: context.fresh },
      classify,
      given: { protocol, batchSize: settings.probe.batchSize, labels: [...train] },
      file: join(session.directory, 'evaluations', `robustness-${checkpointName(context.step)}.safetensors`),
      seed: session.config.seed,
      signal: context.watch(0, 1).signal,
    });
    try {
      await underCorruptions(context, classifier, asked, protocol);
      if (elsewhere) await afterShift(context, classifier, elsewhere.test, `${protocol} of the run's own data`);
    } finally {
      await classifier.dispose();
    }
  } finally {
    elsewhere?.dispose();
  }
}

/** Shares of the whole work. */
const EMBEDDING = 0.4;
const FITTING = 0.1;

async function fit(context: EvaluationContext, labels: Int32Array) {
  const { session, engine, data, settings } = context;
  const part = {
    ...context,
    watch: (from: number, share: number) => context.watch(from * 2 * EMBEDDING, share * 2 * EMBEDDING),
  };
  const { pretrained, randomInit } = await embedBoth(part, ['train']);
  const { signal, onProgress } = context.watch(EMBEDDING, FITTING);
  return await fitClassifiers(
    engine,
    { classes: data.classes!, labels, train: { pretrained: pretrained.train, randomInit: randomInit.train } },
    { ...settings.probe, seed: session.config.seed },
    { signal, onProgress: (done) => onProgress(done, 'Fitting linear classifiers on clean images') },
  );
}

/** Which test images are corrupted. */
function choose({ session, data, settings }: EvaluationContext): { set: ImageSet; indices: Int32Array } {
  const set = data.test!;
  const order = random(session.config.seed, 'corrupted images').permutation(set.size);
  return { set, indices: order.slice(0, settings.robustness.images).sort() };
}

async function underCorruptions(
  context: EvaluationContext,
  classifier: Classifier,
  { set, indices }: { readonly set: ImageSet; readonly indices: Int32Array },
  fitted: string,
): Promise<void> {
  const startedAt = performance.now();
  const { session, data, step, settings } = context;
  const { seed } = session.config;
  const { corruptions: names, severities } = settings.robustness;
  const { onProgress } = context.watch(EMBEDDING + FITTING, 1 - EMBEDDING - FITTING);
  const images = subset(set, indices);
  const clean = await classifier.clean(images);
  const corruptions = [];
  for (const [i, name] of names.entries()) {
    const predictions = [];
    for (const [j, severity] of severities.entries()) {
      onProgress((i + j / severities.length) / names.length, `${corruptionName(name)}, severity ${severity}`);
      predictions.push(await classifier.corrupted({ name, severity }));
    }
    corruptions.push({ name, group: known[name].group, predictions });
  }
  const how = `${names.length} corruptions x ${severities.length} severities, constants of ${constantsFor(set.imageSize)}`;
  const result = robustnessEvaluation({
    classes: data.classes!,
    labels: images.labels!,
    trainImages: data.train.size,
    clean,
    corruptions,
    protocol: `${fitted}; ${how}${names.includes('frost') ? ', frost drawn instead of photographed' : ''}`,
    seed,
    startedAt,
  });
  const of = createHash('sha256').update(JSON.stringify([settings.robustness, settings.probe]));
  const sheet = { step, settings: of.digest('hex').slice(0, 8) };
  const example = { set, index: indices[0]!, seed };
  const file = await writeRobustnessSheet(session.directory, sheet, example, { names, severities }, result);
  context.tell(result.evaluation, file);
}

async function afterShift(context: EvaluationContext, classifier: Classifier, images: ImageSet, protocol: string) {
  const startedAt = performance.now();
  const { session, data, settings } = context;
  const evaluation = shiftEvaluation({
    name: basename(settings.robustness.shift!.source).replace(/^builtin:/, ''),
    classes: data.classes!,
    labels: images.labels!,
    trainImages: data.train.size,
    predictions: await classifier.clean(images),
    protocol,
    seed: session.config.seed,
    startedAt,
  });
  context.tell(evaluation);
}

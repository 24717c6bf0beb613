import { knnEvaluation, nearestImages } from '../../evals/index';
import { probeEvaluation } from '../../evals/linear-probe';
import { SHOWN, writeNeighbours } from '../neighbour-sheet';
import { writeProbeFile } from '../probe-file';
import { embedBoth, labelsOf, type Embedded, type EvaluationContext } from './context';

/** A linear classifier on the frozen encoder, and an MLP if asked for, with kNN on the embeddings beside them. */
export async function probe(context: EvaluationContext): Promise<void> {
  const { engine, session, step, settings } = context;
  const { labels, layers, views } = settings.probe;
  const input = await frozenFeatures(context, { layers, views });
  const rows = probeEvaluation(
    engine,
    input,
    { ...settings.probe, seed: session.config.seed },
    context.watch(0.5, 0.5),
  );
  for await (const result of rows) {
    const { evaluation } = result;
    const shown = evaluation.labels === Math.max(...labels);
    context.tell(evaluation, shown ? await writeProbeFile(session.directory, step, input.classes, result) : undefined);
  }
  // By the embedding itself, which is kept where the probe has taken it too.
  await neighbours(context, await frozenFeatures(context), [1]);
}

export async function knn(context: EvaluationContext): Promise<void> {
  await neighbours(context, await frozenFeatures(context), context.settings.probe.labels);
}

type Features = Awaited<ReturnType<typeof frozenFeatures>>;

async function frozenFeatures(context: EvaluationContext, how: Pick<Embedded, 'layers' | 'views'> = {}) {
  const { data } = context;
  const labels = labelsOf(data);
  return {
    classes: data.classes!,
    labels,
    ...(await embedBoth(context, ['train', 'test'], { data, name: '', ...how })),
  };
}

/** A row for each share of the labels, with pictures of that with most. */
async function neighbours(context: EvaluationContext, input: Features, labels: readonly number[]) {
  const { data, engine, session, settings, step } = context;
  const { classes } = input;
  const options = { ...settings.probe, seed: session.config.seed };
  const share = Math.max(...labels);
  const rows = knnEvaluation(engine, input, { ...options, labels: [...labels] }, context.watch(0.5, 0.5));
  for await (const evaluation of rows) {
    if (evaluation.labels !== share) {
      context.tell(evaluation);
      continue;
    }
    const found = nearestImages(input, { ...options, share, ...SHOWN });
    const train = { ...data.train, labels: input.labels.train };
    const test = { ...data.test!, labels: input.labels.test };
    const pictured = { k: options.k, found };
    context.tell(
      evaluation,
      await writeNeighbours(session.directory, step, { train, test, classes }, evaluation, pictured),
    );
  }
}

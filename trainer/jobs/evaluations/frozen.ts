import { knnEvaluation } from '../../evals/index';
import { probeEvaluation } from '../../evals/linear-probe';
import { embedBoth, labelsOf, type Embedded, type EvaluationContext } from './context';

/** A linear classifier on the frozen encoder, and an MLP if asked for, with kNN on the embeddings beside them. */
export async function probe(context: EvaluationContext): Promise<void> {
  const { engine, session, settings } = context;
  const { layers, views } = settings.probe;
  const input = await frozenFeatures(context, { layers, views });
  const rows = probeEvaluation(
    engine,
    input,
    { ...settings.probe, seed: session.config.seed },
    context.watch(0.5, 0.5),
  );
  for await (const evaluation of rows) context.tell(evaluation);
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

async function neighbours(context: EvaluationContext, input: Features, labels: readonly number[]) {
  const { engine, session, settings } = context;
  const options = { ...settings.probe, labels: [...labels], seed: session.config.seed };
  for await (const evaluation of knnEvaluation(engine, input, options, context.watch(0.5, 0.5)))
    context.tell(evaluation);
}

import { knnEvaluation } from '../../evals/index';
import { probeEvaluation } from '../../evals/linear-probe';
import { embedBoth, labelsOf, type EvaluationContext } from './context';

/** A linear classifier on the frozen encoder, with kNN on the same embeddings beside it. */
export async function probe(context: EvaluationContext): Promise<void> {
  const { engine, session, settings } = context;
  const input = await frozenFeatures(context);
  const rows = probeEvaluation(
    engine,
    input,
    { ...settings.probe, seed: session.config.seed },
    context.watch(0.5, 0.5),
  );
  for await (const evaluation of rows) context.tell(evaluation);
  await neighbours(context, input, [1]);
}

export async function knn(context: EvaluationContext): Promise<void> {
  await neighbours(context, await frozenFeatures(context), context.settings.probe.labels);
}

type Features = Awaited<ReturnType<typeof frozenFeatures>>;

async function frozenFeatures(context: EvaluationContext) {
  const labels = labelsOf(context.data);
  return { classes: context.data.classes!, labels, ...(await embedBoth(context, ['train', 'test'])) };
}

async function neighbours(context: EvaluationContext, input: Features, labels: readonly number[]) {
  const { engine, session, settings } = context;
  const options = { ...settings.probe, labels: [...labels], seed: session.config.seed };
  for await (const evaluation of knnEvaluation(engine, input, options, context.watch(0.5, 0.5)))
    context.tell(evaluation);
}

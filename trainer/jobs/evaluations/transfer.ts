import { basename } from 'node:path';
import type { TransferConfig } from '../../../protocol/config';
import type { Evaluation } from '../../../protocol/events';
import type { Data } from '../../data/index';
import { finetuneEvaluation } from '../../evals/index';
import { probeEvaluation } from '../../evals/linear-probe';
import { openRunData } from '../run-data';
import { embedBoth, labelsOf, type EvaluationContext } from './context';
import { labelledImages } from './finetune';

/** Probe and fine-tuning on another data set, with each share of its labels: how few are enough. */
export async function transfer(context: EvaluationContext): Promise<void> {
  const { session, settings } = context;
  const { transfer } = settings;
  if (!transfer) {
    throw new Error('There is no other data set to transfer to: name one as `transfer.source` in the config.');
  }
  // The encoder sees pixels as it did in its pretraining: normalised by that data's statistics.
  const { mean, std } = context.data;
  const opened = await openRunData(session, { data: transfer });
  const data = { ...opened, mean, std };
  const name = basename(transfer.source).replace(/^builtin:/, '');
  const tell = (evaluation: Evaluation) => {
    const { variant } = evaluation;
    const what =
      evaluation.kind === 'probe' ? (variant ?? 'linear probe') : ['fine-tune', variant ?? []].flat().join(', ');
    context.tell({ ...evaluation, kind: 'transfer', variant: `${what} on ${name}` });
  };
  try {
    const labels = labelsOf(data, 'transfer');
    for (const [i, protocol] of transfer.protocols.entries()) {
      const part = { from: i / transfer.protocols.length, share: 1 / transfer.protocols.length };
      for await (const evaluation of protocols[protocol](within(context, part), transfer, { data, labels }))
        tell(evaluation);
    }
  } finally {
    opened.dispose();
  }
}

interface Labelled {
  readonly data: Data;
  readonly labels: ReturnType<typeof labelsOf>;
}

const protocols = {
  async *probe(context: EvaluationContext, { source, labels: shares }: TransferConfig, { data, labels }: Labelled) {
    const { session, engine, settings } = context;
    const name = `transfer-${source.replace(/\W+/g, '-')}-`;
    const { layers, views } = settings.probe;
    const embedded = await embedBoth(context, ['train', 'test'], { data, name, layers, views });
    const input = { classes: data.classes!, labels, ...embedded };
    const options = { ...settings.probe, labels: shares, seed: session.config.seed };
    for await (const { evaluation } of probeEvaluation(engine, input, options, context.watch(0.5, 0.5)))
      yield evaluation;
  },

  async *finetune(context: EvaluationContext, { labels }: TransferConfig, { data }: Labelled) {
    const { session, engine, method, weights, settings } = context;
    const { seed } = session.config;
    const input = { encoder: method.encoder, pretrained: weights, data: labelledImages(data, settings.finetune, seed) };
    const options = { ...settings.finetune, labels, seed };
    for await (const { evaluation } of finetuneEvaluation(engine, input, options, context.watch(0, 1)))
      yield evaluation;
  },
};

/** The same evaluation as a part of a longer one. */
function within(context: EvaluationContext, part: { readonly from: number; readonly share: number }) {
  const watch: EvaluationContext['watch'] = (from, share) =>
    context.watch(part.from + from * part.share, share * part.share);
  return { ...context, watch };
}

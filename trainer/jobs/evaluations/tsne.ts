import { subset } from '../../data/index';
import { mapEvaluation } from '../../evals/index';
import { choose, takeRows } from '../../evals/subset';
import { earlierMap, writeMap } from '../map-file';
import { stepName } from '../names';
import { embedBoth, type EvaluationContext } from './context';

/** A t-SNE map of test images, which takes its place among those of the training, beside a random-init encoder's. */
export async function tsne(context: EvaluationContext): Promise<void> {
  const startedAt = performance.now();
  const { session, engine, data, step, settings } = context;
  const { seed } = session.config;
  const { images: most, perplexity, iterations } = settings.tsne;
  const source = data.test ?? data.train;
  const chosen = choose(source.size, most, seed, 'mapped images');
  check(chosen.length, perplexity);
  const images = subset(source, chosen);

  const name = data.test ? 'test' : 'train';
  const { pretrained, randomInit } = await embedBoth(context, [name]);
  const take = ({ values, width }: typeof pretrained.test) => ({
    values: takeRows(values, width, chosen),
    size: chosen.length,
    width,
  });
  const embeddings = take(pretrained[name]);
  const watch = context.watch(0.5, 0.5);
  const shown = { images, embeddings };
  const earlier = await earlierMap(engine, session.directory, session.run(), step, shown, watch);
  const { evaluation, map } = await mapEvaluation(
    engine,
    {
      pretrained: embeddings,
      randomInit: take(randomInit[name]),
      start: earlier?.start,
      ...(images.labels && data.classes && { labels: images.labels, classes: data.classes }),
    },
    { seed, perplexity, iterations },
    watch,
  );
  const event = await writeMap(
    session.directory,
    `media/tsne-${stepName(step)}-n${chosen.length}-p${perplexity ?? 'auto'}-i${iterations}`,
    { step, ...shown, classes: data.classes, map, startedFrom: earlier?.step, seed, startedAt },
    { signal: watch.signal, picture: true },
  );
  session.emit(event);
  context.tell(evaluation, event.file);
}

function check(images: number, perplexity = 1): void {
  const most = Math.floor((images - 1) / 3);
  if (images < 10) throw new Error(`${images} images are too few for a map: give at least 10 (\`data.test\`).`);
  if (perplexity > most) {
    throw new Error(
      `A perplexity of ${perplexity} does not suit ${images} images: set \`tsne.perplexity\` to at most ${most}, or raise \`tsne.images\` or \`data.test\`.`,
    );
  }
}

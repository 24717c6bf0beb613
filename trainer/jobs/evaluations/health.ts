import { join } from 'node:path';
import type { HealthFile } from '../../../protocol/events';
import { evalBatches, subset, type ImageSet } from '../../data/index';
import type { HostTensors } from '../../engine/types';
import { createEmbedder, healthBeside, lookAtHealth, type Health } from '../../evals/index';
import { embedByLayer } from '../../evals/embed';
import { encoderOf } from '../../nn/encoder';
import { random } from '../../random/random';
import { stepName } from '../names';
import { makeFolder, replaceFile } from '../synced';
import { embedViews, viewsToAlign } from '../view-embeddings';
import type { EvaluationContext } from './context';

const BATCH = 128;
/** Of fewer images nothing can be said. */
const LEAST_IMAGES = 10;

/** Spread and rank of the embeddings of held-out images, by layer too: measures alone, beside a random-init encoder. */
export async function health(context: EvaluationContext): Promise<void> {
  const startedAt = performance.now();
  const { session, data, step, settings, weights, fresh } = context;
  const { seed } = session.config;
  const { images, viewedImages, views } = settings.health;
  const source = data.test ?? data.train;
  const set = choose(source, images, seed);
  if (set.size < LEAST_IMAGES) {
    const more = data.test ? 'more as `data.testSource`, or raise `data.test`' : 'more in `data.source`';
    throw new Error(
      `${set.size} images are too few to tell how embeddings spread, ${LEAST_IMAGES} are needed: give ${more}.`,
    );
  }
  const viewed = choose(set, viewedImages, seed);
  const ours = await look(context, weights, { set, viewed, from: 0, name: 'the pretrained encoder' });
  const baseline = await look(context, fresh, { set, viewed, from: 0.5, name: 'a random-init encoder' });

  const which = data.test ? 'held-out' : 'training';
  const content: HealthFile = {
    step,
    images: set.size,
    encoders: [
      { name: 'pretrained', ...written(ours) },
      { name: 'random init', ...written(baseline) },
    ],
  };
  const file = `media/health-${stepName(step)}-n${images}-v${views}x${viewedImages}.json`;
  await makeFolder(join(session.directory, 'media'));
  await replaceFile(join(session.directory, file), JSON.stringify(content));
  context.tell(
    {
      kind: 'health',
      protocol: `embeddings of ${set.size} ${which} images, and of ${views} views of each of ${viewed.size} as the task draws them`,
      labels: 0,
      trainImages: data.test ? 0 : set.size,
      testImages: data.test ? set.size : 0,
      classes: data.classes?.length ?? 0,
      measures: healthBeside(ours, baseline),
      seconds: (performance.now() - startedAt) / 1000,
    },
    file,
  );
}

async function look(
  context: EvaluationContext,
  weights: HostTensors,
  { set, viewed, from, name }: { set: ImageSet; viewed: ImageSet; from: number; name: string },
): Promise<Health> {
  const { session, engine, method, data, settings } = context;
  const { encoder } = method;
  const { seed } = session.config;
  const shape = [BATCH, set.imageSize, set.imageSize, 3] as const;
  const { signal, onProgress } = context.watch(from, 0.5);
  const message = `Looking at ${name}`;
  const state = engine.upload(encoderOf(weights));
  try {
    onProgress(0, message);
    const layers = await embedByLayer(engine, encoder, state, shape, evalBatches(set, { ...data, batchSize: BATCH }), {
      signal,
    });
    const embedder = await createEmbedder(engine, encoder, state.specs, shape);
    const { first, second } = viewsToAlign(method);
    const views = Object.fromEntries(
      Array.from({ length: settings.health.views }, (_, i) => [`view${i}`, i % 2 === 0 ? first! : second!]),
    );
    const options = { set: viewed, views, data, seed, batchSize: BATCH, signal };
    const told = (done: number) => onProgress(0.3 + 0.6 * done, message);
    const embedded = await embedViews(embedder, state, { ...options, onProgress: told }).finally(() =>
      embedder.dispose(),
    );
    return lookAtHealth({ layers, views: Object.values(embedded) });
  } finally {
    state.dispose();
  }
}

const written = ({ singularValues, layers }: Health) => ({ singularValues: Array.from(singularValues), layers });

/** At most `most` images, a seeded choice, in order. */
function choose(set: ImageSet, most: number, seed: number): ImageSet {
  if (set.size <= most) return set;
  return subset(set, random(seed, 'health').permutation(set.size).slice(0, most).sort());
}

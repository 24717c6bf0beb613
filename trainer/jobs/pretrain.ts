/** Pretraining, from the first image to the last checkpoint. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RunStatus } from '../../protocol/events';
import { createLoader, startLoaderThreads, type Batch, type ImageSet } from '../data/index';
import { checkSet, createMethod } from '../methods/index';
import { trainingProgram } from '../methods/training';
import { learningRate } from '../nn/schedule';
import { random } from '../random/random';
import { attend } from './attend';
import { collapseNotices } from './collapse';
import { newestCheckpoint, originOf, pruneCheckpoints, saveCheckpoint, type LoadedCheckpoint } from './checkpoint';
import { createEmbeddingMapper } from './embedding-map';
import { createEmbedder, NotFiniteError } from '../evals/index';
import { chooseEngine } from './engine-choice';
import { createEvaluator } from './evaluate';
import { createHealthMonitor } from './health-monitor';
import { graphCache } from './cached-graphs';
import { totalSteps } from './length';
import { checkMemory } from './memory';
import { createPainter } from './pictures';
import { asTrained, openRunData } from './run-data';
import { scheduledInputs } from './scheduled-inputs';
import type { Session } from './session';

/** Images that are embedded at once, for maps and health. */
const EMBEDDED = 128;

/**
 * Trains from the newest checkpoint, or from the start, to the end or until somebody stops it. The same config,
 * seed, engine and machine give the same weights, however often it was interrupted: every draw is a function
 * of seed and step. Returns the status to end with.
 */
export async function pretrain(session: Session): Promise<RunStatus> {
  const { config, directory, requests, emit } = session;
  const { seed, pretrain: settings } = config;
  const { batchSize } = settings;

  emit({ type: 'status', status: 'running', reason: 'Opening the images' });
  checkMemory(config);
  const { data: opened, prepared, pool } = await openAndPrepare(session);
  const { engine, fallback, method, checkpoint, damaged, state, program } = prepared;
  const data = checkpoint ? asTrained(session, opened, checkpoint) : opened;
  const images = withoutLabels(data.unlabelled ?? data.train);
  checkSet(settings, images.size, data);
  const total = totalSteps(settings, images.size, 'pretrain');
  const from = checkpoint?.step ?? 0;
  const schedule = {
    peak: (settings.optimizer.baseLr * batchSize) / 256,
    min: settings.optimizer.minLr,
    warmupSteps: Math.round(settings.optimizer.warmup * total),
    totalSteps: total,
  };
  const loader = createLoader({
    ...data,
    set: images,
    batchSize,
    seed,
    views: method.views,
    startStep: from,
    totalSteps: total,
    field: 'pretrain.batchSize',
    pool,
  });
  // Compiled when first needed: the first point of the loss should not wait for them.
  const painter = once(() => createPainter(engine, method, data, seed, state));
  const size = config.data.imageSize;
  const embedder = once(() =>
    createEmbedder(engine, method.encoder, state.specs, [EMBEDDED, size, size, 3], method.evaluated),
  );
  const mapper = once(async () => createEmbeddingMapper(engine, await embedder(), data, config, EMBEDDED));
  const monitor = once(async () => createHealthMonitor(await embedder(), method, data, { seed, batchSize: EMBEDDED }));
  const evaluator = once(() => Promise.resolve(createEvaluator({ session, engine, method, data })));

  const { description } = engine;
  emit({
    type: 'launched',
    job: 'pretrain',
    pid: process.pid,
    fromStep: from,
    totalSteps: total,
    engine: description,
    fallback,
    traffic: program.traffic,
  });
  for (const { step, reason } of damaged) {
    emit({ type: 'notice', level: 'warning', message: `The checkpoint of step ${step} cannot be used: ${reason}` });
  }
  if (checkpoint && checkpoint.engine !== description) {
    const message = `Steps up to ${from} ran on ${checkpoint.engine}, the rest runs on ${description}: the result is not bit for bit that of one engine.`;
    emit({ type: 'notice', level: 'warning', message });
  }
  if (checkpoint && !session.run().checkpoints.some(({ step }) => step === from)) {
    emit({ type: 'checkpoint', step: from, path: checkpoint.path, bytes: checkpoint.bytes, removed: [] });
  }

  const given = (step: number) =>
    scheduledInputs(method, data, { step, totalSteps: total, images: images.size, batchSize });

  let step = from;
  let saved = from;
  let window = { images: 0, seconds: 0, waited: 0 };

  async function checkpointNow() {
    if (saved === step && step > 0) return step;
    const facts = { ...data, engine: description, origin: originOf(session.manifest.runId, config) };
    const written = await saveCheckpoint(directory, step, facts, await state.read());
    saved = step;
    const evaluated = new Set(session.run().evaluations.map((scored) => scored.step));
    const removed = await pruneCheckpoints(directory, settings.keepCheckpoints, evaluated);
    emit({ type: 'checkpoint', ...written, removed });
    return step;
  }

  const due = (every: number) => step % every === 0 || step === total;
  try {
    while (step < total) {
      // ONNX Runtime keeps this thread to itself during a step; between two, others have their turn.
      await nextTurn();
      const end = await attend(session, {
        checkpoint: checkpointNow,
        evaluate: async (params) => {
          const steps = params.steps ?? [await checkpointNow()];
          const judge = await evaluator();
          await judge({ ...params, steps });
        },
      });
      if (end) {
        await checkpointNow();
        return end;
      }

      const began = performance.now();
      const batch = await loader.next();
      const lr = learningRate(schedule, step + 1);
      const { loss, grad_norm, ...metrics } = await program.run(state, {
        ...method.draw(batchSize, random(seed, 'draws', step)),
        ...batch.views,
        ...given(step),
        lr: Float32Array.of(lr),
        step: Float32Array.of(step + 1),
      });
      step++;
      /** A look that gives way when the end is asked for, and ends a run whose weights have gone astray. */
      const beside = async (look: () => Promise<void>) => {
        try {
          await look();
        } catch (error) {
          if (error instanceof NotFiniteError) throw nonFinite(step, { 'An embedding': NaN }, batch, images);
          if (!requests.ending.aborted) throw error;
        }
      };
      const values = { 'train/loss': loss!.data[0]!, 'train/lr': lr, 'train/grad_norm': grad_norm!.data[0]! };
      for (const [key, { data }] of Object.entries(metrics)) Object.assign(values, { [key]: data[0]! });
      if (!isFinite(values) && !isSkipped(values)) throw nonFinite(step, values, batch, images);
      window.images += batchSize;
      window.seconds += (performance.now() - began) / 1000;
      window.waited += loader.waitMs() / 1000;

      if (step === from + 1 || due(settings.logEvery)) {
        emit({ type: 'metrics', step, values: { ...finite(values), ...performanceOf(window) } });
        window = { images: 0, seconds: 0, waited: 0 };
        for (const notice of collapseNotices(session.run(), method.failing, schedule)) emit(notice);
      }
      if (step === 1 || due(settings.picturesEvery)) {
        emit(await (await painter()).paint(directory, state, step, given(step)));
      }
      if (step === 1 || due(settings.healthEvery)) {
        await beside(async () => {
          const values = await (await monitor()).measure(state, requests.ending);
          if (Object.keys(values).length > 0) emit({ type: 'metrics', step, values });
          for (const notice of collapseNotices(session.run(), method.failing, schedule)) emit(notice);
        });
      }
      if (due(settings.embedEvery)) {
        await beside(async () => {
          for (const event of await (await mapper()).map(directory, session.run(), state, step, requests.ending))
            emit(event);
        });
      }
      // Last, so that a checkpoint stands for everything up to its step.
      if (due(settings.checkpointEvery)) await checkpointNow();
    }
    return 'finished';
  } finally {
    await loader.dispose();
    data.dispose();
    prepared.dispose();
  }
}

/**
 * Decoding is the work of other threads, so this one compiles meanwhile, and the loader's threads start. When something fails,
 * nothing is left of the rest.
 */
async function openAndPrepare(session: Session) {
  const failed = new AbortController();
  const pool = startLoaderThreads();
  const [opened, prepared] = await Promise.allSettled([
    openRunData(session, { signal: failed.signal, unlabelled: true }),
    prepare(session).catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  ]);
  if (opened.status === 'fulfilled' && prepared.status === 'fulfilled') {
    return { data: opened.value, prepared: prepared.value, pool };
  }
  await pool.dispose();
  if (opened.status === 'fulfilled') opened.value.dispose();
  if (prepared.status === 'fulfilled') prepared.value.dispose();
  throw prepared.status === 'rejected' ? prepared.reason : (opened as PromiseRejectedResult).reason;
}

/** All that needs no image: the engine, the weights, fresh or of the newest checkpoint, and the compiled step. */
async function prepare({ config, directory, manifest }: Session) {
  const { seed, pretrain: settings, data } = config;
  const method = createMethod(settings, data.imageSize);
  const { step, fresh, inputs, precision } = trainingProgram(method, settings, seed);
  const { checkpoint, damaged } = await newestCheckpoint(directory, {
    origin: originOf(manifest.runId, config),
    specs: fresh,
  });
  const { engine, fallback } = await chooseEngine(config);
  try {
    const state = engine.upload(checkpoint?.state ?? fresh, 'given');
    const cache = graphCache('pretrain', settings, data.imageSize, seed);
    const program = await engine.compile(step, { state: state.specs, inputs, precision, cache });
    const dispose = () => {
      program.dispose();
      state.dispose();
      engine.dispose();
    };
    return { engine, fallback, method, checkpoint: checkpoint && withoutState(checkpoint), damaged, state, program, dispose }; // prettier-ignore
  } catch (error) {
    engine.dispose();
    throw error;
  }
}

/** What there is to say of a checkpoint whose state is on the device. */
function withoutState({ state: _, ...facts }: LoadedCheckpoint) {
  return facts;
}

/** Labels never reach a pretext task. */
function withoutLabels({ labels: _, ...set }: ImageSet): ImageSet {
  return set;
}

function performanceOf({ images, seconds, waited }: { images: number; seconds: number; waited: number }) {
  return {
    'perf/images_per_second': images / seconds,
    'perf/data_wait': waited / seconds,
    'perf/memory_mb': process.memoryUsage.rss() / 1e6,
  };
}

type Values = Readonly<Record<string, number>>;

const finite = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value)));
const isFinite = (values: Values) => Object.values(values).every(Number.isFinite);

/**
 * Whether a step in mixed precision overflowed and was left out, to be followed by one with a smaller loss scale. What
 * overflows unscaled, no scale mends.
 */
const isSkipped = (values: Values): boolean =>
  !Number.isFinite(values['train/grad_norm']) && (values['train/loss_scale'] ?? 0) >= 1;

function nonFinite(step: number, values: Values, batch: Batch, set: ImageSet): Error {
  const [key, value] = Object.entries(values).find(([, value]) => !Number.isFinite(value))!;
  const ids = Array.from(batch.indices, (index) => set.id(index)).join(', ');
  const precise = 'train/loss_scale' in values ? ', or pretrain.precision to "float32",' : ',';
  return new Error(
    `${key} is ${value} at step ${step}. Lower pretrain.optimizer.baseLr, or set pretrain.optimizer.clipNorm (1 is customary)${precise} and start again. The images of this batch: ${ids}`,
  );
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

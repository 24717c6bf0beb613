import type { Comparison } from '../../../protocol/events';
import { createLoader } from '../../data/index';
import type { HostTensors } from '../../engine/types';
import { compare, type Watch } from '../../evals/index';
import { random } from '../../random/random';
import { scheduledInputs } from '../scheduled-inputs';
import { heldOutViews } from '../pictures';
import type { EvaluationContext } from './context';

/**
 * The task that the encoder was pretrained on, on held-out images: by the share of right answers where the task has
 * such, by its loss otherwise. Views and draws are the same for every checkpoint, and for the untrained model beside it.
 */
export async function pretext(context: EvaluationContext): Promise<void> {
  const startedAt = performance.now();
  const { session, data, state, fresh } = context;
  const { seed, pretrain } = session.config;
  if (!data.test) {
    throw new Error('There are no held-out images to try the task on: give some as `data.testSource`.');
  }
  const ours = await attempt(context, state, context.watch(0, 0.5));
  if (ours.losses.length === 0) {
    throw new Error(
      `No held-out image counts in the task "${pretrain.method}", as grey ones do not in a colorization: give others as \`data.testSource\`.`,
    );
  }
  const untrained = await attempt(context, fresh, context.watch(0.5, 0.5));
  const beside = (metric: Comparison['metric'], key: 'losses' | 'right') =>
    compare(metric, ours[key]!, { name: 'random init', values: untrained[key]! }, seed);
  const loss = beside('loss', 'losses');
  const shared = {
    kind: 'pretext',
    protocol: `${pretrain.method} on held-out images, batches of ${ours.batchSize}, the same views and draws for both`,
    labels: 0,
    trainImages: 0,
    testImages: ours.losses.length,
    classes: data.classes?.length ?? 0,
  } as const;
  const seconds = (performance.now() - startedAt) / 1000;
  if (!ours.right) return context.tell({ ...shared, comparison: loss, seconds });
  const measures = { loss: { score: loss.score.value, baseline: loss.baseline.value } };
  context.tell({ ...shared, comparison: beside('accuracy', 'right'), measures, seconds });
}

interface Attempt {
  readonly batchSize: number;
  /** Of each held-out image that fills a batch and counts in the loss of the task. */
  readonly losses: readonly number[];
  /** 1 where the answer was right; absent for a task without answers. */
  readonly right?: readonly number[];
}

async function attempt(context: EvaluationContext, weights: HostTensors, watch: Required<Watch>): Promise<Attempt> {
  const { session, engine, method, data, step } = context;
  const { seed, pretrain } = session.config;
  const test = data.test!;
  const batchSize = Math.min(pretrain.batchSize, test.size);
  const steps = Math.floor(test.size / batchSize);
  const { totalSteps } = session.run();
  const given = scheduledInputs(method, data, {
    step,
    totalSteps,
    images: data.pretrainImages,
    batchSize: pretrain.batchSize,
  });
  const { paint, read } = method.pictures;
  const state = engine.upload(weights);
  const program = await engine.compile((params, inputs) => ({ outputs: paint(params, inputs) }), {
    state: state.specs,
    inputs: method.inputs(batchSize),
  });
  const options = { ...data, set: test, batchSize, seed, views: heldOutViews(method), startStep: 0, totalSteps: steps };
  const loader = createLoader(options);
  const losses: number[] = [];
  const right: number[] = [];
  try {
    for (let i = 0; i < steps; i++) {
      watch.signal.throwIfAborted();
      const { views } = await loader.next();
      const draws = method.draw(batchSize, random(seed, 'held-out draws', i));
      const painted = await program.run(state, { ...draws, ...views, ...given });
      const { loss, counts } = painted;
      losses.push(...(loss!.data as Float32Array).filter((_, image) => counts?.data[image] !== 0));
      const { answers } = read?.(painted) ?? {};
      if (answers) right.push(...answers.map(({ truth, guess }) => (truth === guess ? 1 : 0)));
      watch.onProgress((i + 1) / steps, 'Trying the task on held-out images');
    }
  } finally {
    await loader.dispose();
    program.dispose();
    state.dispose();
  }
  return { batchSize, losses, ...(right.length > 0 && { right }) };
}

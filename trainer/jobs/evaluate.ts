/** Judging checkpoints: the protocols of evals/ on the images of a run, told in its journal. */
import { join } from 'node:path';
import type { ClusterConfig, FinetuneConfig } from '../../protocol/config';
import type { EvaluateParams } from '../../protocol/control';
import type { Evaluation, EvaluationKind, RunStatus } from '../../protocol/events';
import { checkpointName } from '../../client/index';
import { createLoader, evalBatches, subset, type Data } from '../data/index';
import type { Engine, HostTensors } from '../engine/types';
import {
  checkClusters,
  checkLabels,
  clusterEvaluation,
  knnEvaluation,
  type LabelledImages,
  type Watch,
} from '../evals/index';
import { finetuneEvaluation } from '../evals/finetune';
import { probeEvaluation } from '../evals/linear-probe';
import { createMethod, type Method } from '../methods/index';
import { encoderOf } from '../nn/encoder';
import { checkpointSteps, loadCheckpoint } from './checkpoint';
import { SHOWN, writeClusterSheet } from './cluster-sheet';
import { chooseEngine } from './engine-choice';
import { features, type SetName } from './features';
import { describeFailure } from './memory';
import { openRunData } from './run-data';
import { keepSafetensors } from './safetensors';
import type { Session } from './session';

export interface EvaluatorParts {
  readonly session: Session;
  readonly engine: Engine;
  readonly method: Method;
  readonly data: Data;
}

/** Evaluates the checkpoint of one step: events tell how far it is, and what it scored as soon as it is known. */
export type Evaluator = (params: EvaluateParams & { readonly step: number }) => Promise<void>;

const PROGRESS_MS = 500;

/** Throws when the test images have no labels to judge by. */
export function createEvaluator({ session, engine, method, data }: EvaluatorParts): Evaluator {
  const { config, directory, emit, requests } = session;
  const { seed } = config;
  const { train, test, classes = [] } = data;
  const { encoder } = method;
  checkLabels(test?.labels, test?.size ?? 0, classes, 'test');
  const labelled = { ...test, labels: test.labels };
  const fresh = method.init(seed);
  const allLabels = () => {
    checkLabels(train.labels, train.size, classes, 'training');
    return { train: train.labels, test: labelled.labels };
  };
  const images = ({ transform }: FinetuneConfig): LabelledImages => ({
    classes,
    labels: allLabels(),
    imageShape: [train.imageSize, train.imageSize, 3],
    trainBatches(indices, batchSize, steps) {
      const loader = createLoader({
        ...data,
        set: subset(train, indices),
        batchSize,
        seed,
        views: { images: { imageSize: train.imageSize, transform } },
        startStep: 0,
        totalSteps: steps,
        field: 'finetune.batchSize',
      });
      const next = async () => {
        const { views, indices } = await loader.next();
        return { images: views.images, indices };
      };
      return { next, dispose: () => loader.dispose() };
    },
    testBatches: (batchSize) => evalBatches(test, { ...data, batchSize }),
  });

  /** Tells of `share` of the whole work, which begins at `from`. */
  function watch(step: number, kind: EvaluationKind, from: number, share: number): Required<Watch> {
    let told = -Infinity;
    return {
      signal: requests.ending,
      onProgress: (done, message) => {
        if (performance.now() - told < PROGRESS_MS) return;
        told = performance.now();
        emit({ type: 'evaluating', step, kind, done: from + done * share, message });
      },
    };
  }

  async function embedSets<Name extends SetName>(
    { step, kind }: { readonly step: number; readonly kind: EvaluationKind },
    weights: HostTensors,
    sets: readonly Name[],
  ) {
    const embed = (name: string, params: HostTensors, from: number, message: string) => {
      const { signal, onProgress } = watch(step, kind, from, 0.25);
      const options = { engine, encoder, data, signal, onProgress: (done: number) => onProgress(done, message) };
      const file = join(directory, 'evaluations', `embeddings-${name}.safetensors`);
      return features(file, encoderOf(params), sets, options);
    };
    const pretrained = await embed(checkpointName(step), weights, 0, 'Embedding with the pretrained encoder');
    const randomInit = await embed('random-init', fresh, 0.25, 'Embedding with a random-init encoder');
    return { pretrained, randomInit };
  }

  async function clusters(step: number, weights: HostTensors, settings: ClusterConfig) {
    checkClusters(settings, classes, labelled.size);
    const { pretrained, randomInit } = await embedSets({ step, kind: 'cluster' }, weights, ['test']);
    const input = { classes, labels: labelled.labels, pretrained: pretrained.test, randomInit: randomInit.test };
    const options = { ...settings, seed, shown: SHOWN };
    const found = await clusterEvaluation(input, options, watch(step, 'cluster', 0.5, 0.5));
    const { k = classes.length, restarts, images = labelled.size } = settings;
    const sheet = { step, settings: `k${k}-r${restarts}-n${images}` };
    const file = await writeClusterSheet(directory, sheet, labelled, classes, found.clusters);
    emit({ type: 'evaluation', step, evaluation: found.evaluation, file });
  }

  return async ({ step, kind, settings: { probe, cluster, finetune } = config }) => {
    emit({ type: 'evaluating', step, kind, done: 0, message: 'Reading the checkpoint' });
    const { state } = await loadCheckpoint(directory, step, fresh, 'model');
    const weights = method.evaluated?.(state) ?? state;
    if (kind === 'cluster') return await clusters(step, weights, cluster);
    if (kind === 'finetune') {
      const input = { encoder, pretrained: weights, data: images(finetune) };
      const results = finetuneEvaluation(engine, input, { ...finetune, seed }, watch(step, kind, 0, 1));
      for await (const { evaluation, weights } of results) {
        const name = `${checkpointName(step)}-finetune-${evaluation.labels}.safetensors`;
        await keepSafetensors(join(directory, 'evaluations', name), weights, { step: String(step) });
        emit({ type: 'evaluation', step, evaluation });
      }
      return;
    }
    const frozen = { classes, labels: allLabels(), ...(await embedSets({ step, kind }, weights, ['train', 'test'])) };
    const rest = watch(step, kind, 0.5, 0.5);
    const tell = async (rows: AsyncIterable<Evaluation>) => {
      for await (const evaluation of rows) emit({ type: 'evaluation', step, evaluation });
    };
    if (kind === 'probe') await tell(probeEvaluation(engine, frozen, { ...probe, seed }, rest));
    const labels = kind === 'knn' ? probe.labels : [1];
    await tell(knnEvaluation(engine, frozen, { ...probe, labels, seed }, rest));
  };
}

/** Evaluates a checkpoint of a run that nobody trains, the newest by default. Returns the status the run had. */
export async function evaluate(session: Session, params: EvaluateParams): Promise<RunStatus> {
  const { config, directory, emit, run } = session;
  const { status, step: fromStep, totalSteps } = run();
  const { engine, fallback } = await chooseEngine(config);
  const { description } = engine;
  emit({ type: 'launched', job: 'evaluate', pid: process.pid, fromStep, totalSteps, engine: description, fallback });
  try {
    const steps = await checkpointSteps(directory);
    const asked = params.step ?? steps.at(-1);
    if (asked === undefined || !steps.includes(asked)) {
      const known = steps.length > 0 ? `It has those of steps ${steps.join(', ')}.` : 'It has none.';
      throw new Error(
        `${run().manifest.runId} has no checkpoint ${asked === undefined ? 'to evaluate' : `of step ${asked}`}. ${known}`,
      );
    }
    const data = await openRunData(session);
    const method = createMethod(config.pretrain, config.data.imageSize);
    await createEvaluator({ session, engine, method, data })({ ...params, step: asked });
    data.dispose();
  } catch (error) {
    console.error(error);
    emit({
      type: 'notice',
      level: 'error',
      message: `The ${params.kind} evaluation failed: ${describeFailure(error)}`,
    });
  } finally {
    engine.dispose();
  }
  // Evaluating does not train: a run that had crashed is now one that can be resumed.
  return status === 'running' || status === 'paused' ? 'interrupted' : status;
}

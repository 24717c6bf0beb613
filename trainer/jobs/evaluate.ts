/** Judging checkpoints by one or several protocols, told in the journal of their run. */
import { createHash } from 'node:crypto';
import { evaluationSettings, type EvaluationSettings } from '../../protocol/config';
import type { EvaluateParams } from '../../protocol/control';
import type { EvaluationKind, EventBody, RunStatus } from '../../protocol/events';
import { formatEvaluation, formatStep } from '../../protocol/format';
import type { Data } from '../data/index';
import type { Engine } from '../engine/types';
import { createMethod, type Method } from '../methods/index';
import { checkpointSteps, loadCheckpoint, originOf } from './checkpoint';
import { chooseEngine } from './engine-choice';
import { evaluations, type EvaluationContext } from './evaluations/index';
import { describeFailure } from './memory';
import { writeReport } from './report';
import { asTrained, openRunData } from './run-data';
import type { Session } from './session';

export interface EvaluatorParts {
  readonly session: Session;
  readonly engine: Engine;
  readonly method: Method;
  readonly data: Data;
}

/** Evaluates checkpoints. What fails is told in the journal, and the rest is done all the same. */
export type Evaluator = (params: EvaluateParams & { readonly steps: readonly number[] }) => Promise<void>;

const PROGRESS_MS = 500;

export function createEvaluator({ session, engine, method, data }: EvaluatorParts): Evaluator {
  const { config, directory, emit, requests, run } = session;
  const fresh = method.init(config.seed);
  const wanted = { origin: originOf(session.manifest.runId, config), specs: fresh };

  function watchOf(step: number, kind: EvaluationKind): EvaluationContext['watch'] {
    let told = -Infinity;
    return (from, share) => ({
      signal: requests.ending,
      onProgress: (done, message) => {
        if (performance.now() - told < PROGRESS_MS) return;
        told = performance.now();
        emit({ type: 'evaluating', step, kind, done: from + done * share, message });
      },
    });
  }

  const images = keyOfImages(data);
  const isDone = (step: number, kind: EvaluationKind, key: string) =>
    run().evaluated.some(
      (done) => done.step === step && done.kind === kind && done.key === key && (done.images ?? images) === images,
    );

  return async ({ steps, kinds, suite, settings = evaluationSettings(config) }) => {
    const leftOut: string[] = [];
    const fail = (level: 'warning' | 'error', message: string, leaves: string) => {
      emit({ type: 'notice', level, message });
      leftOut.push(leaves);
    };
    for (const step of steps) {
      const keys = new Map(kinds.map((kind) => [kind, keyOf(kind, settings)]));
      const left = kinds.filter((kind) => !suite || !isDone(step, kind, keys.get(kind)!));
      if (left.length === 0) continue;
      emit({ type: 'evaluating', step, kind: left[0]!, done: 0, message: 'Reading the checkpoint' });
      const checkpoint = await loadCheckpoint(directory, step, wanted, 'model').catch((error: unknown) => {
        console.error(error);
        const reason = describeFailure(error);
        const what = `step ${formatStep(step)}`;
        fail('error', `The checkpoint of ${what} cannot be judged: ${reason}`, `${what}: ${reason}`);
      });
      if (!checkpoint) continue;
      const { state } = checkpoint;
      const given = {
        ...{ session, engine, method, step, settings, state, fresh },
        data: asTrained(session, data, checkpoint),
        weights: method.evaluated?.(state) ?? state,
      };
      for (const kind of left) {
        try {
          await evaluations[kind].evaluate({
            ...given,
            watch: watchOf(step, kind),
            tell: (evaluation, file) => emit({ type: 'evaluation', step, evaluation, file }),
          });
          emit({ type: 'evaluated', step, kind, key: keys.get(kind)!, images });
        } catch (error) {
          console.error(error);
          const what = `${formatEvaluation({ kind, labels: 1 })} of step ${formatStep(step)}`;
          if (requests.ending.aborted) return emit(interruption(`The evaluation ${what}`, requests));
          const reason = describeFailure(error);
          const message = suite ? `Left out: ${what}. ${reason}` : `The evaluation ${what} failed: ${reason}`;
          fail(suite ? 'warning' : 'error', message, `${what}: ${reason}`);
        }
      }
    }
    if (suite) emit({ type: 'report', file: await writeReport(session, steps, leftOut), leftOut });
  };
}

/** What was asked for did not fail: it was not let come to its end. */
function interruption(what: string, { ending }: Session['requests']): EventBody {
  const message = `${what} was interrupted. ${(ending.reason as Error).message} Ask again to go on: what is done is kept.`;
  return { type: 'notice', level: 'warning', message };
}

/** Stands for how a kind is asked to judge. */
function keyOf(kind: EvaluationKind, settings: EvaluationSettings): string {
  const asked = evaluations[kind].blocks.map((block) => settings[block] ?? null);
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex').slice(0, 16);
}

/** Stands for the images, by their names, labels and statistics, wherever they lie. */
function keyOfImages({ train, test, mean, std }: Data): string {
  const hash = createHash('sha256').update(JSON.stringify([mean, std]));
  for (const set of [train, test]) {
    hash.update(
      JSON.stringify(set && [Array.from({ length: set.size }, (_, i) => set.id(i)), [...(set.labels ?? [])]]) ?? '',
    );
  }
  return hash.digest('hex').slice(0, 16);
}

/** Evaluates checkpoints of a run that nobody trains, the newest by default. Returns the status the run had. */
export async function evaluate(session: Session, params: EvaluateParams): Promise<RunStatus> {
  const { config, directory, emit, run } = session;
  const { status, step: fromStep, totalSteps } = run();
  const { engine, fallback } = await chooseEngine(config);
  const { description } = engine;
  emit({ type: 'launched', job: 'evaluate', pid: process.pid, fromStep, totalSteps, engine: description, fallback });
  try {
    const steps = await knownSteps(directory, run().manifest.runId, params.steps);
    const data = await openRunData(session);
    const method = createMethod(config.pretrain, config.data.imageSize);
    await createEvaluator({ session, engine, method, data })({ ...params, steps });
    data.dispose();
  } catch (error) {
    console.error(error);
    const message = `The evaluation failed: ${describeFailure(error)}`;
    const { requests } = session;
    emit(
      requests.ending.aborted ? interruption('The evaluation', requests) : { type: 'notice', level: 'error', message },
    );
  } finally {
    engine.dispose();
  }
  // Evaluating does not train: a run that had crashed is now one that can be resumed.
  return status === 'running' || status === 'paused' ? 'interrupted' : status;
}

async function knownSteps(directory: string, runId: string, asked?: readonly number[]): Promise<readonly number[]> {
  const steps = await checkpointSteps(directory);
  const known = steps.length > 0 ? `It has those of steps ${steps.join(', ')}.` : 'It has none.';
  if (steps.length === 0) throw new Error(`${runId} has no checkpoint to evaluate. ${known}`);
  const unknown = asked?.find((step) => !steps.includes(step));
  if (unknown !== undefined) throw new Error(`${runId} has no checkpoint of step ${unknown}. ${known}`);
  return asked ?? [steps.at(-1)!];
}

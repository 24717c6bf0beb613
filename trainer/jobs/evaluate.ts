/** Judging checkpoints by one or several protocols, told in the journal of their run. */
import { createHash } from 'node:crypto';
import { evaluationSettings, type EvaluationSettings } from '../../protocol/config';
import type { EvaluateParams } from '../../protocol/control';
import type { EvaluationKind, RunStatus } from '../../protocol/events';
import { formatEvaluation, formatStep } from '../../protocol/format';
import type { Data } from '../data/index';
import type { Engine } from '../engine/types';
import { createMethod, type Method } from '../methods/index';
import { checkpointSteps, loadCheckpoint, originOf } from './checkpoint';
import { chooseEngine } from './engine-choice';
import { evaluations, type EvaluationContext } from './evaluations/index';
import { describeFailure } from './memory';
import { writeReport } from './report';
import { openRunData } from './run-data';
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

  return async ({ steps, kinds, suite, settings = evaluationSettings(config) }) => {
    const leftOut: string[] = [];
    for (const step of steps) {
      for (const kind of kinds) {
        const key = keyOf(kind, settings);
        const isDone = run().evaluated.some((done) => done.step === step && done.kind === kind && done.key === key);
        if (suite && isDone) continue;
        try {
          emit({ type: 'evaluating', step, kind, done: 0, message: 'Reading the checkpoint' });
          const { state } = await loadCheckpoint(directory, step, wanted, 'model');
          await evaluations[kind].evaluate({
            ...{ session, engine, method, data, step, settings, state, fresh },
            weights: method.evaluated?.(state) ?? state,
            watch: watchOf(step, kind),
            tell: (evaluation, file) => emit({ type: 'evaluation', step, evaluation, file }),
          });
          emit({ type: 'evaluated', step, kind, key });
        } catch (error) {
          console.error(error);
          const what = `${formatEvaluation({ kind, labels: 1 })} of step ${formatStep(step)}`;
          const reason = describeFailure(error);
          const message = suite ? `Left out: ${what}. ${reason}` : `The evaluation ${what} failed: ${reason}`;
          emit({ type: 'notice', level: suite ? 'warning' : 'error', message });
          if (requests.ending.aborted) return;
          leftOut.push(`${what}: ${reason}`);
        }
      }
    }
    if (suite) emit({ type: 'report', file: await writeReport(session, steps, leftOut), leftOut });
  };
}

/** Stands for how a kind is asked to judge. */
function keyOf(kind: EvaluationKind, settings: EvaluationSettings): string {
  const asked = evaluations[kind].blocks.map((block) => settings[block] ?? null);
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex').slice(0, 16);
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
    emit({ type: 'notice', level: 'error', message: `The evaluation failed: ${describeFailure(error)}` });
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

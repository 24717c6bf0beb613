/** What every evaluation of a checkpoint is given, and what they share. */
import { join } from 'node:path';
import type { EvaluationSettings } from '../../../protocol/config';
import type { Evaluation } from '../../../protocol/events';
import { checkpointName } from '../../../client/index';
import type { Data } from '../../data/index';
import type { Engine, HostTensors } from '../../engine/types';
import { checkLabels, type Embeddings, type TrainAndTest, type Watch } from '../../evals/index';
import type { Method } from '../../methods/index';
import { encoderOf } from '../../nn/encoder';
import { features, type SetName } from '../features';
import type { Session } from '../session';

export interface EvaluationContext {
  readonly session: Session;
  readonly engine: Engine;
  readonly method: Method;
  readonly data: Data;
  /** Of the checkpoint. */
  readonly step: number;
  readonly settings: EvaluationSettings;
  /** The checkpoint's parameters and buffers. */
  readonly state: HostTensors;
  /** What of them is judged, by the encoder's names. */
  readonly weights: HostTensors;
  /** The state that the training began with, for baselines. */
  readonly fresh: HostTensors;
  /** Tells how far the evaluation is, of which `share` is to be done from `from` on. */
  watch(from: number, share: number): Required<Watch>;
  /** States a row. `file` is what it found in pictures, relative to the run directory. */
  tell(evaluation: Evaluation, file?: string): void;
}

/** Judges one checkpoint, telling each row as soon as it is known. Throws an error with the fix when it cannot. */
export type Evaluate = (context: EvaluationContext) => Promise<void>;

/**
 * Embeds sets of images with the checkpoint and with random-init weights: the first half of an evaluation.
 *
 * @param of another data set than the run's own, and what its embeddings are kept as.
 */
export async function embedBoth<Name extends SetName>(
  context: EvaluationContext,
  sets: readonly Name[],
  of: { readonly data: Data; readonly name: string } = { data: context.data, name: '' },
): Promise<{ readonly pretrained: Record<Name, Embeddings>; readonly randomInit: Record<Name, Embeddings> }> {
  const { session, engine, method, step, weights, fresh } = context;
  const embed = (name: string, params: HostTensors, from: number, message: string) => {
    const { signal, onProgress } = context.watch(from, 0.25);
    const told = (done: number) => onProgress(done, message);
    const options = { engine, encoder: method.encoder, data: of.data, signal, onProgress: told };
    const file = join(session.directory, 'evaluations', `embeddings-${of.name}${name}.safetensors`);
    return features(file, encoderOf(params), sets, options);
  };
  const pretrained = await embed(checkpointName(step), weights, 0, 'Embedding with the pretrained encoder');
  const randomInit = await embed('random-init', fresh, 0.25, 'Embedding with a random-init encoder');
  return { pretrained, randomInit };
}

/** The labels of training and test images. Throws when there are none to judge by. */
export function labelsOf({ train, test, classes = [] }: Data): TrainAndTest<Int32Array> {
  checkLabels(test?.labels, test?.size ?? 0, classes, 'test');
  checkLabels(train.labels, train.size, classes, 'training');
  return { train: train.labels, test: test.labels };
}

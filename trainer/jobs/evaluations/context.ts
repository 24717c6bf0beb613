/** What every evaluation of a checkpoint is given, and what they share. */
import { join } from 'node:path';
import type { EvaluationSettings } from '../../../protocol/config';
import type { Evaluation } from '../../../protocol/events';
import { checkpointName } from '../../../client/index';
import type { Data } from '../../data/index';
import type { Engine, HostTensors } from '../../engine/types';
import { checkLabels, checkTrainingLabels, type Embeddings, type TrainAndTest, type Watch } from '../../evals/index';
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

/** What is embedded, if it is not the run's own data by the embedding of the last block. */
export interface Embedded {
  readonly data: Data;
  /** What the embeddings of other data are kept as. */
  readonly name: string;
  /** The features of so many blocks, the last ones, side by side; 1 by default. */
  readonly layers?: number;
  /** How often each training image is embedded as augmented; 0 by default. */
  readonly views?: number;
}

/** Embeds sets of images with the checkpoint and with random-init weights: the first half of an evaluation. */
export async function embedBoth<Name extends SetName>(
  context: EvaluationContext,
  sets: readonly Name[],
  { data, name: of, layers = 1, views = 0 }: Embedded = { data: context.data, name: '' },
): Promise<Record<'pretrained' | 'randomInit', Record<Name, Embeddings> & { readonly views?: readonly Embeddings[] }>> {
  const { session, engine, method, step, weights, fresh } = context;
  const { directory, config } = session;
  const blocks = layers > 1 ? `-blocks${layers}` : '';
  const embed = async (name: string, params: HostTensors, from: number, message: string) => {
    const { signal, onProgress } = context.watch(from, 0.25);
    let parts = 0;
    const part = <Some extends SetName>(kept: string, names: readonly Some[]) => {
      const file = join(directory, 'evaluations', `embeddings-${of}${name}${blocks}${kept}.safetensors`);
      const done = parts++;
      const told = (share: number) => onProgress((done + share) / (1 + views), message);
      const options = { engine, encoder: method.encoder, data, layers, seed: config.seed, signal, onProgress: told };
      return features(file, encoderOf(params), names, options);
    };
    const asTheyAre = await part('', sets);
    if (views === 0) return asTheyAre;
    const augmented: Embeddings[] = [];
    for (let view = 0; view < views; view++) {
      const name: SetName = `view-${view}`;
      augmented.push((await part(`-${name}`, [name]))[name]!);
    }
    return { ...asTheyAre, views: augmented };
  };
  const pretrained = await embed(checkpointName(step), weights, 0, 'Embedding with the pretrained encoder');
  const randomInit = await embed('random-init', fresh, 0.25, 'Embedding with a random-init encoder');
  return { pretrained, randomInit };
}

/** The labels of training and test images, which `block` of the config names. Throws when there are none to judge by. */
export function labelsOf(data: Data, block: 'data' | 'transfer' = 'data'): TrainAndTest<Int32Array> {
  const { train, test } = data;
  const classes = classesOf(data);
  checkLabels(test?.labels, test?.size ?? 0, classes, 'test', block);
  checkTrainingLabels(train.labels, train.size, classes, block);
  return { train: train.labels, test: test.labels };
}

/** Also the one that all images are of, so that it is said instead of a lack of labels. */
export const classesOf = ({ classes, onlyClass }: Data): readonly string[] =>
  classes ?? (onlyClass === undefined ? [] : [onlyClass]);

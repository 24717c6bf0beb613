/** What tasks share whose answer is one of a few: the loss, how often the answer is right, and how sure. */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import type { Answer } from '../../protocol/events';
import { softmaxCrossEntropy } from '../engine/ops';
import type { HostTensors } from '../engine/types';
import type { Loss } from '../nn/train-step';
import type { Symptom } from './method';

/** The mean cross entropy of logits [N, C] and truths [N] int32 in nats, and the share of them that is right. */
export function choiceLoss(logits: Tensor2D, truths: Tensor1D): ReturnType<Loss> {
  const right = tf.equal(tf.argMax(logits, 1), truths); // [N]
  return {
    loss: tf.mean<Scalar>(softmaxCrossEntropy(logits, truths)),
    metrics: { 'train/accuracy': tf.mean(tf.cast(right, 'float32')) },
  };
}

/** Share of ln C from which on a cross entropy of C choices is that of a guess. */
const GUESSING = 0.995;

/** A mean cross entropy, `loss`, that says of `choices` choices no more than chance. */
export function guessing(choices: number, more: Pick<Symptom, 'remedy' | 'patience'>): Symptom {
  const chance = Math.log(choices);
  return {
    metric: 'train/loss',
    side: 'above',
    threshold: GUESSING * chance,
    means: `the loss is that of a guess among ${choices}, ln ${choices} = ${chance.toFixed(2)}`,
    ...more,
  };
}

/** For pictures: the loss of each image, what the right answer is, what is guessed, and how sure, all [B]. */
export function paintChoices(logits: Tensor2D, truths: Tensor1D) {
  return {
    loss: softmaxCrossEntropy(logits, truths),
    truth: truths,
    guess: tf.argMax<Tensor1D>(logits, 1),
    confidence: tf.max(tf.softmax(logits), 1),
  };
}

/** What `paintChoices` gave, in words. */
export function readAnswers({ truth, guess, confidence }: HostTensors, name: (choice: number) => string): Answer[] {
  return Array.from(truth!.data, (choice, i) => ({
    truth: name(choice),
    guess: name(guess!.data[i]!),
    confidence: confidence!.data[i]!,
  }));
}

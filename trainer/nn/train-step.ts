/** From a loss and an optimizer, the step that a run compiles. */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import { valueAndGrads } from '../engine/ops';
import type { HostTensors, Step, Tensors } from '../engine/types';
import { isFiniteNorm, lossScale, nextLossScale, type LossScaling } from './loss-scale';
import { OPTIMIZER_PREFIX } from './optimizer';
import type { Optimizer } from './optimizer';

/** State that no gradient changes: running statistics, queues, teachers. */
export const BUFFER_PREFIX = 'buffer.';
/** Where the exponential moving average of a parameter is kept, if it has one. */
export const TEACHER_PREFIX = `${BUFFER_PREFIX}teacher.`;

/** The loss of one batch, further tensors to report with it, and the next values of buffers. */
export type Loss = (
  params: Tensors,
  inputs: Tensors,
) => {
  readonly loss: Scalar;
  readonly metrics: Readonly<Record<string, Tensor>>;
  /** Those that change. */
  readonly buffers?: Readonly<Record<string, Tensor>>;
};

export interface Training {
  readonly loss: Loss;
  /**
   * Which parameters have a teacher, `buffer.teacher.<name>`: after each update it moves towards the new value, to
   * m teacher + (1 - m) new with m the input `teacher_momentum`.
   */
  readonly hasTeacher?: (parameter: string) => boolean;
  /** Which parameters stay as they are: without gradient, update and decay. */
  readonly isFrozen?: (parameter: string) => boolean;
  /** What becomes of the gradients before the update: clipping of its own, layers that wait. */
  readonly gradients?: (grads: Tensors, inputs: Tensors) => Tensors;
}

/** The part of a state that the optimizer changes. */
export const trained = <T>(
  state: Readonly<Record<string, T>>,
  isFrozen: (parameter: string) => boolean = () => false,
): Record<string, T> =>
  pick(state, (name) => !name.startsWith(OPTIMIZER_PREFIX) && !name.startsWith(BUFFER_PREFIX) && !isFrozen(name));

/** What a state starts with where parameters have teachers: copies of themselves. */
export function initTeacher(params: HostTensors, hasTeacher: (parameter: string) => boolean): HostTensors {
  const followed = Object.entries(params).filter(([name]) => hasTeacher(name));
  return Object.fromEntries(
    followed.map(([name, { shape, dtype, data }]) => [
      `${TEACHER_PREFIX}${name}`,
      { shape, dtype, data: data.slice() },
    ]),
  );
}

/** The state as the teacher has it: its tensors by the names of those that they follow. */
export function teacherOf<T>(state: Readonly<Record<string, T>>): Record<string, T> {
  const own = Object.entries(state).filter(([name]) => name.startsWith(TEACHER_PREFIX));
  return Object.fromEntries(own.map(([name, tensor]) => [name.slice(TEACHER_PREFIX.length), tensor]));
}

/**
 * One optimizer update. State: the parameters, the buffers, and the optimizer's `init` of the parameters. Inputs: what
 * the loss takes, and the float32 scalars `lr`, `weight_decay` and `step`, which counts from 1. Outputs: `loss` and the
 * loss's metrics, both of the parameters before the update, and `grad_norm`, before clipping.
 *
 * With `scaling` the state also has `initLossScale` of it, and a step whose gradients overflow leaves all else as it was; it is
 * not counted by the optimizer. Further outputs are then `train/loss_scale`, of this step, and `train/skipped_steps`.
 */
export function trainStep(training: Training, optimizer: Optimizer, scaling?: LossScaling): Step {
  const { loss, hasTeacher, isFrozen, gradients } = training;
  return (state, inputs) => {
    const isMoment = (name: string) => name.startsWith(OPTIMIZER_PREFIX);
    const params = trained(state, isFrozen);
    const { value, metrics, buffers, grads } = valueAndGradients(
      (given) => loss({ ...state, ...given }, inputs),
      params,
      scaling && lossScale(state).scale,
    );
    const { lr, step, weight_decay, teacher_momentum } = inputs as Record<'lr' | 'step', Scalar> &
      Partial<Record<'weight_decay' | 'teacher_momentum', Scalar>>;
    const usable = gradients?.(grads, inputs) ?? grads;
    const count = scaling ? tf.sub<Scalar>(step, lossScale(state).skipped) : step;
    const next = optimizer.update(params, usable, pick(state, isMoment), lr, count, weight_decay);
    const teacher = Object.keys(hasTeacher ? params : {}).filter((name) => hasTeacher!(name));
    const followed = teacher.map((name): [string, Tensor] => {
      const old = state[`${TEACHER_PREFIX}${name}`]!;
      return [
        `${TEACHER_PREFIX}${name}`,
        tf.add(old, tf.mul(tf.sub(next.params[name]!, old), tf.sub(1, teacher_momentum!))),
      ];
    });
    const changed = { ...next.params, ...next.state, ...buffers, ...Object.fromEntries(followed) };
    const outputs = { ...metrics, loss: value, grad_norm: next.gradNorm };
    if (!scaling) return { state: changed, outputs };
    const updated = isFiniteNorm(next.gradNorm);
    const scaler = nextLossScale(state, updated, scaling);
    const kept = Object.entries(changed).map(([name, x]) => [name, tf.where(updated, x, state[name]!)] as const);
    return {
      state: { ...Object.fromEntries(kept), ...scaler },
      outputs: {
        ...outputs,
        'train/loss_scale': lossScale(state).scale,
        'train/skipped_steps': lossScale(scaler).skipped,
      },
    };
  };
}

/**
 * Of what a loss returns besides its value, tfjs disposes when the tape ends: it is kept over that moment. The gradients are
 * computed of the loss times `scale`, and divided by it.
 */
function valueAndGradients(loss: (params: Tensors) => ReturnType<Loss>, params: Tensors, scale?: Scalar) {
  let kept: { metrics: Record<string, Tensor>; buffers: Record<string, Tensor> } = { metrics: {}, buffers: {} };
  const { value: scaled, grads: scaledGrads } = valueAndGrads((given) => {
    const { loss: value, metrics, buffers = {} } = loss(given);
    kept = {
      metrics: mapTensors(metrics, (x) => tf.keep(x.clone())),
      buffers: mapTensors(buffers, (x) => tf.keep(x.clone())),
    };
    return scale ? tf.mul(value, scale) : value;
  }, params);
  // Scales are powers of two, mostly: dividing by them changes no digit.
  const value: Scalar = scale ? tf.div(scaled, scale) : scaled;
  const grads = scale ? mapTensors(scaledGrads, (gradient) => tf.div(gradient, scale)) : scaledGrads;
  const release = (tensor: Tensor) => {
    const copy = tensor.clone();
    tensor.dispose();
    return copy;
  };
  return { value, grads, metrics: mapTensors(kept.metrics, release), buffers: mapTensors(kept.buffers, release) };
}

const mapTensors = (tensors: Tensors, f: (tensor: Tensor) => Tensor): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, f(tensor)]));

function pick<T>(tensors: Readonly<Record<string, T>>, wanted: (name: string) => boolean): Record<string, T> {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => wanted(name)));
}

/** From a loss and an optimizer, the step that a run compiles. */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import { valueAndGrads } from '../engine/ops';
import type { Step, Tensors } from '../engine/types';
import { OPTIMIZER_PREFIX } from './optimizer';
import type { Optimizer } from './optimizer';

/** The loss of one batch, and further tensors to report with it. */
export type Loss = (
  params: Tensors,
  inputs: Tensors,
) => { readonly loss: Scalar; readonly metrics: Readonly<Record<string, Tensor>> };

/**
 * One optimizer update. State: the parameters, and the optimizer's `init` of them. Inputs: what the
 * loss takes, and the float32 scalars `lr` and `step`, which counts from 1. Outputs: `loss` and the
 * loss's metrics, both of the parameters before the update, and `grad_norm`, before clipping.
 */
export function trainStep(loss: Loss, optimizer: Optimizer): Step {
  return (state, inputs) => {
    const isMoment = (name: string) => name.startsWith(OPTIMIZER_PREFIX);
    const params = pick(state, (name) => !isMoment(name));
    const { value, metrics, grads } = gradients(loss, params, inputs);
    const { lr, step } = inputs as { lr: Scalar; step: Scalar } & Tensors;
    const next = optimizer.update(params, grads, pick(state, isMoment), lr, step);
    return {
      state: { ...next.params, ...next.state },
      outputs: { ...metrics, loss: value, grad_norm: next.gradNorm },
    };
  };
}

function gradients(loss: Loss, params: Tensors, inputs: Tensors) {
  const kept: Record<string, Tensor> = {};
  const { value, grads } = valueAndGrads((given) => {
    const result = loss(given, inputs);
    // When the tape ends, tfjs disposes of all that was made on it but the value.
    for (const [name, metric] of Object.entries(result.metrics)) kept[name] = tf.keep(metric.clone());
    return result.loss;
  }, params);
  const released = Object.entries(kept).map(([name, metric]) => {
    const copy = metric.clone();
    metric.dispose();
    return [name, copy] as const;
  });
  return { value, grads, metrics: Object.fromEntries(released) };
}

function pick(tensors: Tensors, wanted: (name: string) => boolean): Tensors {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => wanted(name)));
}

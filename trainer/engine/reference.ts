/** The reference engine: the step itself, run eagerly on tfjs's plain JavaScript backend. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { checkResult } from './check';
import { createEagerEngine } from './eager';
import type { Engine, ProgramSpec, Specs, Step } from './types';

export function createReferenceEngine(): Engine {
  // Its first write would print an advertisement.
  (tf.findBackend('cpu') as { firstUse?: boolean }).firstUse = false;
  return createEagerEngine({
    name: 'reference',
    device: 'cpu',
    description: `tfjs ${tf.version_core}, plain JavaScript, eager`,
    backend: 'cpu',
    outputsOf: outputsOfZeros,
  });
}

/** By running it, since nothing of the other engines may be in what they are compared to; zeros will do. */
function outputsOfZeros(step: Step, spec: ProgramSpec): Specs {
  const zeros = (specs: Specs) =>
    Object.fromEntries(Object.entries(specs).map(([name, { shape, dtype }]) => [name, tf.zeros([...shape], dtype)]));
  let outputs: Specs = {};
  tf.tidy(() => {
    outputs = checkResult(step(zeros(spec.state), zeros(spec.inputs)), spec.state);
  });
  return outputs;
}

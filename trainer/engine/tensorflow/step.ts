/** A step as ops of TensorFlow, which tfjs's kernels for it choose. */
import * as tf from '@tensorflow/tfjs-core';
import { onBackend } from '../backend';
import { checkResult } from '../check';
import type { ProgramSpec, Specs, Step, Tensors } from '../types';
import { typeOf } from './binding';
import type { GraphNode } from './graphdef';
import { TENSORFLOW, type LoadedTensorflow } from './load';

/** Where the ops find state and inputs, by the places of these in the spec: "node:output". */
export const stateSource = (place: number) => `state_${place}_value:0`;
export const inputSource = (place: number) => `input_${place}:0`;

export interface StepOps {
  readonly nodes: readonly GraphNode[];
  /** By name, the "node:output" that a result is. */
  readonly outputs: Readonly<Record<string, string>>;
  /** New state entries; those that the step leaves alone are absent. */
  readonly next: Readonly<Record<string, string>>;
}

export function recordStep(step: Step, spec: ProgramSpec, { backend, binding, recorder }: LoadedTensorflow): StepOps {
  const recorded = () =>
    recorder.record(({ nodes, given, sourceOf }): StepOps => {
      const tensors = (specs: Specs, source: (place: number) => string): Tensors =>
        Object.fromEntries(
          Object.entries(specs).map(([name, { shape, dtype }], place) => {
            const handle = given(source(place), { shape, dtype: typeOf(dtype, binding) });
            return [name, backend.createOutputTensor(handle)];
          }),
        );
      const before = tensors(spec.state, stateSource);
      const result = step(before, tensors(spec.inputs, inputSource));
      checkResult(result, spec.state);
      const sourcesOf = (tensors: Tensors) =>
        Object.fromEntries(
          Object.entries(tensors).map(([name, tensor]) => [name, sourceOf(backend.getInputTensorIds([tensor])[0]!)]),
        );
      const changed = Object.entries(result.state ?? {}).filter(
        ([name, { dataId }]) => dataId !== before[name]!.dataId,
      );
      const [outputs, next] = [sourcesOf(result.outputs), sourcesOf(Object.fromEntries(changed))];
      return { nodes, outputs, next };
    });
  return onBackend(TENSORFLOW, () => inTidy(recorded));
}

/** tfjs's own lets only tensors out. */
function inTidy<T>(f: () => T): T {
  let result: T;
  tf.tidy(() => {
    result = f();
  });
  return result!;
}

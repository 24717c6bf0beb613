/** A step as ops of TensorFlow: tfjs's kernels run it once, and what they ask of the library is taken down. */
import * as tf from '@tensorflow/tfjs-core';
import { onBackend } from '../backend';
import { checkResult } from '../check';
import type { HostTensors, ProgramSpec, Specs, Step, Tensors } from '../types';
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

/** The values should be real ones, since kernels check them: an index has to be in its range. They are not copied. */
export function recordStep(
  step: Step,
  spec: ProgramSpec,
  { state, inputs }: { state: HostTensors; inputs: HostTensors },
  { backend, listener }: LoadedTensorflow,
): StepOps {
  const idOf = (tensor: tf.Tensor) => backend.getInputTensorIds([tensor])[0]!;
  /** Tensors that are there before the recording begins, so that they are not constants of it. */
  const placed = (specs: Specs, values: HostTensors, sourceOf: (place: number) => string) =>
    Object.keys(specs).map((name, place) => {
      const { data, shape, dtype } = values[name]!;
      const tensor = tf.tensor(data, [...shape], dtype);
      return { name, tensor, id: idOf(tensor), source: sourceOf(place) };
    });
  const named = (entries: ReturnType<typeof placed>): Tensors =>
    Object.fromEntries(entries.map(({ name, tensor }) => [name, tensor]));
  const recorded = () => {
    const [before, given] = [placed(spec.state, state, stateSource), placed(spec.inputs, inputs, inputSource)];
    return listener.record(({ nodes, sources }): StepOps => {
      for (const { id, source } of [...before, ...given]) sources.set(id, source);
      const old = named(before);
      const result = step(old, named(given));
      checkResult(result, spec.state);
      const sourcesOf = (tensors: Tensors) =>
        Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, sources.get(idOf(tensor))!]));
      const changed = Object.entries(result.state ?? {}).filter(([name, { dataId }]) => dataId !== old[name]!.dataId);
      return { nodes, outputs: sourcesOf(result.outputs), next: sourcesOf(Object.fromEntries(changed)) };
    });
  };
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

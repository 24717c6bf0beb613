import type { Tensor } from '@tensorflow/tfjs-core';
import { checkResult } from './check';
import type { Graph, Value } from './graph';
import './gradients';
import './lower/index';
import { recording, tracer } from './tracer';
import type { ProgramSpec, Specs, Step } from './types';
import { located } from './where';

/** A step as a graph: what goes in and what comes out, by name. */
export interface Trace {
  readonly graph: Graph;
  /** New state entries; those that the step leaves alone are absent. */
  readonly state: Readonly<Record<string, Value>>;
  readonly outputs: Readonly<Record<string, Value>>;
  readonly outputSpecs: Specs;
}

export const stateName = (name: string) => `state/${name}`;
export const inputName = (name: string) => `input/${name}`;

/**
 * Runs the step once with tensors that stand for its state and inputs, recording what it does; with `kernels`, for a
 * runtime that has this engine's own.
 */
export function trace(step: Step, spec: ProgramSpec, kernels = false): Trace {
  const { graph, result } = recording((recorded) => {
    const placeholders = (specs: Specs, rename: (name: string) => string) =>
      Object.fromEntries(
        Object.entries(specs).map(([name, like]) => [name, tracer.tensor(recorded.input(rename(name), like))]),
      );
    const state = placeholders(spec.state, stateName);
    const inputs = placeholders(spec.inputs, inputName);
    const returned = located(() => {
      const result = step(state, inputs);
      tracer.checkReads();
      return result;
    });
    const outputSpecs = checkResult(returned, spec.state);
    const valuesOf = (tensors: Readonly<Record<string, Tensor>>) =>
      Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tracer.valueOf(tensor)]));
    return { state: valuesOf(returned.state ?? {}), outputs: valuesOf(returned.outputs), outputSpecs };
  }, kernels);
  const changed = Object.entries(result.state).filter(([name, value]) => value.name !== stateName(name));
  return { ...result, graph, state: Object.fromEntries(changed) };
}

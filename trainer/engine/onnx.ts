/** The onnx engine: a traced step as one ONNX graph, run by ONNX Runtime on the CPU or a GPU. */
import type { Value } from './graph';
import { modelBytes } from './model';
import { createCpuEngine } from './onnx-cpu';
import { createWebGpuEngine } from './onnx-webgpu';
import { trace } from './trace';
import type { Device, Engine, ProgramSpec, Specs, Step } from './types';

export const createOnnxEngine = ({ device, threads }: { device: Device; threads?: number }): Engine =>
  device === 'cpu' ? createCpuEngine(threads) : createWebGpuEngine();

/** A step as the bytes of an ONNX model, and what its results are called there. */
export interface StepModel {
  readonly bytes: Uint8Array;
  readonly outputs: Readonly<Record<string, Value>>;
  /** New state entries; those that the step leaves alone are absent. */
  readonly next: Readonly<Record<string, Value>>;
  readonly outputSpecs: Specs;
}

export function stepModel(step: Step, spec: ProgramSpec): StepModel {
  const { graph, state, outputs, outputSpecs } = trace(step, spec);
  // An output of its own name each, also where the step returns an input or one tensor twice.
  const named = (prefix: string, values: Readonly<Record<string, Value>>) =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, graph.alias(value, `${prefix}/${name}`)] as const),
    );
  const results = named('output', outputs);
  const next = named('next', state);
  const bytes = modelBytes(graph, [...Object.values(results), ...Object.values(next)]);
  return { bytes, outputs: results, next, outputSpecs };
}

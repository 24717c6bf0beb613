/**
 * A session of ONNX Runtime on tensors that stay where they are: inputs and outputs in host memory, state where the device
 * has it. What of the state cannot be overwritten while a step runs is held twice: the step reads one and writes the other.
 */
import { checkInputs, checkState } from './check';
import type { StepModel } from './model';
import type { Handled, NativeSession, NativeTensor } from './native';
import { inputName, stateName } from './trace';
import type { DeviceState, HostTensors, ProgramSpec, Specs, TensorSpec, TypedArray } from './types';

export interface StateTensor extends Handled {
  dispose(): void;
}

export interface BoundState extends DeviceState {
  readonly tensors: Map<string, StateTensor>;
  /** What the last step read, free for the next one to write. */
  readonly spares: Map<string, StateTensor>;
}

interface Binding {
  readonly session: NativeSession;
  readonly spec: ProgramSpec;
  readonly model: Omit<StepModel, 'bytes'>;
  readonly createHostTensor: (spec: TensorSpec) => NativeTensor;
  readonly createStateTensor: (spec: TensorSpec) => StateTensor;
}

export interface BoundProgram {
  readonly run: (state: BoundState, inputs: Readonly<Record<string, TypedArray>>) => HostTensors;
  readonly dispose: () => void;
}

export function bind({ session, spec, model, createHostTensor, createStateTensor }: Binding): BoundProgram {
  const { outputs, next, outputSpecs } = model;
  const inPlace = new Set(model.inPlace);
  const twice = Object.keys(next).filter((name) => !inPlace.has(name));
  const given = createTensors(spec.inputs, createHostTensor);
  const results = createTensors(outputSpecs, createHostTensor);
  return {
    run(state, inputs) {
      const { tensors, spares } = state;
      checkState(state.specs, spec.state);
      checkInputs(inputs, spec.inputs);
      if (tensors.size < Object.keys(state.specs).length) throw new Error('the device state has been disposed of');
      for (const [name, tensor] of given) tensor.data.set(inputs[name]!);
      for (const name of twice) if (!spares.has(name)) spares.set(name, createStateTensor(spec.state[name]!));
      const read = new Map<string, Handled>();
      for (const name of Object.keys(spec.state)) read.set(stateName(name), tensors.get(name)!);
      for (const [name, tensor] of given) read.set(inputName(name), tensor);
      const written = new Map<string, Handled>();
      for (const [name, value] of Object.entries(outputs)) written.set(value.name, results.get(name)!);
      for (const [name, value] of Object.entries(next))
        written.set(value.name, (inPlace.has(name) ? tensors : spares).get(name)!);
      session.run(read, written);
      for (const name of twice) {
        const previous = tensors.get(name)!;
        tensors.set(name, spares.get(name)!);
        spares.set(name, previous);
      }
      return hostTensors(results, outputSpecs);
    },
    dispose() {
      session.dispose();
      disposeAll(given);
      disposeAll(results);
    },
  };
}

export const createTensors = <T>(specs: Specs, create: (spec: TensorSpec) => T): Map<string, T> =>
  new Map(Object.entries(specs).map(([name, spec]) => [name, create(spec)]));

/** Copies of tensors in host memory. */
export const hostTensors = (tensors: ReadonlyMap<string, NativeTensor>, specs: Specs): HostTensors =>
  Object.fromEntries([...tensors].map(([name, { data }]) => [name, { ...specs[name]!, data: data.slice() }]));

export function disposeAll(tensors: Map<string, { dispose(): void }>): void {
  for (const tensor of tensors.values()) tensor.dispose();
  tensors.clear();
}

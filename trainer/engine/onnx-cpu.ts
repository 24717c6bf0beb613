/**
 * ONNX Runtime on the CPU. What of the state cannot be overwritten while a step runs is held twice: the step reads one and
 * writes the other, so nothing is copied.
 */
import { availableParallelism } from 'node:os';
import { checkHostTensor, checkInputs, checkState, stateEntry } from './check';
import { findKernels } from './kernels';
import { overwritten } from './in-place';
import { modelBytes, stepGraph } from './model';
import { createSession, createTensor, runtimeVersion, type NativeTensor, type SessionOptions } from './native';
import { promised } from './promised';
import { specsOf } from './shapes';
import { inputName, stateName } from './trace';
import type {
  DeviceState,
  Engine,
  HostTensor,
  HostTensors,
  Program,
  ProgramSpec,
  Specs,
  Step,
  TypedArray,
} from './types';

/**
 * A thread with nothing to do spins this long (by default far longer) before it sleeps: beside an editor or another run,
 * spinning takes away the core that the step is waiting for.
 */
const SPIN_MICROSECONDS = 20;

interface CpuState extends DeviceState {
  readonly tensors: Map<string, NativeTensor>;
  /** What the last step read, free for the next one to write. */
  readonly spares: Map<string, NativeTensor>;
}

export function createCpuEngine(threads = availableParallelism(), useKernels = true): Engine {
  const found = useKernels ? findKernels() : undefined;
  const kernels = typeof found === 'object' ? found : undefined;
  return {
    name: 'onnx',
    device: 'cpu',
    description: `onnxruntime ${runtimeVersion()}, CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${kernels ? `${kernels.instructions} kernels` : 'no kernels of its own'}`,
    upload,
    compile: (step, spec) =>
      promised(() => compile(step, spec, { threads, spinMicroseconds: SPIN_MICROSECONDS, ops: kernels?.file })),
    dispose: () => undefined,
  };
}

function upload(values: HostTensors): CpuState {
  for (const [name, value] of Object.entries(values)) checkHostTensor(name, value);
  const specs = specsOf(values);
  const tensors = createTensors(specs);
  for (const [name, tensor] of tensors) tensor.data.set(values[name]!.data);
  const spares = new Map<string, NativeTensor>();
  return {
    specs,
    tensors,
    spares,
    read: (names = [...tensors.keys()]) =>
      promised(() => {
        const entries = names.map((name): [string, HostTensor] => {
          const tensor = stateEntry(tensors, name);
          return [name, { ...specs[name]!, data: tensor.data.slice() }];
        });
        return Object.fromEntries(entries);
      }),
    dispose() {
      disposeAll(tensors);
      disposeAll(spares);
    },
  };
}

function compile(step: Step, spec: ProgramSpec, options: SessionOptions): Program {
  const { graph, outputs, next, outputSpecs } = stepGraph(step, spec, options.ops !== undefined);
  const session = createSession(modelBytes(graph), options);
  const inPlace = overwritten(graph, next);
  const twice = Object.keys(next).filter((name) => !inPlace.has(name));
  const given = createTensors(spec.inputs);
  const results = createTensors(outputSpecs);

  const written = (state: CpuState, name: string) => (inPlace.has(name) ? state.tensors : state.spares).get(name)!;

  function run(state: CpuState, inputs: Readonly<Record<string, TypedArray>>): HostTensors {
    checkState(state.specs, spec.state);
    checkInputs(inputs, spec.inputs);
    if (state.tensors.size < Object.keys(state.specs).length) throw new Error('the device state has been disposed of');
    for (const [name, tensor] of given) tensor.data.set(inputs[name]!);
    const read = [
      ...Object.keys(spec.state).map((name) => [stateName(name), state.tensors.get(name)!] as const),
      ...[...given].map(([name, tensor]) => [inputName(name), tensor] as const),
    ];
    for (const name of twice) {
      if (!state.spares.has(name)) state.spares.set(name, createTensor(spec.state[name]!));
    }
    const writes = [
      ...Object.entries(outputs).map(([name, value]) => [value.name, results.get(name)!] as const),
      ...Object.entries(next).map(([name, value]) => [value.name, written(state, name)] as const),
    ];
    session.run(new Map(read), new Map(writes));
    for (const name of twice) {
      const previous = state.tensors.get(name)!;
      state.tensors.set(name, state.spares.get(name)!);
      state.spares.set(name, previous);
    }
    return Object.fromEntries(
      [...results].map(([name, { data }]) => [name, { ...outputSpecs[name]!, data: data.slice() }]),
    );
  }

  return {
    outputs: outputSpecs,
    run: (state, inputs) => promised(() => run(state as CpuState, inputs)),
    dispose() {
      session.dispose();
      disposeAll(given);
      disposeAll(results);
    },
  };
}

const createTensors = (specs: Specs): Map<string, NativeTensor> =>
  new Map(Object.entries(specs).map(([name, spec]) => [name, createTensor(spec)]));

function disposeAll(tensors: Map<string, NativeTensor>): void {
  for (const tensor of tensors.values()) tensor.dispose();
  tensors.clear();
}

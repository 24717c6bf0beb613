/**
/**
 * ONNX Runtime on the CPU: its native library, or what of it is compiled to WebAssembly. What of the state cannot be
 * overwritten while a step runs is held twice: the step reads one and writes the other, so nothing is copied.
 */
import { checkHostTensor, checkInputs, checkState, stateEntry } from './check';
import { overwritten } from './in-place';
import { modelBytes, stepGraph } from './model';
import type { CpuRuntime, NativeTensor } from './native';
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

interface CpuState extends DeviceState {
  readonly tensors: Map<string, NativeTensor>;
  /** What the last step read, free for the next one to write. */
  readonly spares: Map<string, NativeTensor>;
}

export const createCpuEngine = (device: 'cpu' | 'wasm', runtime: CpuRuntime): Engine => ({
  name: 'onnx',
  device,
  description: runtime.description,
  upload: (values, how) => upload(values, runtime, how),
  compile: (step, spec) => promised(() => compile(step, spec, runtime)),
  dispose: () => undefined,
});

function upload(values: HostTensors, runtime: CpuRuntime, how?: 'given'): CpuState {
  for (const [name, value] of Object.entries(values)) checkHostTensor(name, value);
  const specs = specsOf(values);
  const own = ({ data }: HostTensor) => (how === 'given' ? data : data.slice());
  const tensors = new Map(
    Object.entries(values).map(([name, value]) => [name, runtime.createTensor(value, own(value))] as const),
  );
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

function compile(step: Step, spec: ProgramSpec, runtime: CpuRuntime): Program {
  const { graph, outputs, next, outputSpecs } = stepGraph(step, spec, runtime.kernels ? 'kernels' : 'cpu');
  const session = runtime.createSession(modelBytes(graph));
  // Only where the graph is run as it stands: an optimizer may move a reader behind what it was bound to come before.
  const inPlace = runtime.kernels ? overwritten(graph, next) : new Set<string>();
  const twice = Object.keys(next).filter((name) => !inPlace.has(name));
  const given = createTensors(spec.inputs, runtime);
  const results = createTensors(outputSpecs, runtime);

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
      if (!state.spares.has(name)) state.spares.set(name, runtime.createTensor(spec.state[name]!));
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

const createTensors = (specs: Specs, runtime: CpuRuntime): Map<string, NativeTensor> =>
  new Map(Object.entries(specs).map(([name, spec]) => [name, runtime.createTensor(spec)]));

function disposeAll(tensors: Map<string, NativeTensor>): void {
  for (const tensor of tensors.values()) tensor.dispose();
  tensors.clear();
}

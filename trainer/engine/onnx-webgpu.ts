/**
 * ONNX Runtime on a GPU through WebGPU. State lies in the GPU's memory, twice: a step reads one half and writes the other.
 * Between the host and the GPU go a step's inputs and outputs, and nothing else.
 */
import { checkHostTensor, checkInputs, checkState, stateEntry } from './check';
import { onGpu } from './device-error';
import { createGraph } from './graph';
import { lowered, modelBytes, stepGraph } from './model';
import { createTensor, runtimeVersion, type Handled, type NativeSession, type NativeTensor } from './native';
import { createDeviceMemory, createGpuSession, type DeviceMemory, type DeviceTensor } from './native-webgpu';
import { promised } from './promised';
import { size, specsOf } from './shapes';
import { inputName, stateName } from './trace';
import type { DeviceState, Engine, HostTensors, Program, ProgramSpec, Specs, Step, TypedArray } from './types';
import { chooseGpu, type PowerPreference } from './vulkan';

interface GpuState extends DeviceState {
  readonly tensors: Map<string, DeviceTensor>;
  /** What the last step read, free for the next one to write. */
  readonly spares: Map<string, DeviceTensor>;
}

/** Throws a `DeviceError` when there is no GPU to be had; what it makes does when the GPU fails. */
export function createWebGpuEngine(gpu?: string): Engine {
  const { power, name } = chooseGpu(gpu);
  const device = onGpu(() => createDevice(power));
  return {
    name: 'onnx',
    device: 'webgpu',
    description: `onnxruntime ${runtimeVersion()}, WebGPU${name === undefined ? '' : `, ${name}`}`,
    upload: (values) => onGpu(() => upload(values, device)),
    compile: (step, spec) => promised(() => compile(step, spec, device)),
    dispose: device.dispose,
  };
}

/** Where programs run and state lies. */
interface GpuDevice extends DeviceMemory {
  createSession(model: Uint8Array): NativeSession;
}

function createDevice(power: PowerPreference): GpuDevice {
  const createSession = (model: Uint8Array) => createGpuSession(model, power);
  // Holds the device as long as the engine lives: tensors outlast the programs that made them.
  const holder = createSession(copyModel({ nothing: { shape: [1], dtype: 'float32' } }));
  const memory = createDeviceMemory(holder);
  return {
    createSession,
    createTensor: memory.createTensor,
    dispose() {
      memory.dispose();
      holder.dispose();
    },
  };
}

function upload(values: HostTensors, device: GpuDevice): GpuState {
  for (const [name, value] of Object.entries(values)) checkHostTensor(name, value);
  const specs = specsOf(values);
  const tensors = new Map(Object.entries(specs).map(([name, spec]) => [name, device.createTensor(spec)] as const));
  const spares = new Map<string, DeviceTensor>();
  const host = createTensors(specs);
  for (const [name, tensor] of host) tensor.data.set(values[name]!.data);
  copy(device, specs, host, tensors);
  disposeAll(host);
  return {
    specs,
    tensors,
    spares,
    read: (names = [...tensors.keys()]) =>
      promised(() => {
        const wanted = new Map(names.map((name) => [name, stateEntry(tensors, name)]));
        const chosen = Object.fromEntries(names.map((name) => [name, specs[name]!]));
        const read = createTensors(chosen);
        onGpu(() => copy(device, chosen, wanted, read));
        return hostTensors(read, chosen);
      }),
    dispose() {
      disposeAll(tensors);
      disposeAll(spares);
    },
  };
}

/** Between host and GPU tensors go only through a graph, here one that does nothing else. */
function copy(
  device: GpuDevice,
  specs: Specs,
  from: ReadonlyMap<string, Handled>,
  to: ReadonlyMap<string, Handled>,
): void {
  if (from.size === 0) return;
  const session = device.createSession(copyModel(specs));
  const named = (tensors: ReadonlyMap<string, Handled>, rename: (name: string) => string) =>
    new Map(Object.keys(specs).map((name) => [rename(name), tensors.get(name)!]));
  try {
    session.run(named(from, inputName), named(to, stateName));
  } finally {
    session.dispose();
  }
}

function copyModel(specs: Specs): Uint8Array {
  const graph = createGraph();
  const values = Object.entries(specs).map(([name, spec]) =>
    graph.alias(graph.input(inputName(name), spec), stateName(name)),
  );
  return modelBytes(lowered(graph, values));
}

function compile(step: Step, spec: ProgramSpec, device: GpuDevice): Program {
  const { graph, outputs, next, outputSpecs } = stepGraph(step, spec, 'webgpu');
  const session = onGpu(() => device.createSession(modelBytes(graph)));
  const given = createTensors(spec.inputs);
  const results = createTensors(outputSpecs);

  function run(state: GpuState, inputs: Readonly<Record<string, TypedArray>>): HostTensors {
    checkState(state.specs, spec.state);
    checkInputs(inputs, spec.inputs);
    if (state.tensors.size < Object.keys(state.specs).length) throw new Error('the device state has been disposed of');
    for (const [name, tensor] of given) tensor.data.set(inputs[name]!);
    for (const name of Object.keys(next)) {
      if (!state.spares.has(name)) state.spares.set(name, device.createTensor(spec.state[name]!));
    }
    const read = [
      ...Object.keys(spec.state).map((name) => [stateName(name), state.tensors.get(name)!] as const),
      ...[...given].map(([name, tensor]) => [inputName(name), tensor] as const),
    ];
    const written = [
      ...Object.entries(outputs).map(([name, value]) => [value.name, results.get(name)!] as const),
      ...Object.entries(next).map(([name, value]) => [value.name, state.spares.get(name)!] as const),
    ];
    session.run(new Map<string, Handled>(read), new Map<string, Handled>(written));
    for (const name of Object.keys(next)) {
      const previous = state.tensors.get(name)!;
      state.tensors.set(name, state.spares.get(name)!);
      state.spares.set(name, previous);
    }
    return hostTensors(results, outputSpecs);
  }

  return {
    outputs: outputSpecs,
    traffic: { uploaded: bytesOf(spec.inputs), downloaded: bytesOf(outputSpecs) },
    run: (state, inputs) => promised(() => onGpu(() => run(state as GpuState, inputs))),
    dispose() {
      session.dispose();
      disposeAll(given);
      disposeAll(results);
    },
  };
}

const bytesOf = (specs: Specs) =>
  Object.values(specs).reduce((sum, { shape }) => sum + size(shape) * Float32Array.BYTES_PER_ELEMENT, 0);

const createTensors = (specs: Specs): Map<string, NativeTensor> =>
  new Map(Object.entries(specs).map(([name, spec]) => [name, createTensor(spec)]));

const hostTensors = (tensors: ReadonlyMap<string, NativeTensor>, specs: Specs): HostTensors =>
  Object.fromEntries([...tensors].map(([name, { data }]) => [name, { ...specs[name]!, data: data.slice() }]));

function disposeAll(tensors: Map<string, { dispose(): void }>): void {
  for (const tensor of tensors.values()) tensor.dispose();
  tensors.clear();
}

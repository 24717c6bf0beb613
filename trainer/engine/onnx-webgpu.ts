/**
 * ONNX Runtime on a GPU through WebGPU. State lies in the GPU's memory, twice: a step reads one half and writes the other.
 * Between the host and the GPU go a step's inputs and outputs, and nothing else.
 */
import { bind, createTensors, disposeAll, hostTensors, type BoundState, type StateTensor } from './bound';
import { checkHostTensor, stateEntry } from './check';
import { onGpu } from './device-error';
import { createGraph } from './graph';
import { cachedModel } from './graph-cache';
import { lowered, modelBytes } from './model';
import { createTensor, runtimeVersion, type Handled, type NativeSession } from './native';
import { createDeviceMemory, createGpuSession, type DeviceMemory } from './native-webgpu';
import { promised } from './promised';
import { size, specsOf } from './shapes';
import { inputName, stateName } from './trace';
import type { Engine, HostTensors, Program, ProgramSpec, Specs, Step } from './types';
import { chooseGpu, type PowerPreference } from './vulkan';

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

function upload(values: HostTensors, device: GpuDevice): BoundState {
  for (const [name, value] of Object.entries(values)) checkHostTensor(name, value);
  const specs = specsOf(values);
  const tensors = createTensors(specs, device.createTensor);
  const spares = new Map<string, StateTensor>();
  const host = createTensors(specs, createTensor);
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
        const read = createTensors(chosen, createTensor);
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
  const model = cachedModel(step, spec, 'webgpu');
  const program = bind({
    session: onGpu(() => device.createSession(model.bytes)),
    spec,
    model,
    createHostTensor: createTensor,
    createStateTensor: device.createTensor,
  });
  return {
    outputs: model.outputSpecs,
    traffic: { uploaded: bytesOf(spec.inputs), downloaded: bytesOf(model.outputSpecs) },
    run: (state, inputs) => promised(() => onGpu(() => program.run(state as BoundState, inputs))),
    dispose: program.dispose,
  };
}

const bytesOf = (specs: Specs) =>
  Object.values(specs).reduce((sum, { shape }) => sum + size(shape) * Float32Array.BYTES_PER_ELEMENT, 0);

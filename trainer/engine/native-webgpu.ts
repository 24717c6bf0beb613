/** ONNX Runtime's C API, as far as running a step on a GPU takes: sessions of the WebGPU provider, and tensors in its memory. */
import type { StateTensor } from './bound';
import {
  ALL_OPTIMIZATIONS,
  check,
  configuredSession,
  elementTypes,
  made,
  once,
  runtime,
  type Handled,
  type NativeSession,
} from './native';
import type { TensorSpec } from './types';
import type { PowerPreference } from './vulkan';

/** Memory of a GPU that tensors are made in. It must outlive them. */
export interface DeviceMemory {
  /** Of any content. */
  readonly createTensor: (spec: TensorSpec) => StateTensor;
  readonly dispose: () => void;
}

/** The name by which the provider's allocator is asked for. */
const WEBGPU_MEMORY = 'WebGPU_Buf';
const DEVICE_ALLOCATOR = 0;
const DEFAULT_MEMORY = 0;

/** Of the provider, which the package's own binding for Node hands on but a few of. */
const providerOptions = (power: PowerPreference) => ({
  // ONNX's indices of largest elements are int64, until they are cast.
  enableInt64: '1',
  powerPreference: power,
});

const sessionEntries = {
  // An op without a kernel on the GPU would run on the CPU, and what it reads and writes would cross over in every step.
  'session.disable_cpu_ep_fallback': '1',
};

/** Compiles a model that runs on the GPU as a whole; throws when an op of it cannot. */
export function createGpuSession(
  model: Uint8Array,
  power: PowerPreference = 'high-performance',
): NativeSession & Handled {
  try {
    return configuredSession(model, ALL_OPTIMIZATIONS, (options, { api }) => {
      const given = providerOptions(power);
      const [keys, values] = [Object.keys(given), Object.values(given)];
      check(api, api.appendProvider(options, 'WebGPU', keys, values, keys.length));
      for (const [key, value] of Object.entries(sessionEntries)) check(api, api.addConfigEntry(options, key, value));
    });
  } catch (error) {
    if (!/default CPU EP/.test((error as Error).message)) throw error;
    throw new Error('an op of this program has no kernel on WebGPU and would run on the CPU', { cause: error });
  }
}

/** The memory of the GPU that a session runs on. */
export function createDeviceMemory({ handle }: Handled): DeviceMemory {
  const { api } = runtime();
  const memory = made(api, (out) => api.createMemory(WEBGPU_MEMORY, DEVICE_ALLOCATOR, 0, DEFAULT_MEMORY, out));
  try {
    const allocator = made(api, (out) => api.createAllocator(handle, memory, out));
    return {
      createTensor({ shape, dtype }) {
        const tensor = made(api, (out) =>
          api.createTensorOnDevice(allocator, shape, shape.length, elementTypes[dtype], out),
        );
        return { handle: tensor, dispose: once(() => api.releaseTensor(tensor)) };
      },
      dispose: once(() => api.releaseAllocator(allocator)),
    };
  } finally {
    api.releaseMemory(memory);
  }
}

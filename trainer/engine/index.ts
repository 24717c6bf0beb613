import { availableParallelism } from 'node:os';
import { nativeLibrary } from './native-library';
import type { Device, Engine, EngineName, EngineOptions } from './types';

export type * from './types';
export { probeDevice, probeEngines, type EngineReport } from './probe';
export { DeviceError, type Fault } from './device-error';
export { probeTensorflow, type TensorflowReport } from './tensorflow/probe';
export { MANIFEST, type InstallManifest } from './tensorflow/package';

const devices: Record<EngineName, readonly Device[]> = {
  onnx: ['cpu', 'wasm', 'webgpu'],
  tensorflow: ['cpu', 'cuda'],
  reference: ['cpu'],
};

/**
 * Makes an engine. Only what it needs is loaded: ONNX Runtime for `onnx` (the default), TensorFlow's library from `folder`
 * for `tensorflow`, tfjs's plain JavaScript backend for `reference`.
 */
export async function createEngine(options: EngineOptions = {}): Promise<Engine> {
  const { engine = 'onnx', device = 'cpu', threads, kernels, gpu, folder } = options;
  if (!devices[engine].includes(device)) {
    throw new Error(`the ${engine} engine runs on ${devices[engine].join(' or ')}, not on ${device}`);
  }
  switch (engine) {
    case 'reference':
      return (await import('./reference')).createReferenceEngine();
    case 'tensorflow':
      if (folder === undefined) throw new Error('the tensorflow engine needs the folder where it is installed');
      return (await import('./tensorflow')).createTensorflowEngine(folder, device === 'cuda' ? 'cuda' : 'cpu');
    case 'onnx':
      if (device === 'webgpu') return (await import('./onnx-webgpu')).createWebGpuEngine(gpu);
      return await onCpu(device === 'wasm' ? 'wasm' : 'cpu', threads, kernels);
  }
}

async function onCpu(device: 'cpu' | 'wasm', threads = availableParallelism(), kernels = true): Promise<Engine> {
  const { createCpuEngine } = await import('./onnx-cpu');
  if (device === 'wasm') return createCpuEngine(device, await (await import('./wasm')).wasmRuntime(threads));
  nativeLibrary(); // Or says that there is none, before what loads libraries fails in words of its own.
  return createCpuEngine(device, (await import('./native')).nativeRuntime(threads, kernels));
}

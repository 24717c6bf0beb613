import type { Engine, EngineOptions } from './types';

export type * from './types';
export { probeDevice, probeEngines, type EngineReport } from './probe';

/**
 * Makes an engine. Only what it needs is loaded: ONNX Runtime for `onnx` (the default),
 * tfjs's plain JavaScript backend for `reference`.
 */
export async function createEngine({ engine = 'onnx', device = 'cpu', threads }: EngineOptions = {}): Promise<Engine> {
  if (engine === 'reference') {
    if (device !== 'cpu') throw new Error(`the reference engine runs on the cpu, not on ${device}`);
    const { createReferenceEngine } = await import('./reference');
    return createReferenceEngine();
  }
  if (device === 'cpu') return (await import('./onnx-cpu')).createCpuEngine(threads);
  return (await import('./onnx-webgpu')).createWebGpuEngine();
}

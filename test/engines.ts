/** The engines that tests are run on. TensorFlow is among them where TESSERA_ENGINES names a folder in which it is installed. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createEngine } from '../trainer/engine/index';
import type { Engine, EngineName, EngineOptions } from '../trainer/engine/types';

const folder = process.env.TESSERA_ENGINES && join(process.env.TESSERA_ENGINES, 'tensorflow');

/** Where the tensorflow engine is, if it is to be tested. */
export const tensorflowFolder = folder !== undefined && existsSync(folder) ? folder : undefined;
if (tensorflowFolder === undefined) {
  console.warn('SKIPPED: the tensorflow engine, because TESSERA_ENGINES names no folder in which it is installed');
}

/** `wasm` is the onnx engine without its native library, `onnx-plain` the one without its own kernels. */
export type TestedEngine = EngineName | 'wasm' | 'onnx-plain';

/** Those that people train with, on the CPU; `reference` is what they are held against. */
export const enginesUnderTest: readonly ('onnx' | 'tensorflow')[] = tensorflowFolder
  ? ['onnx', 'tensorflow']
  : ['onnx'];

/** And what else runs steps on it, where it runs the same ones. */
export const runtimesUnderTest = [...enginesUnderTest, 'wasm'] as const;

/** On the CPU, so that results are the same on every machine. */
export function testEngine(name: TestedEngine, options: EngineOptions = {}): Promise<Engine> {
  if (name === 'wasm') return createEngine({ device: 'wasm', ...options });
  if (name === 'onnx-plain') return createEngine({ engine: 'onnx', device: 'cpu', kernels: false, ...options });
  return createEngine({ engine: name, device: 'cpu', folder: tensorflowFolder, ...options });
}

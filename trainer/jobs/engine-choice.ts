/** Which engine a run gets. */
import { matMul, type Tensor2D } from '@tensorflow/tfjs-core';
import type { ExperimentConfig } from '../../protocol/config';
import { createEngine, DeviceError, probeDevice, probeTensorflow } from '../engine/index';
import type { Engine, EngineOptions, Precision } from '../engine/types';
import { tensorflowFolder } from './engines-folder';
import { describeUnusableGpu } from './gpu-failure';
import { graphCache } from './cached-graphs';

export interface ChosenEngine {
  readonly engine: Engine;
  /** Set when `auto` found something that should work and does not. */
  readonly fallback?: string;
}

type Asked = Pick<ExperimentConfig, 'engine' | 'device'> & {
  readonly pretrain?: Pick<ExperimentConfig['pretrain'], 'precision'>;
};

/**
 * The engine that the config asks for; `auto` takes a real GPU when one works, through CUDA before WebGPU, and the CPU
 * otherwise, on WebAssembly where ONNX Runtime's native library does not work. Throws, naming the field and the fix, when what was asked for by name does not work here.
 */
export async function chooseEngine({ engine, device, pretrain }: Asked): Promise<ChosenEngine> {
  if (engine === 'reference') return { engine: await createEngine({ engine }) };
  if (engine === 'tensorflow') return { engine: await tensorflow(device) };
  const precision = pretrain?.precision ?? 'float32';
  if (device === 'webgpu') return { engine: await asked('"device" is "webgpu"', webgpu(), undefined, precision) };
  if (device === 'wasm') return { engine: await asked('"device" is "wasm"', { device }) };
  if (device === 'cpu') return { engine: await asked('"device" is "cpu"', { device }, 'Say "wasm" or "auto".') };
  // Others have no mixed precision.
  if (engine === 'onnx' || precision === 'mixed') return await onnx(precision);

  const found = await probeTensorflow(tensorflowFolder());
  if (device === 'cuda') {
    if (found.hasCuda) return { engine: await cuda() };
    throw new Error(`"device" is "cuda", which does not work here: ${reasonOf(found)} Say "cpu" or "auto".`);
  }
  let broken = found.state === 'broken' ? `The tensorflow engine is installed, but ${reasonOf(found)}` : undefined;
  if (found.hasCuda) {
    try {
      return { engine: await working({ engine: 'tensorflow', device: 'cuda', folder: tensorflowFolder() }) };
    } catch (error) {
      broken = `There is a GPU (${found.cuda}), but TensorFlow does not work on it: ${(error as Error).message}`;
    }
  }
  const { engine: other, fallback } = await onnx();
  return { engine: other, fallback: joined(broken, fallback) };
}

/** Of several GPUs the one that the user's setting asks for. */
export const chosenGpu = (): string | undefined => process.env.TESSERA_GPU || undefined;

const webgpu = (): EngineOptions => ({ device: 'webgpu', gpu: chosenGpu() });

/** On WebGPU if that works, else on the CPU. */
async function onnx(precision: Precision = 'float32'): Promise<ChosenEngine> {
  const gpu = await probeDevice('webgpu');
  if (!gpu.available) return await cpu(gpu.isBroken ? `WebGPU does not work here: ${sentence(gpu.detail)}` : undefined);
  try {
    return { engine: await working(webgpu(), precision) };
  } catch (error) {
    return await cpu(`There is a GPU (${gpu.detail}), but it does not work: ${(error as Error).message}`);
  }
}

/** On the native library if that works, else on WebAssembly. */
async function cpu(fallback?: string): Promise<ChosenEngine> {
  try {
    return { engine: await working({ device: 'cpu' }), fallback };
  } catch (error) {
    const why = `ONNX Runtime's native library does not work here, so WebAssembly runs, several times slower: ${(error as Error).message}`;
    return { engine: await wasm(why), fallback: joined(fallback, why) };
  }
}

/** The last resort, for which `why` says what else there is not. */
async function wasm(why: string): Promise<Engine> {
  try {
    return await working({ device: 'wasm' });
  } catch (error) {
    const message = `The onnx engine does not work here. ${why} WebAssembly does not either: ${(error as Error).message} "tessera doctor" says more.`;
    throw new Error(message, { cause: error });
  }
}

/** By name: on CUDA if that works or is asked for, else on the CPU. */
async function tensorflow(device: Asked['device']): Promise<Engine> {
  const found = await probeTensorflow(tensorflowFolder());
  if (found.state !== 'works') {
    throw new Error(`"engine" is "tensorflow", but ${reasonOf(found)} Or say "onnx" or "auto".`);
  }
  if (device === 'cuda' && !found.hasCuda) {
    throw new Error(`"device" is "cuda", which does not work here: ${sentence(found.cuda)} Say "cpu" or "auto".`);
  }
  if (device !== 'cpu' && found.hasCuda) return await cuda();
  const options: EngineOptions = { engine: 'tensorflow', device: 'cpu', folder: tensorflowFolder() };
  return await asked('"engine" is "tensorflow"', options, 'Say "onnx" or "auto".');
}

const cuda = () => asked('"device" is "cuda"', { engine: 'tensorflow', device: 'cuda', folder: tensorflowFolder() });

/** Why TensorFlow cannot be used, with the fix. */
function reasonOf({ state, detail, cuda }: Awaited<ReturnType<typeof probeTensorflow>>): string {
  const command = 'tessera engines install tensorflow';
  if (state === 'absent')
    return `it is not installed. Install it: ${command}, or "Tessera: Install TensorFlow Engine...".`;
  if (state === 'broken') return `it does not work: ${sentence(detail)} Install it again: ${command}.`;
  return sentence(cuda);
}

/** What somebody asked for by name, as in `"device" is "webgpu"`. */
async function asked(
  what: string,
  options: EngineOptions,
  instead = 'Say "cpu" or "auto".',
  precision: Precision = 'float32',
): Promise<Engine> {
  try {
    return await working(options, precision);
  } catch (error) {
    const message = `${what}, which does not work here: ${(error as Error).message} ${instead}`;
    throw new Error(message, { cause: error });
  }
}

/** An engine that has compiled and run a step in the precision that is wanted. Throws with the reason when it cannot. */
async function working(options: EngineOptions, precision: Precision = 'float32'): Promise<Engine> {
  const one = { shape: [1, 1], dtype: 'float32' } as const;
  try {
    const engine = await createEngine(options);
    const program = await engine.compile(
      ({ w }, { x }) => ({ outputs: { product: matMul(x as Tensor2D, w as Tensor2D) } }),
      { state: { w: one }, inputs: { x: one }, precision, cache: graphCache('two times two') },
    );
    const state = engine.upload({ w: { ...one, data: Float32Array.of(2) } });
    const { product } = await program.run(state, { x: Float32Array.of(2) });
    program.dispose();
    state.dispose();
    if (product!.data[0] !== 4) throw new Error(`${engine.description} computes 2 x 2 = ${product!.data[0]}.`);
    return engine;
  } catch (error) {
    const reason = error instanceof DeviceError ? describeUnusableGpu(error) : sentence((error as Error).message);
    throw new Error(reason, { cause: error });
  }
}

const joined = (...reasons: readonly (string | undefined)[]) =>
  reasons.filter((why) => why !== undefined).join(' ') || undefined;

function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

/** Which engine a run gets. */
import { add } from '@tensorflow/tfjs-core';
import type { ExperimentConfig } from '../../protocol/config';
import { createEngine, probeDevice } from '../engine/index';
import type { Device, Engine, EngineName } from '../engine/types';

export interface ChosenEngine {
  readonly engine: Engine;
  /** Set when `auto` found a GPU that then would not work. */
  readonly fallback?: string;
}

/**
 * The engine that the config asks for; `auto` takes a real GPU when one works, and the CPU otherwise. Throws, naming
 * the field and the fix, when a device was asked for by name that does not work here.
 */
export async function chooseEngine({ engine, device }: ExperimentConfig): Promise<ChosenEngine> {
  const name = engine === 'auto' ? 'onnx' : engine;
  if (device === 'webgpu') {
    return {
      engine: await workingEngine(name, device).catch((error: Error) => {
        const message = `"device" is "webgpu", which does not work here: ${error.message} Say "cpu" or "auto".`;
        throw new Error(message, { cause: error });
      }),
    };
  }
  const cpu = () => createEngine({ engine: name, device: 'cpu' });
  if (device === 'cpu' || name === 'reference') return { engine: await cpu() };
  const gpu = await probeDevice('webgpu');
  if (!gpu.available) return { engine: await cpu() };
  try {
    return { engine: await workingEngine(name, 'webgpu') };
  } catch (error) {
    return {
      engine: await cpu(),
      fallback: `There is a GPU (${gpu.detail}), but it does not work: ${(error as Error).message}`,
    };
  }
}

/** An engine that has compiled and run a step. Throws with the reason when it cannot. */
async function workingEngine(name: EngineName, device: Device): Promise<Engine> {
  try {
    const engine = await createEngine({ engine: name, device });
    const program = await engine.compile((_, { x }) => ({ outputs: { sum: add(x!, x!) } }), {
      state: {},
      inputs: { x: { shape: [1], dtype: 'float32' } },
    });
    const state = engine.upload({});
    const { sum } = await program.run(state, { x: Float32Array.of(2) });
    program.dispose();
    state.dispose();
    if (sum!.data[0] !== 4) throw new Error(`${engine.description} computes 2 + 2 = ${sum!.data[0]}.`);
    return engine;
  } catch (error) {
    // ONNX Runtime puts its source line first: "/onnxruntime_src/... was false. Failed to get a WebGPU adapter: ..."
    const reason = (error as Error).message.split(' was false. ').at(-1)!.trim();
    throw new Error(/[.!]$/.test(reason) ? reason : `${reason}.`, { cause: error });
  }
}

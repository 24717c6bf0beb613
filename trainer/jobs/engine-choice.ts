/** Which engine a run gets. */
import { add } from '@tensorflow/tfjs-core';
import type { ExperimentConfig } from '../../protocol/config';
import { createEngine } from '../engine/index';
import type { Device, Engine, EngineName } from '../engine/types';

/**
 * The engine that the config asks for; `auto` is the compiled engine on the CPU. Throws, naming the field and
 * the fix, when a device was asked for that does not work here.
 */
export async function chooseEngine({ engine, device }: ExperimentConfig): Promise<Engine> {
  const name = engine === 'auto' ? 'onnx' : engine;
  if (device !== 'webgpu') return await createEngine({ engine: name, device: 'cpu' });
  try {
    return await workingEngine(name, device);
  } catch (error) {
    throw new Error(
      `"device" is "webgpu", which does not work here: ${(error as Error).message} Say "cpu" or "auto".`,
      {
        cause: error,
      },
    );
  }
}

/** An engine that has compiled and run a step. Throws with the reason when it cannot. */
export async function workingEngine(name: EngineName, device: Device): Promise<Engine> {
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

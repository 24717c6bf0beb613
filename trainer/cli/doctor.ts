/** What this machine has, what it has not, and why. */
import { add } from '@tensorflow/tfjs-core';
import { availableParallelism, totalmem } from 'node:os';
import { formatBytes } from '../../protocol/format';
import { createEngine } from '../engine/index';
import type { EngineOptions } from '../engine/types';
import { packageVersion, versions } from '../jobs/versions';

export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** Training works without it. */
  readonly optional?: boolean;
}

export async function examine(): Promise<Finding[]> {
  const { tessera, node, platform } = versions();
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const engines = await Promise.all([
    tryEngine({ engine: 'onnx', device: 'cpu' }),
    tryEngine({ engine: 'reference', device: 'cpu' }),
  ]);
  return [
    { name: 'tessera', ok: true, detail: tessera! },
    { name: 'node', ok: major > 20 || (major === 20 && minor >= 9), detail: `${node}, needs 20.9 or newer` },
    {
      name: 'machine',
      ok: true,
      detail: `${platform}, ${availableParallelism()} cores, ${formatBytes(totalmem())} memory`,
    },
    await sharpFinding(),
    ...engines,
    tensorflowFinding(),
  ];
}

/** An engine is there when a step compiles and gives the right number. */
async function tryEngine(options: Required<Pick<EngineOptions, 'engine' | 'device'>>): Promise<Finding> {
  const name = `engine ${options.engine}, ${options.device}`;
  const optional = options.device !== 'cpu';
  try {
    const engine = await createEngine(options);
    const two = { shape: [], dtype: 'float32' } as const;
    const program = await engine.compile((_, { x }) => ({ outputs: { sum: add(x!, x!) } }), {
      state: {},
      inputs: { x: two },
    });
    const state = engine.upload({});
    const { sum } = await program.run(state, { x: Float32Array.of(2) });
    const ok = sum!.data[0] === 4;
    for (const part of [program, state, engine]) part.dispose();
    return {
      name,
      ok,
      optional,
      detail: ok ? engine.description : `${engine.description} computes 2 + 2 = ${sum!.data[0]}`,
    };
  } catch (error) {
    return { name, ok: false, optional, detail: (error as Error).message };
  }
}

async function sharpFinding(): Promise<Finding> {
  try {
    const { default: sharp } = await import('sharp');
    return { name: 'images', ok: true, detail: `sharp ${packageVersion('sharp')}, libvips ${sharp.versions.vips}` };
  } catch (error) {
    return { name: 'images', ok: false, detail: `sharp cannot be loaded: ${(error as Error).message.split('\n')[0]}` };
  }
}

/** The CUDA engine needs this optional package; the engine itself comes in a later version. */
function tensorflowFinding(): Finding {
  const version = packageVersion('@tensorflow/tfjs-node-gpu');
  const found = version !== 'not installed';
  const detail = found
    ? `@tensorflow/tfjs-node-gpu ${version} is installed, but this version of Tessera has no engine for it yet`
    : 'the optional @tensorflow/tfjs-node-gpu is not installed; this version of Tessera has no engine for it yet';
  return { name: 'engine tensorflow, cuda', ok: false, optional: true, detail };
}

/** What this machine has, what it has not, and why. */
import { availableParallelism, totalmem } from 'node:os';
import { formatBytes } from '../../protocol/format';
import type { Device, EngineName } from '../engine/types';
import { workingEngine } from '../jobs/engine-choice';
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
  const engines = [
    await engineFinding('onnx', 'cpu'),
    await engineFinding('onnx', 'webgpu'),
    await engineFinding('reference', 'cpu'),
  ];
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

async function engineFinding(engine: EngineName, device: Device): Promise<Finding> {
  const name = `engine ${engine}, ${device}`;
  const optional = device !== 'cpu';
  try {
    const working = await workingEngine(engine, device);
    working.dispose();
    return { name, ok: true, optional, detail: working.description };
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

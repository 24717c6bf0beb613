/** What this machine has, what it has not, and why. */
import { availableParallelism, totalmem } from 'node:os';
import { formatBytes } from '../../protocol/format';
import { probeEngines } from '../engine/index';
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
  const engines = await probeEngines();
  return [
    { name: 'tessera', ok: true, detail: tessera! },
    { name: 'node', ok: major > 20 || (major === 20 && minor >= 9), detail: `${node}, needs 20.9 or newer` },
    {
      name: 'machine',
      ok: true,
      detail: `${platform}, ${availableParallelism()} cores, ${formatBytes(totalmem())} memory`,
    },
    await sharpFinding(),
    ...engines.map(({ name, device, available, detail }) => ({
      name: `engine ${name}, ${device}`,
      ok: available,
      detail,
      optional: device !== 'cpu',
    })),
    tensorflowFinding(),
  ];
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

/** What this machine has, what it has not, and why. */
import { availableParallelism, totalmem } from 'node:os';
import { formatBytes } from '../../protocol/format';
import { probeEngines, type EngineReport } from '../engine/index';
import { tensorflowFolder } from '../jobs/engines-folder';
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
  const engines = await probeEngines(tensorflowFolder());
  return [
    { name: 'tessera', ok: true, detail: tessera! },
    { name: 'node', ok: major > 20 || (major === 20 && minor >= 9), detail: `${node}, needs 20.9 or newer` },
    {
      name: 'machine',
      ok: true,
      detail: `${platform}, ${availableParallelism()} cores, ${formatBytes(totalmem())} memory`,
    },
    await sharpFinding(),
    ...engines.map((engine) => engineFinding(engine, engines)),
  ];
}

/** What runs everywhere: onnx on the CPU, natively or on WebAssembly. */
const isBase = ({ name, device }: EngineReport) => name === 'onnx' && device !== 'webgpu';

/** `all`: of two bases one has to work. */
export function engineFinding(report: EngineReport, all: readonly EngineReport[]): Finding {
  const { name, device, available, detail } = report;
  const optional = !isBase(report) || all.some((other) => isBase(other) && other.available);
  const fix = name === 'tensorflow' && device === 'cpu' && !available ? '; tessera engines install tensorflow' : '';
  return { name: `engine ${name}, ${device}`, ok: available, detail: `${detail}${fix}`, optional };
}

async function sharpFinding(): Promise<Finding> {
  try {
    const { default: sharp } = await import('sharp');
    return { name: 'images', ok: true, detail: `sharp ${packageVersion('sharp')}, libvips ${sharp.versions.vips}` };
  } catch (error) {
    return { name: 'images', ok: false, detail: `sharp cannot be loaded: ${(error as Error).message.split('\n')[0]}` };
  }
}

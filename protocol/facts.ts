/** What a run trained, on what and for how long: its config in a few facts. */
import type { RunManifest } from './events';

/** Of a config that is not understood only what is. */
export interface RunFacts {
  readonly method: string;
  /** "vit, patch 4, width 64, depth 4"; "resnet18, width 64" */
  readonly backbone: string;
  /** "builtin:shapes, 32 px" */
  readonly data: string;
  readonly batchSize?: number;
  readonly seed?: number;
}

export function factsOf({ config }: Pick<RunManifest, 'config'>): RunFacts {
  const { pretrain, data, seed } = parts(config);
  const { method, backbone, batchSize } = parts(pretrain);
  const { type, patchSize, width, depth } = parts(backbone);
  const { source, imageSize } = parts(data);
  const named = (name: string, value: unknown) => (typeof value === 'number' ? [`${name} ${value}`] : []);
  return {
    method: word(method),
    backbone: [word(type), ...named('patch', patchSize), ...named('width', width), ...named('depth', depth)].join(', '),
    data: [word(source), ...(typeof imageSize === 'number' ? [`${imageSize} px`] : [])].join(', '),
    ...(typeof batchSize === 'number' && { batchSize }),
    ...(typeof seed === 'number' && { seed }),
  };
}

const parts = (value: unknown) => (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
const word = (value: unknown) => (typeof value === 'string' ? value : 'unknown');

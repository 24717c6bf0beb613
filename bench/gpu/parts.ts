/** What there is to do on a GPU machine, as parts that each run in a process of their own. */
import type { Precision } from '../../trainer/engine/types';
import { opGroups } from '../../test/ops/cases';
import { configs } from '../step';

export interface Model {
  readonly name: string;
  /** The script in bench/peers that does the same in PyTorch. */
  readonly peer: string;
  readonly batches: readonly number[];
  readonly config: Readonly<Record<string, unknown>> & { readonly imageSize: number };
}

type EngineDevice = 'webgpu' | 'cpu';

/** fp32 is PyTorch's default, whose products are of float32; tf32 and bf16 are what a GPU of NVIDIA's has besides. */
export type TorchPrecision = 'fp32' | 'tf32' | 'bf16';

export interface OpsPart {
  readonly kind: 'ops';
  readonly device: EngineDevice;
  readonly group: string;
  readonly draws: number;
}
interface Measured {
  readonly model: Model;
  readonly batch: number;
  /** Of measuring, in seconds. */
  readonly patience: number;
}
export interface StepPart extends Measured {
  readonly kind: 'step';
  readonly device: EngineDevice;
  readonly precision: Precision;
}
export interface TorchPart extends Measured {
  readonly kind: 'torch';
  readonly device: TorchDevice;
  readonly precision: TorchPrecision;
  readonly compile: boolean;
}
export type Part = { readonly kind: 'adapters' } | OpsPart | StepPart | TorchPart;
export type TorchDevice = 'cuda' | 'cpu';

const adamw = { type: 'adamw', betas: [0.9, 0.95], weightDecay: 0.05 };

/** At 224 px with the decoder of He et al. 2022, by the width and heads of the encoder. */
const mae224 = (name: string, width: number, heads: number, batches: readonly number[]): Model => ({
  name: `MAE ${name}/16, 224 px`,
  peer: 'mae_torch.py',
  batches,
  config: {
    imageSize: 224,
    optimizer: adamw,
    backbone: { type: 'vit', patchSize: 16, width, depth: 12, heads },
    decoder: { width: 512, depth: 8, heads: 16 },
  },
});
const large = [mae224('ViT-S', 384, 6, [32, 64, 128, 256]), mae224('ViT-B', 768, 12, [32, 64, 128])];
const small = configs.map(({ name, peer, config: { batch, ...config } }): Model => {
  return { name: name.replace(/, batch \d+$/, ''), peer, batches: [batch], config };
});
const tiny: Model = {
  name: 'MAE tiny, 16 px',
  peer: 'mae_torch.py',
  batches: [4, 8],
  config: {
    imageSize: 16,
    optimizer: adamw,
    backbone: { type: 'vit', patchSize: 4, width: 32, depth: 1, heads: 2 },
    decoder: { width: 32, depth: 1, heads: 2 },
  },
};

/** Each engine on the same model and batch in turn, the CPU only where it is no matter of minutes. */
export function plan(quick: boolean, torch: TorchDevice | undefined): Part[] {
  const ops = (device: EngineDevice) =>
    opGroups.map(({ name }): Part => ({ kind: 'ops', device, group: name, draws: quick ? 1 : 12 }));
  const patience = quick ? 0.5 : 5;
  const steps = (models: readonly Model[], withCpu: boolean): Part[] =>
    models.flatMap((model) =>
      model.batches.flatMap((batch): Part[] => {
        const step = { kind: 'step', model, batch, patience } as const;
        return [
          { ...step, device: 'webgpu', precision: 'float32' },
          { ...step, device: 'webgpu', precision: 'mixed' },
          ...(withCpu ? [{ ...step, device: 'cpu', precision: 'float32' } as const] : []),
          ...torches({ model, batch, patience }, withCpu),
        ];
      }),
    );
  const torches = (measured: Measured, isSmall: boolean): Part[] => {
    const part = { kind: 'torch', ...measured } as const;
    if (torch === 'cuda') {
      return ([false, true] as const).flatMap((compile) =>
        (['fp32', 'tf32', 'bf16'] as const).map((precision) => ({ ...part, device: torch, precision, compile })),
      );
    }
    return torch && isSmall ? [{ ...part, device: torch, precision: 'fp32', compile: false }] : [];
  };
  return [
    { kind: 'adapters' },
    ...ops('webgpu'),
    ...(quick ? steps([tiny], true) : [...steps(large, false), ...steps(small, true)]),
    ...ops('cpu'),
  ];
}

/** What a part is called in the file, and found by when a run goes on. */
export function idOf(part: Part): string {
  switch (part.kind) {
    case 'adapters':
      return 'adapters';
    case 'ops':
      return `ops ${part.device}: ${part.group}`;
    case 'step':
    case 'torch':
      return `${ladderOf(part)}, batch ${part.batch}`;
  }
}

/** Of parts that differ in their batch alone. */
export function ladderOf(part: StepPart | TorchPart): string {
  const how = part.kind === 'torch' && part.compile ? ', compiled' : '';
  return `${part.kind} ${part.device} ${part.precision}${how}: ${part.model.name}`;
}

/** Seconds after which a part is ended: a driver may hang, and a compiler take its time. */
export function limitOf(part: Part): number {
  if (part.kind === 'adapters') return 60;
  if (part.kind === 'ops') return 180;
  return part.kind === 'torch' && part.compile ? 300 : 180;
}

/** The machine that was measured, as far as it can be asked without loading a driver. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import type { TorchDevice } from './parts';

export interface Facts {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  /** As nvidia-smi says it: name, driver, memory, clocks, power limit of each GPU. */
  readonly gpus: string;
  /** NVIDIA's libraries of graphics, without which there is no Vulkan on a GPU that has CUDA. */
  readonly nvidiaLibraries: readonly string[];
  readonly torch: TorchFacts | string;
}

export interface TorchFacts {
  readonly version: string;
  readonly cuda: string | null;
  readonly device: TorchDevice;
  readonly gpu: string | null;
}

const torchProgram = `
import json, torch
there = torch.cuda.is_available()
print(json.dumps({"version": torch.__version__, "cuda": torch.version.cuda, "device": "cuda" if there else "cpu",
  "gpu": torch.cuda.get_device_name(0) if there else None}))`;

const folder = '/usr/lib/x86_64-linux-gnu';

/** Milliseconds for a program that says something of the machine; PyTorch's first import from a cold disk takes most. */
const PATIENCE = 120_000;

export function facts(env: NodeJS.ProcessEnv): Facts {
  const said = (command: string, args: readonly string[]) =>
    execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe', env, timeout: PATIENCE }).trim();
  const query = 'name,driver_version,memory.total,clocks.max.sm,power.limit,compute_mode';
  return {
    cpu: cpus()[0]?.model.trim() ?? process.arch,
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    node: process.version,
    gpus: orWhyNot(() => said('nvidia-smi', [`--query-gpu=${query}`, '--format=csv,noheader'])),
    nvidiaLibraries: existsSync(folder)
      ? readdirSync(folder).filter((file) => /nvidia.*(glcore|glvkspirv|eglcore)|_nvidia\.so\.0/.test(file))
      : [],
    torch: orWhyNot(() => JSON.parse(said('python3', ['-c', torchProgram])) as TorchFacts),
  };
}

function orWhyNot<T>(ask: () => T): T | string {
  try {
    return ask();
  } catch (error) {
    return `none: ${(error as Error).message.trim().split('\n').at(-1)}`;
  }
}

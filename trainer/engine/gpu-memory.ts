import { bytesOf } from './cost';
import { lifetimes } from './lifetimes';
import { stepGraph } from './model';
import type { ProgramSpec, Specs, Step } from './types';

/** Bytes of the buffers that ONNX Runtime's WebGPU provider makes, of which each has the least that holds its tensor; larger ones fit. */
const BUCKETS = [
  64, 128, 256, 512, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576, 2097152, 4194304, 8388608,
  12582912, 16777216, 26214400, 33554432, 44236800, 58982400, 67108864, 89478400, 134217728, 167772160,
];
/** Kernels that it hands to the GPU together. A buffer that one of them is done with is for others only after that. */
const BATCH = 16;

const bucketOf = (bytes: number) => BUCKETS.find((bucket) => bucket >= bytes) ?? bytes;

/**
 * Bytes of a GPU's memory that training by a step takes through WebGPU, an estimate: state, of which a step reads one half and
 * writes the other; inputs, here and where they come across; and results, in buffers that are kept for later ones of their size.
 */
export function gpuMemory(step: Step, spec: ProgramSpec): number {
  const { graph } = stepGraph(step, spec, 'webgpu');
  const returned = new Set(graph.outputs.map(({ name }) => name));
  const free = new Map<number, number>();
  let waiting: number[] = [];
  let bytes = 0;
  lifetimes(graph).forEach(({ made, done }, i) => {
    for (const value of made) {
      if (returned.has(value.name)) continue;
      const bucket = bucketOf(bytesOf(value));
      const there = free.get(bucket) ?? 0;
      if (there > 0) free.set(bucket, there - 1);
      else bytes += bucket;
    }
    waiting.push(...done.map((value) => bucketOf(bytesOf(value))));
    if (i % BATCH < BATCH - 1) return;
    for (const bucket of waiting) free.set(bucket, (free.get(bucket) ?? 0) + 1);
    waiting = [];
  });
  const given = bytesOfAll(spec.state) + bytesOfAll(spec.inputs);
  return bytes + 2 * given + graph.constants.reduce((sum, constant) => sum + bytesOf(constant), 0);
}

const bytesOfAll = (specs: Specs) => Object.values(specs).reduce((sum, spec) => sum + bytesOf(spec), 0);

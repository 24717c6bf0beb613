/** Saying that a model is too large before the system ends the process without a word. */
import { totalmem } from 'node:os';
import type { ExperimentConfig } from '../../protocol/config';
import { formatBytes } from '../../protocol/format';
import { DeviceError } from '../engine/index';
import { describeGpuFailure } from './gpu-failure';

/**
 * Bytes that training surely holds at once: weights, gradients and two moments, and what the backward pass
 * needs of each block (hidden layer, four widths of tokens; attention's weights where the engine has no kernel of its own for
 * it), or of one block, where they are computed again. What is really needed is more. Of a ResNet nothing is foretold.
 */
export function leastMemory({ device, data, pretrain }: ExperimentConfig): number {
  const { backbone, batchSize, gradientCheckpointing } = pretrain;
  if (backbone.type !== 'vit') return 0;
  const patches = (data.imageSize / backbone.patchSize) ** 2;
  const holdsAttention = device === 'wasm' || device === 'webgpu';
  const side = (tokens: number, width: number, depth: number, heads: number, mlpRatio: number) => ({
    parameters: depth * width * width * (4 + 2 * mlpRatio),
    activations:
      (gradientCheckpointing ? 1 : depth) *
      batchSize *
      tokens *
      (width * (mlpRatio + 4) + (holdsAttention ? heads * tokens : 0)),
  });
  const seen = pretrain.method === 'mae' ? patches * (1 - pretrain.maskRatio) : patches;
  const parts = [side(seen, backbone.width, backbone.depth, backbone.heads, backbone.mlpRatio)];
  if ('decoder' in pretrain) {
    const { width, depth, heads } = pretrain.decoder;
    parts.push(side(patches, width, depth, heads, 4));
  }
  const values = parts.reduce((sum, { parameters, activations }) => sum + 4 * parameters + activations, 0);
  return values * Float32Array.BYTES_PER_ELEMENT;
}

/** Of WebAssembly, whose addresses have 32 bits. */
const WASM_BYTES = 2 ** 32;

/** Bytes of the machine, or of the container, that a run on a device can use. */
export function memoryLimit(device: ExperimentConfig['device']): number {
  const limit = process.constrainedMemory();
  return Math.min(totalmem(), limit > 0 ? limit : Infinity, device === 'wasm' ? WASM_BYTES : Infinity);
}

/** Throws when the machine, or the container's limit, is surely too small. */
export function checkMemory(config: ExperimentConfig): void {
  const memory = memoryLimit(config.device);
  const needed = leastMemory(config);
  if (needed > memory)
    throw new Error(`${tooLarge} It needs at least ${formatBytes(needed)}; there are ${formatBytes(memory)}.`);
}

const tooLarge =
  'The model does not fit into memory: lower pretrain.batchSize, pretrain.backbone.width or pretrain.backbone.depth.';

/** The words of V8, Node and ONNX Runtime for an allocation that failed. */
const allocation =
  /array buffer allocation failed|invalid typed array length|bad_?alloc|failed to allocate|out of memory/i;

/** An error in words for people. */
export function describeFailure(error: unknown): string {
  if (error instanceof DeviceError) return describeGpuFailure(error);
  const message = error instanceof Error ? error.message : String(error);
  return allocation.test(message) ? `${tooLarge} (${message})` : message;
}

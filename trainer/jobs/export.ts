/**
 * The encoder as PyTorch users load it: safetensors with the parameter names of timm's VisionTransformer, or of
 * torchvision's ResNet (docs/export.md). Linear weights become [out, in], the patch projection a convolution's [out, channel, row, column].
 */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { BackboneConfig, ExperimentConfig } from '../../protocol/config';
import type { HostTensor, HostTensors } from '../engine/types';
import { sinCosPositions } from '../nn/positions';
import { torchvisionTensors } from './export-resnet';
import { keepSafetensors } from './safetensors';

const CHANNELS = 3;

export interface ExportFacts {
  readonly config: ExperimentConfig;
  readonly runId: string;
  readonly step: number;
  readonly normalization: { readonly mean: readonly number[]; readonly std: readonly number[] };
}

/** Writes the encoder out of a checkpoint's parameters, with what is needed to build and feed the model. Returns how many tensors. */
export async function exportEncoder(file: string, params: HostTensors, facts: ExportFacts): Promise<number> {
  const { data, pretrain } = facts.config;
  const { model, tensors } = asPublished(params, pretrain.backbone, data.imageSize);
  const metadata = {
    format: 'pt',
    model: JSON.stringify(model),
    mean: JSON.stringify(facts.normalization.mean),
    std: JSON.stringify(facts.normalization.std),
    run: facts.runId,
    step: String(facts.step),
  };
  await mkdir(dirname(file), { recursive: true });
  await keepSafetensors(file, tensors, metadata);
  return Object.keys(tensors).length;
}

/** The tensors as a library of PyTorch has them, and what builds its model. */
function asPublished(params: HostTensors, backbone: BackboneConfig, imageSize: number) {
  if (backbone.type !== 'vit') {
    const { type, stem, width } = backbone;
    return { model: { architecture: type, stem, width }, tensors: torchvisionTensors(params) };
  }
  const { patchSize, width, depth, heads, mlpRatio } = backbone;
  const model = {
    img_size: imageSize,
    patch_size: patchSize,
    embed_dim: width,
    depth,
    num_heads: heads,
    mlp_ratio: mlpRatio,
    class_token: false,
    global_pool: 'avg',
    fc_norm: false,
    num_classes: 0,
  };
  return { model, tensors: timmTensors(params, imageSize / patchSize, patchSize) };
}

/** Parameters under `encoder.` by timm's names; the fixed positions become `pos_embed` [1, patches, width]. */
export function timmTensors(params: HostTensors, side: number, patchSize: number): HostTensors {
  const renamed = Object.entries(params)
    .filter(([name]) => name.startsWith('encoder.'))
    .map(([name, tensor]): [string, HostTensor] => {
      const value = name === 'encoder.patch.kernel' ? convolution(tensor, patchSize) : transposedKernel(name, tensor);
      return [timmName(name), value];
    });
  const width = params['encoder.norm.scale']!.shape[0]!;
  const positions: HostTensor = {
    dtype: 'float32',
    shape: [1, side * side, width],
    data: sinCosPositions(side, width),
  };
  return Object.fromEntries([...renamed, ['pos_embed', positions]]);
}

function timmName(name: string): string {
  return name
    .replace(/^encoder\./, '')
    .replace(/^patch\./, 'patch_embed.proj.')
    .replace('.attention.out.', '.attn.proj.')
    .replace('.attention.', '.attn.')
    .replace('.mlp.up.', '.mlp.fc1.')
    .replace('.mlp.down.', '.mlp.fc2.')
    .replace(/\.(kernel|scale)$/, '.weight')
    .replace(/\.shift$/, '.bias');
}

/** [in, out] -> [out, in]; anything but a kernel stays as it is. */
function transposedKernel(name: string, tensor: HostTensor): HostTensor {
  if (!name.endsWith('.kernel')) return tensor;
  const [inputs, outputs] = tensor.shape as [number, number];
  const data = new Float32Array(tensor.data.length);
  for (let i = 0; i < inputs; i++)
    for (let o = 0; o < outputs; o++) data[o * inputs + i] = tensor.data[i * outputs + o]!;
  return { dtype: 'float32', shape: [outputs, inputs], data };
}

/** [row * column * channel, out] -> [out, channel, row, column]. */
function convolution(tensor: HostTensor, patchSize: number): HostTensor {
  const [inputs, outputs] = tensor.shape as [number, number];
  const data = new Float32Array(tensor.data.length);
  const pixels = patchSize * patchSize;
  for (let i = 0; i < inputs; i++) {
    const [pixel, channel] = [Math.floor(i / CHANNELS), i % CHANNELS];
    for (let o = 0; o < outputs; o++) data[(o * CHANNELS + channel) * pixels + pixel] = tensor.data[i * outputs + o]!;
  }
  return { dtype: 'float32', shape: [outputs, CHANNELS, patchSize, patchSize], data };
}

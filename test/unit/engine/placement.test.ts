/**
 * No node of a training step runs on the CPU, so none is copied to or from: each method's step makes a session that ONNX
 * Runtime refuses where a node would.
 */
import { describe, expect, it } from 'vitest';
import { PretrainConfig } from '../../../protocol/config';
import { modelBytes, stepGraph, type LoweredGraph } from '../../../trainer/engine/model';
import { createGpuSession } from '../../../trainer/engine/native-webgpu';
import { specsOf } from '../../../trainer/engine/shapes';
import type { Precision } from '../../../trainer/engine/types';
import { createMethod } from '../../../trainer/methods/index';
import { trainingProgram } from '../../../trainer/methods/training';
import { isOnDriver, onDriver } from '../../vulkan';

const precisions = ['float32', 'mixed'] as const;
const vit = { type: 'vit', patchSize: 8, width: 16, depth: 2, heads: 2 };
const resnet = { type: 'resnet18', width: 4 };
const decoder = { width: 16, depth: 1, heads: 2 };
const methods: Readonly<Record<string, object>> = {
  mae: { method: 'mae', backbone: vit, decoder },
  simclr: { method: 'simclr', backbone: vit },
  dino: { method: 'dino', backbone: vit, head: { hidden: 16, bottleneck: 8, prototypes: 16 } },
  'moco v2': { method: 'moco', version: 'v2', queue: 8, backbone: resnet },
  'moco v3': { method: 'moco', version: 'v3', backbone: vit },
  rotation: { method: 'rotation', backbone: resnet },
  jigsaw: { method: 'jigsaw', grid: 2, permutations: 24, backbone: resnet },
  inpainting: { method: 'inpainting', backbone: vit, decoder },
  colorization: { method: 'colorization', backbone: vit },
  'simclr by LARS': { method: 'simclr', backbone: resnet, optimizer: { type: 'lars', clipNorm: 1 } },
};

if (!isOnDriver('swiftShader')) {
  onDriver('swiftShader', import.meta.url);
} else {
  describe('all nodes of a training step are on the GPU', () => {
    const cases = Object.keys(methods).flatMap((name) => precisions.map((precision) => [name, precision] as const));
    it.each(cases)('%s, %s', (name, precision) => {
      createGpuSession(modelBytes(graphOf(methods[name]!, 'webgpu', precision))).dispose();
    });

    it.each(['mae', 'simclr', 'dino'])('%s, not without what is written in other ops for it', (name) => {
      expect(() => createGpuSession(modelBytes(graphOf(methods[name]!, 'cpu', 'float32')))).toThrow(
        /would run on the CPU/,
      );
    });
  });
}

function graphOf(config: object, device: 'cpu' | 'webgpu', precision: Precision): LoweredGraph {
  const pretrain = PretrainConfig.parse({ ...config, batchSize: 4, precision });
  const { step, fresh, inputs } = trainingProgram(createMethod(pretrain, 32), pretrain, 0);
  return stepGraph(step, { state: specsOf(fresh), inputs, precision }, device).graph;
}

/**
 * No node of a training step runs on the CPU, so none is copied to or from: each method's step makes a session that ONNX
 * Runtime refuses where a node would. This file runs itself again in a process that has SwiftShader.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { PretrainConfig } from '../../../protocol/config';
import { modelBytes, stepGraph, type LoweredGraph } from '../../../trainer/engine/model';
import { createGpuSession } from '../../../trainer/engine/native-webgpu';
import { specsOf } from '../../../trainer/engine/shapes';
import { forWebGpu } from '../../../trainer/engine/webgpu-graph';
import { createMethod } from '../../../trainer/methods/index';
import { trainingProgram } from '../../../trainer/methods/training';
import { hasSwiftShader, skipWithoutSwiftShader, withSwiftShader } from '../../swiftshader';

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

if (!hasSwiftShader) {
  skipWithoutSwiftShader('where WebGPU puts the nodes of a step');
} else if (process.env.TESSERA_TEST_SWIFTSHADER !== '1') {
  it('nodes on SwiftShader', { timeout: 120_000 }, () => {
    const root = fileURLToPath(new URL('../../..', import.meta.url));
    const env = withSwiftShader({ TESSERA_TEST_SWIFTSHADER: '1' });
    const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', 'test/unit/engine/placement.test.ts'];
    const { status, stdout, stderr } = spawnSync(process.execPath, vitest, { cwd: root, env, encoding: 'utf8' });
    expect(status, stdout + stderr).toBe(0);
  });
} else {
  describe('all nodes of a training step are on the GPU', () => {
    it.each(Object.keys(methods))('%s', (name) => {
      createGpuSession(modelBytes(forWebGpu(graphOf(methods[name]!)))).dispose();
    });

    it.each(['mae', 'simclr', 'dino'])('%s, not without what is written in other ops for it', (name) => {
      expect(() => createGpuSession(modelBytes(graphOf(methods[name]!)))).toThrow(/assigned to the default CPU EP/);
    });
  });
}

function graphOf(config: object): LoweredGraph {
  const pretrain = PretrainConfig.parse({ ...config, batchSize: 4 });
  const { step, fresh, inputs } = trainingProgram(createMethod(pretrain, 32), pretrain, 0);
  return stepGraph(step, { state: specsOf(fresh), inputs }).graph;
}

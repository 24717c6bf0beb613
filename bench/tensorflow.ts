/**
 * TensorFlow beside ONNX Runtime: the same training steps on the tensorflow and the onnx engine, on the CPU, taking turns.
 * Wants an installed engine (tessera engines install tensorflow).
 */
import { createEngine } from '../trainer/engine/index';
import { specsOf } from '../trainer/engine/shapes';
import type { EngineOptions } from '../trainer/engine/types';
import { tensorflowFolder } from '../trainer/jobs/engines-folder';
import { createMethod } from '../trainer/methods/index';
import { noiseInputs, trainingProgram } from '../trainer/methods/training';
import { PretrainConfig } from '../protocol/config';
import { median } from './median';

const IMAGE_SIZE = 32;
/** Of onnx. TensorFlow takes as many as there are cores. */
const THREADS = 2;
const ROUNDS = 5;

const small = {
  batchSize: 64,
  backbone: { patchSize: 4, width: 64, depth: 4, heads: 4 },
  decoder: { width: 48, depth: 1, heads: 4 },
};
const large = {
  batchSize: 32,
  backbone: { patchSize: 2, width: 192, depth: 12, heads: 3 },
  decoder: { width: 192, depth: 4, heads: 3 },
};
const residual = { method: 'simclr', batchSize: 32, backbone: { type: 'resnet18', stem: 'cifar' } };
const configs = [
  { name: 'quickstart (MAE), batch 64', steps: 8, pretrain: PretrainConfig.parse(small) },
  { name: 'ViT-Ti/2 (MAE), batch 32', steps: 1, pretrain: PretrainConfig.parse(large) },
  { name: 'ResNet-18 (SimCLR), batch 32', steps: 1, pretrain: PretrainConfig.parse(residual) },
];

interface Row {
  readonly config: string;
  readonly tensorflowMs: number;
  readonly onnxMs: number;
  readonly ratio: number;
  /** Until the first step is done. */
  readonly tensorflowBuildMs: number;
  readonly onnxBuildMs: number;
}

export async function tensorflow({ only = '' }: { only?: string }): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, steps, pretrain } of configs.filter(({ name }) => name.includes(only))) {
    const tensorflow = await opened({ engine: 'tensorflow', device: 'cpu', folder: tensorflowFolder() }, pretrain);
    const onnx = await opened({ engine: 'onnx', device: 'cpu', threads: THREADS }, pretrain);
    const times = { tensorflow: [] as number[], onnx: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      times.tensorflow.push(...(await tensorflow.run(steps)));
      times.onnx.push(...(await onnx.run(steps)));
    }
    const [tensorflowMs, onnxMs] = [median(times.tensorflow), median(times.onnx)];
    const [tensorflowBuildMs, onnxBuildMs] = [tensorflow.buildMs, onnx.buildMs];
    rows.push({ config: name, tensorflowMs, onnxMs, ratio: tensorflowMs / onnxMs, tensorflowBuildMs, onnxBuildMs });
  }
  console.table(rows);
  return rows;
}

/** `run` makes so many steps and tells how long each took, in milliseconds; one has been made before. */
async function opened(options: EngineOptions, pretrain: PretrainConfig) {
  const engine = await createEngine(options);
  const method = createMethod(pretrain, IMAGE_SIZE);
  const { step, fresh, inputs } = trainingProgram(method, pretrain, 0);
  const began = performance.now();
  const program = await engine.compile(step, { state: specsOf(fresh), inputs });
  const state = engine.upload(fresh);
  const given = noiseInputs(method, pretrain.batchSize, 0, { step: 0, learningRate: 1e-3 });
  const run = async (count: number) => {
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const began = performance.now();
      await program.run(state, given);
      times.push(performance.now() - began);
    }
    return times;
  };
  await run(1);
  return { run, buildMs: performance.now() - began };
}

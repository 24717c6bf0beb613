/** SimCLR and MoCo against an independent PyTorch implementation: fixtures/contrast/generate.py. */
import { PretrainConfig } from '../../../protocol/config';
import { createMethod } from '../../../trainer/methods/index';
import { createOptimizer } from '../../../trainer/nn/create-optimizer';
import type { OptimizerSettings } from '../../../trainer/nn/create-optimizer';
import { readFixture, under } from './fixture';
import { describeParity } from './parity';
import type { Parity } from './parity';

interface About {
  readonly imageSize: number;
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpRatio: number;
  readonly temperature: number;
  /** Widths of the projector's layers. */
  readonly projector: readonly number[];
  readonly queue?: number;
  readonly momentum?: number;
  readonly lrs: readonly number[];
  readonly optimizer: OptimizerSettings;
}

function parityOf(name: string, method: object): Parity {
  const read = readFixture(new URL(`../../fixtures/contrast/${name}.safetensors`, import.meta.url));
  const { tensors: fixture } = read;
  const about = read.about as About;
  const { imageSize, patchSize, width, depth, heads, mlpRatio, temperature, projector, queue, momentum } = about;
  const config = PretrainConfig.parse({
    ...method,
    backbone: { type: 'vit', patchSize, width, depth, heads, mlpRatio },
    projector: { layers: projector.length, hidden: projector[0], output: projector.at(-1) },
    temperature,
    ...(queue !== undefined && { queue }),
    ...(momentum !== undefined && { momentum }),
  });
  const training = createMethod(config, imageSize);
  const totalSteps = about.lrs.length;
  const [, batch] = fixture.first!.shape as [number, number];
  const view = (name: 'first' | 'second', i: number) => {
    const values = batch * imageSize * imageSize * 3;
    return fixture[name]!.data.slice(i * values, (i + 1) * values);
  };
  return {
    fixture,
    before: under('before.', fixture),
    training,
    optimizer: createOptimizer(about.optimizer),
    inputSpecs: training.inputs(batch),
    inputs: (i) => ({
      first: view('first', i),
      second: view('second', i),
      ...Object.fromEntries(
        Object.entries(training.scheduled?.({ step: i, totalSteps, epochSteps: totalSteps }) ?? {}).map(
          ([name, value]) => [name, Float32Array.of(value)],
        ),
      ),
    }),
    learningRate: (i) => about.lrs[i]!,
    // A batch norm in the projector takes out what is added to every embedding.
    idle: Object.hasOwn(fixture, 'before.projector.0.norm.scale')
      ? ['encoder.norm.shift', 'buffer.teacher.encoder.norm.shift']
      : [],
  };
}

describeParity([
  ['SimCLR with LARS', () => parityOf('simclr', { method: 'simclr' })],
  ['MoCo v2 with SGD', () => parityOf('moco-v2', { method: 'moco', version: 'v2' })],
  ['MoCo v3 with SGD', () => parityOf('moco-v3', { method: 'moco', version: 'v3' })],
]);

/** What the tests of rotation and of jigsaw share; the fixtures are those of fixtures/puzzles/generate.py. */
import { createEngine } from '../../../trainer/engine/index';
import type { HostTensor, HostTensors } from '../../../trainer/engine/types';
import type { Method } from '../../../trainer/methods/index';
import { adamw } from '../../../trainer/nn/adamw';
import type { AdamwConfig } from '../../../trainer/nn/adamw';
import { learningRate } from '../../../trainer/nn/schedule';
import type { Schedule } from '../../../trainer/nn/schedule';
import { trained, trainStep } from '../../../trainer/nn/train-step';
import { random } from '../../../trainer/random/random';
import { specsOf } from '../nn/evaluate';
import { under } from './fixture';
import type { Parity } from './parity';

/** How a fixture of theirs was made. */
export interface PuzzleAbout {
  readonly imageSize: number;
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpRatio: number;
  readonly optimizer: AdamwConfig;
  readonly schedule: Schedule;
}

/** `draws` are those of all updates; a batch of images is kept for each update. */
export function puzzleParity(
  method: Method,
  fixture: HostTensors,
  about: PuzzleAbout,
  draws: Readonly<Record<string, Int32Array>>,
): Parity {
  const [updates, batch] = fixture.images!.shape as [number, number];
  const all = { images: fixture.images!.data, ...draws };
  return {
    fixture,
    before: under('before.', fixture),
    training: method,
    optimizer: adamw(about.optimizer),
    inputSpecs: method.inputs(batch),
    inputs: (i) =>
      Object.fromEntries(
        Object.entries(all).map(([name, data]) => {
          const size = data.length / updates;
          return [name, data.slice(i * size, (i + 1) * size)];
        }),
      ),
    learningRate: (i) => learningRate(about.schedule, i + 1),
  };
}

/** The share of right answers in each of `steps` updates on the same images, posed anew each time. */
export async function accuracies(method: Method, images: HostTensor, steps: number): Promise<number[]> {
  const batch = images.shape[0]!;
  const optimizer = adamw({ betas: [0.9, 0.95], weightDecay: 0 });
  const params = method.init(1);
  const initial = { ...params, ...optimizer.init(trained(params)) };
  const scalar = { shape: [], dtype: 'float32' } as const;
  const engine = await createEngine({ engine: 'onnx', device: 'cpu' });
  const program = await engine.compile(trainStep(method, optimizer), {
    state: specsOf(initial),
    inputs: { ...method.inputs(batch), lr: scalar, step: scalar },
  });
  const state = engine.upload(initial);
  const right: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const outputs = await program.run(state, {
      ...method.draw(batch, random('draws', step)),
      images: images.data,
      lr: Float32Array.of(3e-3),
      step: Float32Array.of(step),
    });
    right.push(outputs['train/accuracy']!.data[0]!);
  }
  program.dispose();
  state.dispose();
  engine.dispose();
  return right;
}

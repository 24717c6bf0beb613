/** The same weights, batch and mask as an independent PyTorch implementation: fixtures/mae/generate.py. */
import { afterAll, describe, expect, it } from 'vitest';
import { createEngine } from '../../../trainer/engine/index';
import { softmaxCrossEntropy, valueAndGrads } from '../../../trainer/engine/ops';
import type { Engine, EngineName, HostTensors, Program, Specs, TypedArray } from '../../../trainer/engine/types';
import { PretrainConfig } from '../../../protocol/config';
import { createMethod } from '../../../trainer/methods/index';
import { dense } from '../../../trainer/nn/layers';
import { adamw } from '../../../trainer/nn/adamw';
import type { AdamwConfig } from '../../../trainer/nn/adamw';
import { learningRate } from '../../../trainer/nn/schedule';
import type { Schedule } from '../../../trainer/nn/schedule';
import { trainStep } from '../../../trainer/nn/train-step';
import type { Loss } from '../../../trainer/nn/train-step';
import { createVit } from '../../../trainer/nn/vit';
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { specsOf } from '../nn/evaluate';
import { readFixture, under } from './fixture';

interface About {
  readonly imageSize: number;
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpRatio: number;
  readonly optimizer: AdamwConfig;
  readonly schedule: Schedule;
}
interface MaeAbout extends About {
  readonly decoder: { readonly width: number; readonly depth: number; readonly heads: number };
  readonly maskRatio: number;
  readonly normalizeTarget: boolean;
}
interface FinetuneAbout extends About {
  readonly classes: number;
  readonly layerDecay: number;
}
type Inputs = Record<string, TypedArray>;

interface Case {
  readonly fixture: HostTensors;
  readonly about: About;
  readonly loss: Loss;
  readonly optimizer: AdamwConfig;
  readonly inputSpecs: Specs;
  /** What the batch of update `i`, counted from 0, was. */
  readonly inputs: (i: number) => Inputs;
}

const read = (name: string) => readFixture(new URL(`../../fixtures/mae/${name}.safetensors`, import.meta.url));

function maeCase(name: string): Case {
  const { tensors: fixture, about } = read(name) as { tensors: HostTensors; about: MaeAbout };
  const { patchSize, width, depth, heads, mlpRatio, decoder, maskRatio, normalizeTarget } = about;
  const backbone = { patchSize, width, depth, heads, mlpRatio };
  const config = PretrainConfig.parse({ backbone, decoder, maskRatio, normalizeTarget });
  const method = createMethod(config, about.imageSize);
  const [, batch, patches] = fixture.shuffle!.shape as [number, number, number];
  const specs = method.inputs(batch);
  const batchOf = (what: string, i: number) => {
    const { data, shape } = fixture[what]!;
    const size = data.length / shape[0]!;
    return data.slice((i % shape[0]!) * size, ((i % shape[0]!) + 1) * size);
  };
  return {
    fixture,
    about,
    loss: (params, given) => method.loss(params, given),
    optimizer: about.optimizer,
    inputSpecs: specs,
    inputs(i) {
      const shuffle = batchOf('shuffle', i) as Int32Array;
      const places = Array.from({ length: batch }, (_, b) => [...shuffle.slice(b * patches, (b + 1) * patches)]);
      const restore = places.map((order) => order.map((_, patch) => order.indexOf(patch)));
      return {
        images: batchOf('images', i),
        shuffle,
        restore: Int32Array.from(restore.flat()),
      };
    },
  };
}

function finetuneCase(): Case {
  const { tensors: fixture, about } = read('finetune') as { tensors: HostTensors; about: FinetuneAbout };
  const encoder = createVit(about);
  const { images, labels } = fixture as { images: HostTensors[string]; labels: HostTensors[string] };
  return {
    fixture,
    about,
    loss(params, inputs) {
      const logits = dense(params, 'head', encoder.embed(params, inputs.images as Tensor4D));
      return { loss: tf.mean<Scalar>(softmaxCrossEntropy(logits, inputs.labels as Tensor1D)), metrics: {} };
    },
    optimizer: {
      ...about.optimizer,
      scale: (name) => about.layerDecay ** (encoder.layers - encoder.layerOf(name)),
    },
    inputSpecs: {
      images: { shape: images.shape, dtype: 'float32' },
      labels: { shape: labels.shape, dtype: 'int32' },
    },
    inputs: () => ({ images: images.data, labels: labels.data }),
  };
}

const cases: readonly (readonly [string, () => Case])[] = [
  ['MAE on pixels', () => maeCase('pixels')],
  ['MAE on normalised patches, gradients clipped', () => maeCase('normalized')],
  ['fine-tuning with layer-wise learning rates', finetuneCase],
];

const norm = (values: ArrayLike<number>) =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
const minus = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a, (value, i) => value - b[i]!);

/**
 * Attention does not change with a bias on the keys: softmax takes it out again. Its gradient is rounding noise, which
 * AdamW then blows up to full steps, so it has nothing to compare.
 */
function comparable(name: string, values: TypedArray): Float32Array {
  const copy = Float32Array.from(values);
  return name.endsWith('qkv.bias') ? copy.fill(0, copy.length / 3, (2 * copy.length) / 3) : copy;
}

describe.each(['reference', 'onnx'] as const)('on the %s engine', (engineName: EngineName) => {
  let engine: Engine | undefined;
  const programs: Program[] = [];
  afterAll(() => {
    for (const program of programs) program.dispose();
    engine?.dispose();
  });

  it.each(cases)('%s: loss and gradients are PyTorch’s', async (_name, make) => {
    const { fixture, loss, inputSpecs, inputs } = make();
    engine ??= await createEngine({ engine: engineName, device: 'cpu' });
    const before = under('before.', fixture);
    const program = await engine.compile(
      (params, given) => {
        const { value, grads } = valueAndGrads((p) => loss(p, given).loss, params);
        return { outputs: { loss: value, ...grads } };
      },
      { state: specsOf(before), inputs: inputSpecs },
    );
    programs.push(program);
    const state = engine.upload(before);
    const outputs = await program.run(state, inputs(0));
    state.dispose();

    const expected = fixture.losses!.data[0]!;
    expect(Math.abs(outputs.loss!.data[0]! - expected) / expected).toBeLessThan(1e-5);
    const gradients = under('gradient.', fixture);
    expect(Object.keys(outputs).sort()).toEqual([...Object.keys(gradients), 'loss'].sort());
    for (const [name, gradient] of Object.entries(gradients)) {
      const wanted = comparable(name, gradient.data);
      const error = norm(minus(comparable(name, outputs[name]!.data), wanted)) / norm(wanted);
      expect(error, name).toBeLessThan(1e-4);
    }
  });

  it.each(cases)('%s: twenty updates of AdamW are PyTorch’s', async (_name, make) => {
    const { fixture, about, loss, optimizer: config, inputSpecs, inputs } = make();
    engine ??= await createEngine({ engine: engineName, device: 'cpu' });
    const before = under('before.', fixture);
    const optimizer = adamw(config);
    const initial = { ...before, ...optimizer.init(before) };
    const scalar = { shape: [], dtype: 'float32' } as const;
    const program = await engine.compile(trainStep({ loss }, optimizer), {
      state: specsOf(initial),
      inputs: { ...inputSpecs, lr: scalar, step: scalar },
    });
    programs.push(program);
    const state = engine.upload(initial);
    const { losses, norms } = fixture as { losses: HostTensors[string]; norms: HostTensors[string] };
    for (let i = 0; i < losses.data.length; i++) {
      const lr = Float32Array.of(learningRate(about.schedule, i + 1));
      const outputs = await program.run(state, { ...inputs(i), lr, step: Float32Array.of(i + 1) });
      expect(outputs.loss!.data[0]! / losses.data[i]!, `loss of update ${i + 1}`).toBeCloseTo(1, 4);
      expect(outputs.grad_norm!.data[0]! / norms.data[i]!, `gradient norm of update ${i + 1}`).toBeCloseTo(1, 3);
    }
    const after = await state.read(Object.keys(before));
    state.dispose();

    // Of what changed, not of the weights, in which twenty small steps would hide.
    for (const [name, expected] of Object.entries(under('after.', fixture))) {
      const moved = norm(minus(comparable(name, expected.data), comparable(name, before[name]!.data)));
      const error = norm(minus(comparable(name, after[name]!.data), comparable(name, expected.data)));
      expect(error / moved, name).toBeLessThan(1e-3);
    }
  });
});

/** What SimCLR and MoCo are made of; that their numbers are right is in contrast-parity.test.ts. */
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { PretrainConfig } from '../../../protocol/config';
import { createEngine } from '../../../trainer/engine/index';
import type { HostTensors, TypedArray } from '../../../trainer/engine/types';
import { checkSet, createMethod } from '../../../trainer/methods/index';
import type { Method } from '../../../trainer/methods/index';
import { createOptimizer } from '../../../trainer/nn/create-optimizer';
import { normal } from '../../../trainer/nn/initializers';
import { trained, trainStep } from '../../../trainer/nn/train-step';
import { evaluate, specsOf, withSpecs } from '../nn/evaluate';

const SIZE = 8;
const BATCH = 4;
const vit = { type: 'vit', patchSize: 4, width: 8, depth: 1, heads: 2, mlpRatio: 2 };
const projector = { hidden: 16, output: 8 };

const configOf = (changes: z.input<typeof PretrainConfig>) =>
  PretrainConfig.parse({ backbone: vit, projector, batchSize: BATCH, ...(changes as object) });
const methods = {
  simclr: configOf({ method: 'simclr' }),
  'moco v2': configOf({ method: 'moco', version: 'v2', queue: 12 }),
  'moco v3': configOf({ method: 'moco', version: 'v3' }),
  'simclr with a ResNet': configOf({ method: 'simclr', backbone: { type: 'resnet18', width: 4 } }),
  'moco v2 with a ResNet': configOf({
    method: 'moco',
    version: 'v2',
    queue: 12,
    backbone: { type: 'resnet18', width: 4 },
  }),
  // Narrower, what it learns from these few images is lost in its noise.
  'moco v3 with a ResNet': configOf({ method: 'moco', version: 'v3', backbone: { type: 'resnet18', width: 16 } }),
};

const first: TypedArray = normal([BATCH, SIZE, SIZE, 3], 1, 0, 'first').data;
const second: TypedArray = normal([BATCH, SIZE, SIZE, 3], 1, 0, 'second').data;

function inputsOf(method: Method, views = { first, second }, step = 0): HostTensors {
  const values: Record<string, TypedArray> = { ...views };
  const scheduled = method.scheduled?.({ step, totalSteps: 10, epochSteps: 5 }) ?? {};
  for (const [name, value] of Object.entries(scheduled)) values[name] = Float32Array.of(value);
  return withSpecs(values, method.inputs(BATCH));
}

/** Other images at each step: a colour of its own for each, and noise of its own for each view. */
function viewsOf(step: number) {
  const colours = normal([BATCH, 3], 1, step, 'colour').data;
  const view = (name: string) =>
    normal([BATCH, SIZE, SIZE, 3], 0.3, step, name).data.map((noise, i) => {
      const image = Math.floor(i / (SIZE * SIZE * 3));
      return noise + colours[image * 3 + (i % 3)]!;
    });
  return { first: view('first'), second: view('second') };
}

/** The state after `steps` updates on the onnx engine, and the outputs of each. */
async function train(method: Method, steps: number, lr: number) {
  const optimizer = createOptimizer({ type: 'adamw', betas: [0.9, 0.95], momentum: 0, weightDecay: 0.1 });
  const params = method.init(1);
  const initial = { ...params, ...optimizer.init(trained(params, method.isFrozen)) };
  const scalar = { shape: [], dtype: 'float32' } as const;
  const engine = await createEngine({ engine: 'onnx', device: 'cpu' });
  const program = await engine.compile(trainStep(method, optimizer), {
    state: specsOf(initial),
    inputs: { ...method.inputs(BATCH), lr: scalar, step: scalar },
  });
  const state = engine.upload(initial);
  const outputs: HostTensors[] = [];
  for (let step = 1; step <= steps; step++) {
    const inputs = Object.entries(inputsOf(method, viewsOf(step), step - 1));
    const given = Object.fromEntries(inputs.map(([name, { data }]) => [name, data]));
    outputs.push(await program.run(state, { ...given, lr: Float32Array.of(lr), step: Float32Array.of(step) }));
  }
  const after = await state.read();
  program.dispose();
  state.dispose();
  engine.dispose();
  return { before: params, after, outputs };
}

describe.each(Object.entries(methods))('%s', (_, config) => {
  const method = createMethod(config, SIZE);

  it('learns', async () => {
    const { outputs } = await train(method, 100, 3e-3);
    const mean = (name: string, from: number) =>
      outputs.slice(from, from + 10).reduce((sum, output) => sum + output[name]!.data[0]!, 0) / 10;
    // From when a queue is full of keys.
    expect(mean('loss', 90)).toBeLessThan(mean('loss', 5));
    expect(mean('train/accuracy', 90)).toBeLessThanOrEqual(1);
    expect(mean('train/accuracy', 90)).toBeGreaterThan(0);
  });

  it('draws a state that depends on the seed alone', () => {
    expect(method.init(1)).toEqual(method.init(1));
    expect(method.init(1)).not.toEqual(method.init(2));
  });

  it('shows both views of each image, how similar all are, and the loss of each image', async () => {
    const painted = await evaluate(method.pictures.paint, method.init(1), inputsOf(method));
    expect(painted.first!.data).toEqual(first);
    expect(painted.second!.data).toEqual(second);
    expect(painted.loss!.shape).toEqual([BATCH]);
    const { similarities, distributions } = method.pictures.read!(painted);
    const count = 2 * BATCH;
    expect(similarities!.labels).toHaveLength(count);
    expect(similarities!.labels.slice(0, 3)).toEqual([
      'image 1, first view',
      'image 1, second view',
      'image 2, first view',
    ]);
    const at = (a: number, b: number) => similarities!.values[a * count + b]!;
    for (let a = 0; a < count; a++) {
      expect(at(a, a)).toBeCloseTo(1, 4);
      for (let b = 0; b < count; b++) expect(at(a, b)).toBeCloseTo(at(b, a), 5);
    }
    const [positive, negative] = distributions!;
    expect(positive!.values).toEqual([0, 1, 2, 3].map((i) => at(2 * i, 2 * i + 1)));
    expect(negative!.values.length).toBeGreaterThanOrEqual((count * (count - 2)) / 2);
    expect(negative!.values.every((value) => Math.abs(value) <= 1.0001)).toBe(true);
  });
});

describe('the loss of SimCLR', () => {
  const method = createMethod(methods.simclr, SIZE);
  const lossOf = async (views: { first: typeof first; second: typeof first }) => {
    const inputs = inputsOf(method, views);
    const { loss } = await evaluate((p, given) => ({ loss: method.loss(p, given).loss }), method.init(1), inputs);
    return loss!.data[0]!;
  };

  it('does not change when the views change places, since both ask', async () => {
    expect(await lossOf({ first: second, second: first })).toBeCloseTo(await lossOf({ first, second }), 4);
  });

  it('is smaller for views that are alike', async () => {
    expect(await lossOf({ first, second: first })).toBeLessThan((await lossOf({ first, second })) - 0.1);
  });

  it('is that of guessing among 2N - 1 when all views are alike', async () => {
    const same = Float32Array.from(first, (_, i) => first[i % (SIZE * SIZE * 3)]!);
    expect(await lossOf({ first: same, second: same })).toBeCloseTo(Math.log(2 * BATCH - 1), 3);
  });
});

describe('the queue of MoCo v2', () => {
  const method = createMethod(methods['moco v2'], SIZE);

  it('starts as unit vectors', () => {
    const { shape, data } = method.init(1)['buffer.queue']!;
    expect(shape).toEqual([12, 8]);
    for (let row = 0; row < 12; row++) expect(Math.hypot(...data.slice(row * 8, row * 8 + 8))).toBeCloseTo(1, 5);
  });

  it('takes the keys of a batch in front, and the oldest fall off', async () => {
    const { before, after } = await train(method, 2, 1e-3);
    const [old, now] = [before['buffer.queue']!.data, after['buffer.queue']!.data];
    expect(now.slice(2 * BATCH * 8)).toEqual(old.slice(0, (12 - 2 * BATCH) * 8));
    const keys = Array.from({ length: 2 * BATCH }, (_, row) => now.slice(row * 8, row * 8 + 8));
    for (const key of keys) expect(Math.hypot(...key)).toBeCloseTo(1, 4);
    expect(keys[0]).not.toEqual(keys[BATCH]);
  });

  it('is judged by the images that are there', () => {
    const config = methods['moco v2'];
    const pixels = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.2] };
    expect(() => checkSet(config, 11, pixels)).toThrow(/pretrain\.queue: .*training set of 11.*use at most 8/);
    expect(() => checkSet(config, 12, pixels)).not.toThrow();
  });
});

describe('the momentum encoder', () => {
  it('starts as the encoder and projector, and follows them slowly', async () => {
    const method = createMethod(methods['moco v2'], SIZE);
    const { before, after } = await train(method, 1, 1e-2);
    const name = 'projector.1.kernel';
    expect(before[`buffer.teacher.${name}`]!.data).toEqual(before[name]!.data);
    const expected = Array.from(before[name]!.data, (old, i) => 0.99 * old + 0.01 * after[name]!.data[i]!);
    after[`buffer.teacher.${name}`]!.data.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
  });

  it('follows ever more slowly with version 3, and steadily with version 2', () => {
    const momentum = (name: 'moco v2' | 'moco v3', step: number) =>
      createMethod(methods[name], SIZE).scheduled!({ step, totalSteps: 100, epochSteps: 10 }).teacher_momentum;
    expect([0, 50, 100].map((step) => momentum('moco v2', step))).toEqual([0.99, 0.99, 0.99]);
    expect([0, 50, 100].map((step) => momentum('moco v3', step)?.toFixed(4))).toEqual(['0.9900', '0.9950', '1.0000']);
  });

  it('gathers running statistics of its own, beside those of the trained encoder', async () => {
    const method = createMethod(methods['moco v2 with a ResNet'], SIZE);
    const { before, after } = await train(method, 1, 1e-2);
    const name = 'buffer.encoder.stem.norm.mean';
    expect(after[name]!.data).not.toEqual(before[name]!.data);
    // Of other views, so other ones.
    expect(after[`buffer.teacher.${name}`]!.data).not.toEqual(after[name]!.data);
    expect(after[`buffer.teacher.${name}`]!.data).not.toEqual(before[name]!.data);
  });

  it('gets no gradient', () => {
    const method = createMethod(methods['moco v3'], SIZE);
    const names = Object.keys(trained(method.init(1), method.isFrozen));
    expect(names.filter((name) => name.startsWith('buffer.'))).toEqual([]);
  });
});

describe('MoCo v3', () => {
  it('leaves the patch projection of a ViT as it was drawn, weight decay or not', async () => {
    const { before, after } = await train(createMethod(methods['moco v3'], SIZE), 3, 1e-2);
    for (const name of ['encoder.patch.kernel', 'encoder.patch.bias']) {
      expect(after[name]).toEqual(before[name]);
      expect(after[`buffer.teacher.${name}`]).toEqual(before[name]);
    }
    expect(after['encoder.blocks.0.mlp.up.kernel']).not.toEqual(before['encoder.blocks.0.mlp.up.kernel']);
  });

  it('has a predictor, which only the trained side has', () => {
    const names = Object.keys(createMethod(methods['moco v3'], SIZE).init(1));
    expect(names).toContain('predictor.0.kernel');
    expect(names.filter((name) => name.startsWith('buffer.teacher.predictor'))).toEqual([]);
  });
});

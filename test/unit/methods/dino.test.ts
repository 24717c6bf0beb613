import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { DinoConfig } from '../../../protocol/methods/dino';
import { createEngine } from '../../../trainer/engine/index';
import type { EngineName, HostTensor, HostTensors } from '../../../trainer/engine/types';
import { createEmbedder } from '../../../trainer/evals/index';
import { createDino } from '../../../trainer/methods/dino';
import type { Method } from '../../../trainer/methods/index';
import { normal } from '../../../trainer/nn/initializers';
import { adamw } from '../../../trainer/nn/adamw';
import type { AdamwConfig } from '../../../trainer/nn/adamw';
import { createResNet } from '../../../trainer/nn/resnet';
import { teacherOf, trained, trainStep } from '../../../trainer/nn/train-step';
import { createVit } from '../../../trainer/nn/vit';
import { evaluate, float32, specsOf } from '../nn/evaluate';
import { readFixture, under } from './fixture';
import { describeParity } from './parity';
import type { Parity } from './parity';

describe('DINO in PyTorch (fixtures/dino/generate.py)', () => {
  const make = (): Parity => {
    const { tensors: fixture, about } = readFixture(new URL('../../fixtures/dino/dino.safetensors', import.meta.url));
    const { imageSize, patchSize, width, depth, heads, mlpRatio, lr, optimizer, ...options } = about as Record<
      'imageSize' | 'patchSize' | 'width' | 'depth' | 'heads' | 'mlpRatio',
      number
    > & { lr: number[]; optimizer: AdamwConfig };
    const config = DinoConfig.parse({ method: 'dino', optimizer, ...options });
    const encoder = createVit({ imageSize, patchSize, width, depth, heads, mlpRatio });
    const method = createDino(config, imageSize, encoder);
    const batch = fixture.global1!.shape[1]!;
    return {
      fixture,
      before: { ...under('before.', fixture), 'buffer.usage': float32([10], new Float32Array(10).fill(0.1)) },
      training: method,
      optimizer: adamw(optimizer),
      inputSpecs: method.inputs(batch),
      inputs(i) {
        const views = Object.keys(method.views).map((view) => {
          const { data } = fixture[view]!;
          return [view, data.slice(((i % 2) * data.length) / 2, ((i % 2) + 1) * (data.length / 2))] as const;
        });
        const scheduled = Object.entries(method.scheduled!({ step: i, totalSteps: lr.length, epochSteps: 1 }));
        return {
          ...Object.fromEntries(views),
          ...Object.fromEntries(scheduled.map(([name, value]) => [name, Float32Array.of(value)])),
          pixel_mean: new Float32Array(3),
          pixel_std: new Float32Array(3).fill(1),
        };
      },
      learningRate: (i) => lr[i]!,
    };
  };
  describeParity([['with small views', make]]);

  it('differs from its teacher by the divergence that the metrics tell', async () => {
    const { fixture, before, training, inputSpecs, inputs } = make();
    const given = Object.entries(inputs(0)).map(([name, data]) => [name, { ...inputSpecs[name]!, data }] as const);
    const { kl } = await evaluate(
      (state, views) => ({ kl: training.loss(state, views).metrics['train/teacher_student_kl']! }),
      before,
      Object.fromEntries(given),
    );
    expect(kl!.data[0]).toBeCloseTo(fixture.divergences!.data[0]!, 4);
  });
});

const SIZE = 12;
const SMALL = 8;
const BATCH = 2;
const PROTOTYPES = 6;
const configOf = (changes: object = {}) =>
  DinoConfig.parse({
    method: 'dino',
    head: { hidden: 8, bottleneck: 4, prototypes: PROTOTYPES },
    localViews: 2,
    localSize: SMALL,
    ...changes,
  });
const vit = createVit({ imageSize: SIZE, patchSize: 4, width: 8, depth: 2, heads: 2, mlpRatio: 2 });
const methodOf = (changes: object = {}, encoder: Method['encoder'] = vit) =>
  createDino(configOf(changes), SIZE, encoder);

const method = methodOf();
const state = method.init(1);

/** Inputs for `of`, with other views by name. */
function inputsOf(of: Method, views: Readonly<Record<string, HostTensor>> = {}, batch = BATCH): HostTensors {
  const scheduled = of.scheduled!({ step: 1, totalSteps: 2, epochSteps: 1 });
  const drawn = Object.entries(of.inputs(batch)).map(([name, { shape }]): [string, HostTensor] => {
    if (name === 'pixel_mean') return [name, float32([3], [0.5, 0.4, 0.3])];
    if (name === 'pixel_std') return [name, float32([3], [0.2, 0.3, 0.25])];
    return [name, name in scheduled ? float32([], [scheduled[name]!]) : normal(shape, 1, 0, name)];
  });
  return { ...Object.fromEntries(drawn), ...views };
}

/** The loss, metrics and next buffers of one batch. */
const lossOf = (of: Method, inputs: HostTensors, start: HostTensors = state) =>
  evaluate(
    (params, given) => {
      const { loss, metrics, buffers } = of.loss(params, given);
      return { loss, ...metrics, ...buffers };
    },
    start,
    inputs,
  );

describe('the views', () => {
  it('are two large ones and as many small ones as asked for', () => {
    const sizes = Object.entries(methodOf({ localViews: 3 }).views).map(([name, { imageSize }]) => [name, imageSize]);
    expect(sizes).toEqual([
      ['global1', SIZE],
      ['global2', SIZE],
      ['local1', SMALL],
      ['local2', SMALL],
      ['local3', SMALL],
    ]);
  });

  it('of the teacher are the large ones', async () => {
    const first = await lossOf(method, inputsOf(method));
    const changed = async (view: string, side: number) =>
      lossOf(method, inputsOf(method, { [view]: normal([BATCH, side, side, 3], 1, 9, 'other') }));
    const [small, large] = [await changed('local1', SMALL), await changed('global1', SIZE)];
    expect(small.loss).not.toEqual(first.loss);
    expect(small['buffer.center']).toEqual(first['buffer.center']);
    expect(large['buffer.center']).not.toEqual(first['buffer.center']);
  });

  it('may be the large ones alone, of which each is told from the other', async () => {
    const two = methodOf({ localViews: 0 });
    const { global1, global2, ...rest } = inputsOf(two);
    const [one, other] = [
      { global1: global1!, global2: global2! },
      { global1: global2!, global2: global1! },
    ];
    const [loss, swapped] = [await lossOf(two, { ...rest, ...one }), await lossOf(two, { ...rest, ...other })];
    expect(swapped.loss!.data[0]).toBeCloseTo(loss.loss!.data[0]!, 5);
  });
});

describe('the state', () => {
  it('begins with a teacher that is the student, and prototypes used alike', () => {
    const student = Object.entries(state).filter(([name]) => !name.startsWith('buffer.'));
    expect(Object.fromEntries(student)).toEqual(teacherOf(state));
    expect([...state['buffer.usage']!.data]).toEqual(Array(PROTOTYPES).fill(Math.fround(1 / PROTOTYPES)));
  });

  it.each([
    ['ViT', vit],
    ['ResNet', createResNet({ depth: 18, stem: 'cifar', width: 2 })],
  ])('of a %s is judged by its teacher', async (_name, encoder) => {
    const other = encoder.init(7);
    const teacher = Object.entries(other).map(([name, tensor]) => [`buffer.teacher.${name}`, tensor] as const);
    const of = methodOf({}, encoder);
    const taught = { ...of.init(1), ...Object.fromEntries(teacher) };
    const images = normal([BATCH, SIZE, SIZE, 3], 1, 0, 'images');
    const engine = await createEngine();
    const embedder = await createEmbedder(engine, encoder, specsOf(taught), [BATCH, SIZE, SIZE, 3], of.evaluated);
    const device = engine.upload(taught);
    // eslint-disable-next-line @typescript-eslint/require-await
    const batches = (async function* () {
      yield { images: images.data as Float32Array, count: BATCH };
    })();
    const { values } = await embedder.embed(device, batches);
    const wanted = await evaluate((p, given) => ({ x: encoder.embed(p, given.images as Tensor4D) }), other, { images });
    wanted.x!.data.forEach((value, i) => expect(values[i]).toBeCloseTo(value, 4));
    device.dispose();
    embedder.dispose();
    engine.dispose();
  });
});

describe('the schedules', () => {
  it('lead from the first step to the last', () => {
    const at = (step: number) => method.scheduled!({ step, totalSteps: 1000, epochSteps: 10 });
    const [first, early, late, last] = [at(0), at(150), at(300), at(1000)];
    expect(first).toMatchObject({ teacher_temperature: 0.04, teacher_momentum: 0.996, prototypes_learn: 0 });
    expect(first.weight_decay).toBeCloseTo(0.04, 10);
    expect(early.teacher_temperature).toBeCloseTo(0.055, 10);
    expect(early.prototypes_learn).toBe(1);
    expect(late.teacher_temperature).toBe(0.07);
    expect(at(500).weight_decay).toBeCloseTo(0.22, 10);
    expect(at(500).teacher_momentum).toBeCloseTo(0.998, 10);
    expect(last).toMatchObject({
      teacher_temperature: 0.07,
      teacher_momentum: 1,
      weight_decay: 0.4,
      prototypes_learn: 1,
    });
  });

  it('may do without a warmup and a wait', () => {
    const at = methodOf({ temperatureWarmup: 0, freezePrototypes: 0 }).scheduled!({
      step: 0,
      totalSteps: 9,
      epochSteps: 1,
    });
    expect(at).toMatchObject({ teacher_temperature: 0.07, prototypes_learn: 1 });
  });
});

describe('the gradients', () => {
  const grads = { 'head.prototypes': float32([2], [3, 4]), small: float32([2], [0.3, 0.4]) };
  const after = async (learn: number) => {
    const of = methodOf({ clipParameters: 1 });
    const given = { prototypes_learn: float32([], [learn]) };
    const result = await evaluate((p, inputs) => ({ ...of.gradients!(p, inputs) }), grads, given);
    return Object.fromEntries(Object.entries(result).map(([name, { data }]) => [name, [...data]]));
  };

  it('are clipped one parameter at a time', async () => {
    const { small, ['head.prototypes']: large } = await after(1);
    expect(small).toEqual([0.3, 0.4].map(Math.fround));
    expect(large![0]).toBeCloseTo(0.6, 5);
    expect(large![1]).toBeCloseTo(0.8, 5);
  });

  it('of the prototypes are zero while these wait', async () => {
    const { small, ['head.prototypes']: waiting } = await after(0);
    expect(waiting).toEqual([0, 0]);
    expect(small![0]).toBeCloseTo(0.3, 5);
  });
});

describe('collapse is told by', () => {
  it('a low entropy of the prototypes, when all images get the same one', async () => {
    // A centre that is far lower for one prototype makes the teacher choose it always.
    const biased = { ...state, 'buffer.center': float32([PROTOTYPES], [-9, 0, 0, 0, 0, 0]) };
    const used = { ...biased, 'buffer.usage': float32([PROTOTYPES], [1, 0, 0, 0, 0, 0]) };
    const metrics = await lossOf(method, inputsOf(method), used);
    expect(metrics['train/prototype_entropy']!.data[0]).toBeCloseTo(0, 5);
    expect(metrics['train/assignment_entropy']!.data[0]).toBeCloseTo(0, 5);
  });

  it('a high entropy of the assignments, when every image gets all alike', async () => {
    const inputs = { ...inputsOf(method), teacher_temperature: float32([], [1e4]) };
    const metrics = await lossOf(method, inputs);
    expect(metrics['train/assignment_entropy']!.data[0]).toBeCloseTo(Math.log(PROTOTYPES), 5);
    expect(metrics['train/prototype_entropy']!.data[0]).toBeCloseTo(Math.log(PROTOTYPES), 5);
  });
});

describe('the pictures', () => {
  const painted = (engine: EngineName = 'reference') =>
    evaluate((p, given) => method.pictures.paint(p, given), state, inputsOf(method), engine);

  it('show a large view, the small ones in frames of the same size, and a map for each head', async () => {
    const pictures = await painted();
    expect(method.pictures.columns.map(({ name }) => name)).toEqual(['global1', 'local1', 'local2', 'head1', 'head2']);
    for (const { name } of method.pictures.columns) expect(pictures[name]!.shape).toEqual([BATCH, SIZE, SIZE, 3]);
    const { global1, local1 } = inputsOf(method);
    expect(pictures.global1).toEqual(global1);
    const edge = (SIZE - SMALL) / 2;
    const value = (row: number, column: number) => pictures.local1!.data[(row * SIZE + column) * 3]!;
    expect(value(0, 0) + 0).toBe(0);
    expect(value(edge, edge)).toBe(local1!.data[0]);
  });

  it('paint white where a head attends most', async () => {
    const { head1 } = await painted();
    const { maps } = await evaluate(
      (p, given) => ({ maps: tf.mean(vit.attention(p, given.global1 as Tensor4D), 2) }),
      state,
      { global1: inputsOf(method).global1! },
    );
    const brightest = [...maps!.data.slice(0, 9)];
    const patch = brightest.indexOf(Math.max(...brightest));
    const pixel = (Math.floor(patch / 3) * 4 * SIZE + (patch % 3) * 4) * 3;
    const colour = [0, 1, 2].map((c) => head1!.data[pixel + c]! * [0.2, 0.3, 0.25][c]! + [0.5, 0.4, 0.3][c]!);
    colour.forEach((channel) => expect(channel).toBeCloseTo(1, 5));
  });

  it('come with the loss of each image, whose mean is the batch’s', async () => {
    const { loss } = await painted();
    const whole = await lossOf(method, inputsOf(method));
    expect((loss!.data[0]! + loss!.data[1]!) / 2).toBeCloseTo(whole.loss!.data[0]!, 5);
    expect(loss!.data[0]).not.toBe(loss!.data[1]);
  });

  it('tell how sure the assignments are and how the prototypes are used', async () => {
    const { distributions } = method.pictures.read!(await painted());
    expect(distributions!.map(({ values }) => values.length)).toEqual([2 * BATCH, 4 * BATCH, PROTOTYPES]);
    const [teacher, student, prototypes] = distributions!.map(({ axis }) => axis);
    expect(teacher).toBe(student);
    expect(prototypes).not.toBe(student);
    for (const entropy of distributions![1]!.values) {
      expect(entropy).toBeGreaterThan(0);
      expect(entropy).toBeLessThan(Math.log(PROTOTYPES));
    }
    expect(distributions![2]!.values.map((use) => use.toFixed(4))).toEqual(Array(PROTOTYPES).fill('1.0000'));
  });

  it('are the same on the compiled engine', async () => {
    const [compiled, eager] = [await painted('onnx'), await painted()];
    expect(Object.keys(compiled).sort()).toEqual(Object.keys(eager).sort());
    for (const [name, { data }] of Object.entries(eager)) {
      data.forEach((value, i) => expect(compiled[name]!.data[i]).toBeCloseTo(value, 3));
    }
  });
});

describe('training', () => {
  async function train(of: Method, steps: number, viewsOf: (step: number) => HostTensors, batch: number) {
    const optimizer = adamw({ betas: [0.9, 0.999], weightDecay: 0.04 });
    const start = of.init(1);
    const initial = { ...start, ...optimizer.init(trained(start)) };
    const scalar = { shape: [], dtype: 'float32' } as const;
    const engine = await createEngine();
    const program = await engine.compile(trainStep(of, optimizer), {
      state: specsOf(initial),
      inputs: { ...of.inputs(batch), lr: scalar, step: scalar },
    });
    const device = engine.upload(initial);
    const metrics: Record<string, number>[] = [];
    for (let step = 0; step < steps; step++) {
      const scheduled = Object.entries(of.scheduled!({ step, totalSteps: steps, epochSteps: 1 }));
      const inputs = { ...inputsOf(of, viewsOf(step), batch), lr: float32([], [3e-3]), step: float32([], [step + 1]) };
      const data = Object.entries(inputs).map(([name, { data }]) => [name, data] as const);
      const outputs = await program.run(device, {
        ...Object.fromEntries(data),
        ...Object.fromEntries(scheduled.map(([name, value]) => [name, Float32Array.of(value)])),
      });
      metrics.push(Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data[0]!])));
    }
    const after = await device.read(Object.keys(start));
    program.dispose();
    device.dispose();
    engine.dispose();
    return { start, after, metrics };
  }

  it('brings views of an image together and keeps images apart', async () => {
    // Each image has a colour of its own; its views differ by noise.
    const batch = 8;
    const colours = normal([batch, 3], 1, 5, 'colours').data;
    const views = (step: number): HostTensors =>
      Object.fromEntries(
        Object.entries(method.views).map(([name, { imageSize }]) => {
          const noise = normal([batch, imageSize, imageSize, 3], 0.3, step, name);
          const size = imageSize * imageSize * 3;
          const data = Float32Array.from(noise.data, (x, i) => x + colours[Math.floor(i / size) * 3 + (i % 3)]!);
          return [name, { ...noise, data }];
        }),
      );
    const { metrics } = await train(methodOf({ teacherMomentum: 0.9 }), 200, views, batch);
    const [first, last] = [metrics[0]!, metrics.at(-1)!];
    expect(last['train/teacher_student_kl']).toBeLessThan(first['train/teacher_student_kl']! / 2);
    expect(last['train/assignment_entropy']).toBeLessThan(0.5);
    expect(last['train/prototype_entropy']).toBeGreaterThan(Math.log(3));
  });

  it('of a ResNet keeps running statistics of the student and of the teacher', async () => {
    const resnet = createResNet({ depth: 18, stem: 'cifar', width: 2 });
    const of = methodOf({}, resnet);
    const { start, after } = await train(of, 1, () => ({}), BATCH);
    const name = 'buffer.encoder.stem.norm.mean';
    const [student, teacher] = [after[name]!, of.evaluated!(after)[name]!];
    expect(student).not.toEqual(start[name]);
    expect(teacher).not.toEqual(start[name]);
    // The student has seen the small views too.
    expect(teacher).not.toEqual(student);
    expect(of.pictures.columns.map(({ name }) => name)).toEqual(['global1', 'local1', 'local2']);
  });
});

import * as tf from '@tensorflow/tfjs-core';
import type { Scalar } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { createEngine } from '../../../trainer/engine/index';
import { multiHeadAttention, valueAndGrads } from '../../../trainer/engine/ops';
import type { ProgramSpec, Step } from '../../../trainer/engine/types';

const onnx = await createEngine({ engine: 'onnx', device: 'cpu', threads: 1 });
const reference = await createEngine({ engine: 'reference' });
const spec: ProgramSpec = {
  state: { w: { shape: [2, 3], dtype: 'float32' } },
  inputs: { x: { shape: [4, 2], dtype: 'float32' } },
};
const here = (line: number) => `errors.test.ts:${line}`;

/** The message that compiling gives, and the line on which `marked` was called inside the step. */
async function failure(step: Step): Promise<string> {
  try {
    await onnx.compile(step, spec);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it compiled');
}

/** The line that called this. */
const line = () => Number(/errors\.test\.ts:(\d+)/.exec(new Error().stack!.split('\n')[2]!)![1]);

describe('a step that cannot be traced says which op, and where', () => {
  it.each<[string, (x: tf.Tensor) => unknown]>([
    ['dataSync', (x) => x.dataSync()],
    ['arraySync', (x) => x.arraySync()],
    ['bufferSync', (x) => x.bufferSync()],
    ['data', (x) => x.data()],
    ['array', (x) => x.array()],
  ])('a host read with %s', async (name, read) => {
    const message = await failure((_, { x }) => {
      void read(x!);
      return { outputs: { x: x! } };
    });
    expect(message).toContain(name);
    expect(message).toContain('errors.test.ts:');
    expect(message).toContain('cannot be read while tracing');
  });

  it('an op without a lowering', async () => {
    let at = 0;
    const message = await failure((_, { x }) => {
      at = line() + 1;
      return { outputs: { y: tf.atan2(x!, x!) } };
    });
    expect(message).toContain(`atan2 at `);
    expect(message).toContain(here(at));
    expect(message).toContain('Atan2 cannot be traced');
  });

  it('shapes that do not fit', async () => {
    let at = 0;
    const message = await failure(({ w }) => {
      at = line() + 1;
      return { outputs: { y: tf.matMul(w!, w!) } };
    });
    expect(message).toContain('matMul at ');
    expect(message).toContain(here(at));
    expect(message).toMatch(/inner sides 3 and 2 of \[2,3\] and \[2,3\] differ/);
  });

  it('a random draw, which would be the same in every step', async () => {
    let at = 0;
    const message = await failure((_, { x }) => {
      at = line() + 1;
      return { outputs: { y: tf.add(x!, tf.randomNormal([4, 2])) } };
    });
    expect(message).toContain(here(at));
    expect(message).toMatch(/random draw .* pass it as an input/);
  });

  it('a tensor made outside of the step', async () => {
    // On the reference backend: while nothing is traced there is no other.
    let outside: tf.Tensor | undefined;
    await reference.compile(
      (_, { x }) => {
        outside = tf.keep(tf.ones([2]));
        return { outputs: { x: x! } };
      },
      { state: {}, inputs: spec.inputs },
    );
    const message = await failure((_, { x }) => ({ outputs: { y: tf.add(x!, outside!) } }));
    outside!.dispose();
    expect(message).toMatch(/made outside it; pass it as state or as an input/);
  });

  it.each<[string, (w: tf.Tensor) => tf.Tensor]>([
    ['the value to differentiate is int32, not float32', (w) => tf.sum(tf.cast(w, 'int32'))],
    ['the value to differentiate is [2], not []', (w) => tf.sum(w, 1)],
    ['qkv of attention is [4,10], which 2 images and 3 heads do not divide', () => tf.sum(multiHeadAttention(tf.ones([4, 10]), { batch: 2, heads: 3 }))], // prettier-ignore
    ['Size(6) must match the product of shape 5', (w) => tf.sum(tf.reshape(w, [5]))],
  ])('%s', async (expected, f) => {
    const message = await failure(({ w }) => {
      const { value } = valueAndGrads((params) => f(params.w!) as Scalar, { w: w! });
      return { outputs: { value } };
    });
    expect(message).toContain('errors.test.ts:');
    expect(message).toContain(expected);
  });

  it('a gradient of integers', async () => {
    const message = await failure(({ w }) => {
      const { value } = valueAndGrads(({ i }) => tf.sum(i!), { i: tf.cast(w!, 'int32') });
      return { outputs: { value } };
    });
    expect(message).toContain('parameter "i" is int32, not float32');
  });

  it('leaves tfjs as it was', async () => {
    const { numTensors } = tf.memory();
    await failure(() => {
      throw new Error('no');
    });
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

describe('a step that returns what it must not', () => {
  it.each<[RegExp, Step]>([
    [/state "w" as float32 \[3, 2\]; it went in as float32 \[2, 3\]/, ({ w }) => ({ state: { w: tf.transpose(w!) }, outputs: {} })],
    [/state "v", which its spec does not declare/, ({ w }) => ({ state: { v: w! }, outputs: {} })],
    [/output "y" is bool; cast it/, ({ w }) => ({ outputs: { y: tf.greater(w!, 0) } })],
    [/must return \{ state\?, outputs \}, not a promise or nothing/, (() => Promise.resolve()) as unknown as Step],
  ])('%s', async (message, step) => {
    await expect(onnx.compile(step, spec)).rejects.toThrow(message);
    await expect(reference.compile(step, spec)).rejects.toThrow(message);
  }); // prettier-ignore
});

describe.each([onnx, reference])('a $name program given what it was not compiled for', (engine) => {
  const step: Step = ({ w }, { x }) => ({ outputs: { y: tf.matMul(x!, w!) } });
  const w = { shape: [2, 3], dtype: 'float32', data: new Float32Array(6) } as const;
  const x = new Float32Array(8);

  it.each<[RegExp, Record<string, Float32Array | Int32Array>]>([
    [/inputs "x" are missing; the program takes "x"/, {}],
    [/inputs "z" are unknown/, { x, z: x }],
    [/input "x" has 3 elements; float32 \[4, 2\] needs 8/, { x: new Float32Array(3) }],
    [/input "x" must be a Float32Array .*, not Int32Array/, { x: new Int32Array(8) }],
  ])('%s', async (message, inputs) => {
    const program = await engine.compile(step, spec);
    const state = engine.upload({ w });
    await expect(program.run(state, inputs)).rejects.toThrow(message);
  });

  it('a state without an entry, or with one of another shape', async () => {
    const program = await engine.compile(step, spec);
    await expect(program.run(engine.upload({}), { x })).rejects.toThrow(/the device state has no "w"/);
    const other = engine.upload({ w: { ...w, shape: [3, 2] } });
    await expect(program.run(other, { x })).rejects.toThrow(
      /state "w" is float32 \[3, 2\]; the program was compiled with/,
    );
  });

  it('an entry that it does not have, read', async () => {
    await expect(engine.upload({ w }).read(['v'])).rejects.toThrow(/no "v"/);
    expect(() => engine.upload({ w: { ...w, shape: [5] } })).toThrow(/state "w" has 6 elements; float32 \[5\] needs 5/);
  });
});

it('a program or a state that has been disposed of, once or twice, is refused', async () => {
  const one = { shape: [1], dtype: 'float32' } as const;
  const step: Step = ({ w }, { x }) => ({ outputs: { y: tf.add(w!, x!) } });
  const program = await onnx.compile(step, { state: { w: one }, inputs: { x: one } });
  const values = { w: { ...one, data: Float32Array.of(1) } };
  const [gone, state] = [onnx.upload(values), onnx.upload(values)];
  const x = Float32Array.of(2);
  for (let i = 0; i < 2; i++) gone.dispose();
  await expect(program.run(gone, { x })).rejects.toThrow('the device state has been disposed of');
  expect((await program.run(state, { x })).y!.data[0]).toBe(3);
  for (let i = 0; i < 2; i++) program.dispose();
  await expect(program.run(state, { x })).rejects.toThrow(/disposed of/);
});

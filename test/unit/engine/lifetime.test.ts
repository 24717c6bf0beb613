import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { ProgramSpec, Step } from '../../../trainer/engine/types';
import { runtimesUnderTest, testEngine, type TestedEngine } from '../../engines';

const spec: ProgramSpec = {
  state: { sum: { shape: [4, 8], dtype: 'float32' }, count: { shape: [], dtype: 'int32' } },
  inputs: { x: { shape: [4, 8], dtype: 'float32' } },
};
const accumulate: Step = ({ sum, count }, { x }) => ({
  state: { sum: tf.add(sum!, x!), count: tf.add(count!, tf.scalar(1, 'int32')) },
  outputs: { mean: tf.mean(sum!), count: count! },
});
const zeros = () => ({
  sum: { ...spec.state.sum!, data: new Float32Array(32) },
  count: { ...spec.state.count!, data: new Int32Array(1) },
});
const x = new Float32Array(32).fill(0.5);

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

async function open(engine: TestedEngine) {
  const made = await testEngine(engine, { threads: 1 });
  return { engine: made, program: await made.compile(accumulate, spec), state: made.upload(zeros()) };
}

describe.each([...runtimesUnderTest, 'reference'] as const)('device state on %s', (name) => {
  it('persists from step to step', async () => {
    const { program, state } = await open(name);
    for (let i = 0; i < 5; i++) expect((await program.run(state, { x })).count!.data[0]).toBe(i);
    expect((await state.read()).sum!.data[0]).toBe(2.5);
  });

  it('is what was uploaded, and what was read stays as it was', async () => {
    const { engine, program } = await open(name);
    const values = zeros();
    const state = engine.upload(values);
    values.sum.data.fill(100);
    const before = await state.read(['sum']);
    for (let i = 0; i < 3; i++) await program.run(state, { x });
    expect(before.sum!.data[0]).toBe(0);
    expect((await state.read(['sum'])).sum!.data[0]).toBe(1.5);
  });

  it('is shared by programs that each use a part of it', async () => {
    const { engine, program, state } = await open(name);
    const doubled = await engine.compile(
      ({ sum }) => ({ state: { sum: tf.mul(sum!, 2) }, outputs: {} }),
      { state: { sum: spec.state.sum! }, inputs: {} },
    ); // prettier-ignore
    await program.run(state, { x });
    await doubled.run(state, {});
    await program.run(state, { x });
    expect((await state.read(['sum'])).sum!.data[0]).toBe(1.5);
  });

  it('outlives the program that computed it', async () => {
    const { engine, program, state } = await open(name);
    await program.run(state, { x });
    const reading = await engine.compile(({ sum }) => ({ outputs: { sum: sum! } }), { state: { sum: spec.state.sum! }, inputs: {} }); // prettier-ignore
    await reading.run(state, {});
    await program.run(state, { x });
    program.dispose();
    expect((await reading.run(state, {})).sum!.data[0]).toBe(1);
    const next = await engine.compile(accumulate, spec);
    await next.run(state, { x });
    const { sum, count } = await state.read();
    expect([sum!.data[0], count!.data[0]]).toEqual([1.5, 3]);
  });

  it('takes entries exchanged, returned unchanged, and one tensor under two names', async () => {
    const engine = await testEngine(name, { threads: 1 });
    const one = { shape: [1], dtype: 'float32' } as const;
    const program = await engine.compile(
      ({ a, b, c }) => ({ state: { a: b!, b: a!, c: c! }, outputs: { a: a!, again: a! } }),
      { state: { a: one, b: one, c: one }, inputs: {} },
    );
    const state = engine.upload({
      a: { ...one, data: Float32Array.of(1) },
      b: { ...one, data: Float32Array.of(2) },
      c: { ...one, data: Float32Array.of(3) },
    });
    for (const expected of [1, 2, 1]) {
      const { a, again } = await program.run(state, {});
      expect([a!.data[0], again!.data[0]]).toEqual([expected, expected]);
    }
    const { a, b, c } = await state.read();
    expect([a!.data[0], b!.data[0], c!.data[0]]).toEqual([2, 1, 3]);
  });

  it('gives the same bits for the same inputs', async () => {
    const runs = await Promise.all(
      [1, 2].map(async () => {
        const { program, state } = await open(name);
        const noise = Float32Array.from({ length: 32 }, (_, i) => Math.sin(i) * 1e3);
        for (let i = 0; i < 20; i++) await program.run(state, { x: noise });
        return (await state.read(['sum'])).sum!.data;
      }),
    );
    expect(runs[0]).toEqual(runs[1]);
  });

  it('outlives a garbage collection', async () => {
    const { program, state } = await open(name);
    collectGarbage();
    await setImmediate(); // what was collected is released behind the collection
    expect((await program.run(state, { x })).count!.data[0]).toBe(0);
  });

  it('holds memory flat over 10,000 steps', { timeout: 120_000 }, async () => {
    const { engine, program, state } = await open(name);
    const steps = async (n: number) => {
      for (let i = 0; i < n; i++) await program.run(state, { x });
    };
    await steps(100);
    const tensors = tf.memory().numTensors;
    await steps(1900);
    const grown: number[] = [];
    for (let round = 0; round < 4; round++) {
      collectGarbage();
      const before = process.memoryUsage().rss;
      await steps(2000);
      collectGarbage();
      grown.push(process.memoryUsage().rss - before);
    }
    expect(tf.memory().numTensors).toBe(tensors);
    // A leaked tensor of 128 bytes with its handles a step would be 2 MB or more in every round; the garbage collector's
    // own memory grows by leaps, and not in all of them.
    expect(Math.min(...grown)).toBeLessThan(1.5e6);
    state.dispose();
    program.dispose();
    engine.dispose();
    expect((await state.read().catch(() => ({}))) as object).toEqual({});
  });
});

it.each(runtimesUnderTest)('%s holds memory flat over programs that come and go', async (name) => {
  const programs = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const { engine, program, state } = await open(name);
      await program.run(state, { x });
      state.dispose();
      program.dispose();
      engine.dispose();
    }
  };
  await programs(50);
  const before = process.memoryUsage().rss;
  await programs(200);
  // What a program is made of takes some hundred kilobytes; the garbage collector's young generation moves by 32 MB.
  expect(process.memoryUsage().rss - before).toBeLessThan(40e6);
});

it('the reference engine gives back the backend that was in use, and every tensor', async () => {
  const { engine, program, state } = await open('onnx');
  const backend = tf.getBackend();
  const { numTensors } = tf.memory();
  const reference = await open('reference');
  await reference.program.run(reference.state, { x });
  reference.state.dispose();
  expect(tf.getBackend()).toBe(backend);
  expect(tf.memory().numTensors).toBe(numTensors);
  state.dispose();
  program.dispose();
  engine.dispose();
});

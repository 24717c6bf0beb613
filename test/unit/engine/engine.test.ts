import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { gelu, standardize, valueAndGrads } from '../../../trainer/engine/ops';
import type { ProgramSpec, Step } from '../../../trainer/engine/types';
import { runtimesUnderTest, testEngine, type TestedEngine } from '../../engines';

const spec: ProgramSpec = {
  state: {
    w: { shape: [3, 2], dtype: 'float32' },
    scale: { shape: [3], dtype: 'float32' },
    shift: { shape: [3], dtype: 'float32' },
  },
  inputs: { x: { shape: [2, 4, 3], dtype: 'float32' }, lr: { shape: [], dtype: 'float32' } },
};
const values = {
  w: { data: Float32Array.of(0.1, -0.2, 0.3, 0.4, -0.5, 0.6), ...spec.state.w! },
  scale: { data: Float32Array.of(1, 2, 3), ...spec.state.scale! },
  shift: { data: Float32Array.of(0, 0.5, 1), ...spec.state.shift! },
};
const descent: Step = (state, { x, lr }) => {
  const { value, grads } = valueAndGrads(({ w, scale, shift }) => {
    const normed = tf.add(tf.mul(standardize(x!, 1e-5), scale!), shift!);
    return tf.mean<tf.Scalar>(tf.square(gelu(tf.matMul(normed, w!))));
  }, state);
  const next = Object.fromEntries(Object.entries(state).map(([n, p]) => [n, tf.sub(p, tf.mul(grads[n]!, lr!))]));
  return { state: next, outputs: { loss: value } };
};

async function train(name: TestedEngine) {
  const engine = await testEngine(name);
  const program = await engine.compile(descent, spec);
  const state = engine.upload(values);
  const x = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i * 1.7));
  const losses: number[] = [];
  for (let step = 0; step < 5; step++) {
    const { loss } = await program.run(state, { x, lr: Float32Array.of(0.1) });
    losses.push(loss!.data[0]!);
  }
  const { w } = await state.read(['w']);
  state.dispose();
  program.dispose();
  engine.dispose();
  return { losses, w: Array.from(w!.data), outputs: program.outputs };
}

describe('a compiled step', () => {
  it.each(runtimesUnderTest)('computes on %s what it computes on the reference engine', async (name) => {
    const reference = await train('reference');
    const other = await train(name);
    expect(other.outputs).toEqual(reference.outputs);
    expect(reference.losses[4]).toBeLessThan(reference.losses[0]!);
    other.losses.forEach((loss, i) => expect(loss).toBeCloseTo(reference.losses[i]!, 5));
    other.w.forEach((value, i) => expect(value).toBeCloseTo(reference.w[i]!, 5));
  });

  it.each(runtimesUnderTest)('sums five million values on %s without losing digits', async (name) => {
    const engine = await testEngine(name);
    const like = { shape: [50, 100, 1000], dtype: 'float32' } as const;
    const program = await engine.compile((_, { x }) => ({ outputs: { sum: tf.sum(x!), mean: tf.mean(x!) } }), {
      state: {},
      inputs: { x: like },
    });
    const x = Float32Array.from({ length: 5_000_000 }, (_, i) => 0.1 + (i % 7) * 0.01);
    const exact = x.reduce((total, value) => total + value, 0); // in double precision
    const { sum, mean } = await program.run(engine.upload({}), { x });
    expect(sum!.data[0]! / exact).toBeCloseTo(1, 5);
    expect((mean!.data[0]! * x.length) / exact).toBeCloseTo(1, 5);
    program.dispose();
    engine.dispose();
  });
});

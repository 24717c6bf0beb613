/** What of the state a step may overwrite while it runs. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { overwritten } from '../../../trainer/engine/in-place';
import { stepGraph, type Target } from '../../../trainer/engine/model';
import { adamwUpdate, after } from '../../../trainer/engine/ops';
import type { Step } from '../../../trainer/engine/types';
import { adamw } from '../../../trainer/nn/adamw';
import { runtimesUnderTest, testEngine } from '../../engines';

const four = { shape: [4], dtype: 'float32' } as const;
const spec = { state: { p: four, q: four }, inputs: { g: four } };

function found(step: Step, target: Target = 'kernels'): string[] {
  const { graph, next } = stepGraph(step, spec, target);
  return [...overwritten(graph, next)].toSorted();
}

describe('a state entry is overwritten', () => {
  it('when nothing but its update reads it', () => {
    expect(found(({ p, q }, { g }) => ({ state: { p: tf.sub(p!, g!), q: tf.mul(q!, g!) }, outputs: {} }))).toEqual(['p', 'q']); // prettier-ignore
  });

  it('when its other readers come before the update', () => {
    const step: Step = ({ p }, { g }) => ({ state: { p: tf.sub(p!, tf.mul(g!, tf.sum(tf.square(p!)))) }, outputs: {} });
    expect(found(step)).toEqual(['p']);
  });

  it('not when something independent reads it, under another shape too', () => {
    const step: Step = ({ p, q }, { g }) => ({
      state: { p: tf.sub(p!, g!), q: tf.add(q!, g!) },
      outputs: { p: tf.sin(p!), q: tf.sum(tf.exp(tf.reshape(q!, [2, 2])), 0) },
    });
    expect(found(step)).toEqual([]);
  });

  it('when the update has been told to come after what reads it', () => {
    const step: Step = ({ p }, { g }) => {
      const read = tf.sum(tf.sin(p!));
      return { state: { p: tf.sub(p!, tf.mul(after(g!, read), 2)) }, outputs: { read } };
    };
    expect(found(step)).toEqual(['p']);
    expect(found(step, 'cpu')).toEqual([]);
  });

  it('not when its old value goes to another entry, nor by an op that reads elsewhere', () => {
    expect(found(({ p }, { g }) => ({ state: { p: tf.sub(p!, g!), q: p! }, outputs: {} }))).toEqual([]);
    expect(found(({ p }, { g }) => ({ state: { p: tf.reverse(p!), q: tf.mul(g!, 2) }, outputs: {} }))).toEqual([]);
  });

  it('not by AdamW when another member has it for a gradient', () => {
    const moments = { m: { ...four, shape: [8] }, v: { ...four, shape: [8] } };
    const step: Step = ({ p, q, m, v }) => {
      const scalars: Tensor1D = tf.fill([4], 0.5);
      const rules = { beta1: 0.9, beta2: 0.9, scalars };
      const members = [
        { parameter: p!, gradient: tf.reshape(q!, [2, 2]) },
        { parameter: q!, gradient: p! },
      ];
      const next = adamwUpdate(members, m!, v!, rules);
      return { state: { m: next.m, v: next.v, p: next.parameters[0]!, q: next.parameters[1]! }, outputs: {} };
    };
    const { graph, next } = stepGraph(step, { state: { ...spec.state, ...moments }, inputs: {} }, 'kernels');
    expect([...overwritten(graph, next)].toSorted()).toEqual(['m', 'v']);
  });

  it('by AdamW, parameters and moments', () => {
    const optimizer = adamw({ betas: [0.9, 0.95], weightDecay: 0.05 });
    const moments = Object.fromEntries(['m', 'v'].map((name) => [`optimizer.${name}.0`, { ...four, shape: [8] }]));
    const step: Step = ({ p, q, ...state }, { g }) => {
      const grads = { p: tf.mul(g!, q!), q: tf.mul(g!, p!) };
      const { params, state: next } = optimizer.update({ p: p!, q: q! }, grads, state, tf.scalar(1), tf.scalar(1));
      return { state: { ...params, ...next }, outputs: {} };
    };
    const { graph, next } = stepGraph(step, { state: { ...spec.state, ...moments }, inputs: spec.inputs }, 'kernels');
    expect(overwritten(graph, next).size).toBe(4);
  });
});

it.each([...runtimesUnderTest, 'onnx-plain'] as const)(
  '%s reads before it overwrites, however it runs the step',
  async (name) => {
    const square = { shape: [2, 2], dtype: 'float32' } as const;
    const engine = await testEngine(name);
    const program = await engine.compile(
      ({ r }) => {
        const turned = tf.transpose(r!);
        return { state: { r: tf.add(r!, turned) }, outputs: { sum: tf.sum(turned) } };
      },
      { state: { r: square }, inputs: {} },
    );
    const state = engine.upload({ r: { ...square, data: Float32Array.of(1, 2, 3, 4) } });
    const { sum } = await program.run(state, {});
    expect(sum!.data[0]).toBe(10);
    state.dispose();
    program.dispose();
  },
);

it('a step that overwrites and one that cannot come to the same values', async () => {
  const values = {
    p: { ...four, data: Float32Array.of(1, 2, 3, 4) },
    q: { ...four, data: Float32Array.of(4, 3, 2, 1) },
  };
  const step: Step = ({ p, q }, { g }) => ({
    state: { p: tf.sub(p!, tf.mul(g!, tf.sum(q!))), q: tf.add(q!, p!) },
    outputs: { sum: tf.add(tf.sum(p!), tf.sum(q!)) },
  });
  const results = await Promise.all(
    (['onnx', 'onnx-plain', 'reference'] as const).map(async (name) => {
      const engine = await testEngine(name);
      const program = await engine.compile(step, spec);
      const state = engine.upload(values);
      for (let i = 0; i < 3; i++) await program.run(state, { g: Float32Array.of(0.5, 0.25, 1, 2) });
      const { p, q } = await state.read();
      state.dispose();
      program.dispose();
      return [...p!.data, ...q!.data];
    }),
  );
  expect(results[0]).toEqual(results[2]);
  expect(results[1]).toEqual(results[2]);
});

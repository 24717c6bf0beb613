/** What is WebAssembly's own: memory that grows, ends at 4 GiB and can be broken. */
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { createGraph } from '../../../trainer/engine/graph';
import { lowered, modelBytes } from '../../../trainer/engine/model';
import type { Step } from '../../../trainer/engine/types';
import { wasmRuntime } from '../../../trainer/engine/wasm';
import { testEngine } from '../../engines';

const floats = (...shape: number[]) => ({ shape, dtype: 'float32' }) as const;
const outOfMemory = /WebAssembly is out of memory, of which it has 4 GiB at most: take a smaller batch or model/;

describe('the memory of WebAssembly', async () => {
  const engine = await testEngine('wasm', { threads: 2 });

  it('grows under tensors that are in use', async () => {
    const count: Step = ({ n }) => ({ state: { n: tf.add(n!, 1) }, outputs: { n: n! } });
    const program = await engine.compile(count, { state: { n: floats() }, inputs: {} });
    const state = engine.upload({ n: { ...floats(), data: Float32Array.of(5) } });
    await program.run(state, {});
    const side = 8192; // 256 MiB each
    const square: Step = (_, { x }) => ({ outputs: { most: tf.max(tf.mul(x!, tf.transpose(x!))) } });
    const large = await engine.compile(square, { state: {}, inputs: { x: floats(side, 1) } });
    const none = engine.upload({});
    expect((await large.run(none, { x: new Float32Array(side).fill(0.5) })).most!.data[0]).toBe(0.25);
    expect((await program.run(state, {})).n!.data[0]).toBe(6);
    expect((await state.read()).n!.data[0]).toBe(7);
  });

  it('says that it is full, of a tensor or of what is between, and can be used further', async () => {
    const whole: Step = (_, { x }) => ({ outputs: { x: x! } });
    const huge = { state: {}, inputs: { x: floats(2 ** 15, 2 ** 16) } };
    await expect(engine.compile(whole, huge)).rejects.toThrow(outOfMemory);
    const most = { state: {}, inputs: { x: floats(2 ** 15, 2 ** 15 - 1) } };
    await expect(engine.compile(whole, most)).rejects.toThrow(outOfMemory);

    const outer: Step = (_, { x }) => ({ outputs: { sum: tf.sum(tf.exp(tf.mul(x!, tf.transpose(x!)))) } });
    const none = engine.upload({});
    for (const side of [30_000, 60_000]) {
      const program = await engine.compile(outer, { state: {}, inputs: { x: floats(side, 1) } });
      await expect(program.run(none, { x: new Float32Array(side) })).rejects.toThrow(outOfMemory);
      program.dispose();
    }
    const small = await engine.compile(outer, { state: {}, inputs: { x: floats(2, 1) } });
    expect((await small.run(none, { x: new Float32Array(2) })).sum!.data[0]).toBe(4);
  });
});

it('after a crash every call is refused, and nothing waits for what is locked', async () => {
  const runtime = await wasmRuntime(3); // Of its own: no other test has three threads.
  const graph = createGraph();
  const x = graph.input('x', floats(2));
  const doubled = graph.node('Add', [x, x], x);
  const session = runtime.createSession(modelBytes(lowered(graph, [doubled])));
  const made = runtime.createTensor(floats(2));
  const nowhere = { ...runtime.createTensor(floats(2)), handle: 0xfffffff0 };
  const run = () => session.run(new Map([['x', nowhere]]), new Map([[doubled.name, made]]));
  expect(run).toThrow(/^ONNX Runtime has crashed on WebAssembly: .*memory access out of bounds/);
  expect(run).toThrow(/has crashed/);
  expect(() => runtime.createTensor(floats(2))).toThrow(/has crashed/);
  for (const left of [session, made]) left.dispose();
});

/** Mixed precision beside PyTorch's autocast and GradScaler: test/fixtures/mixed/generate.py. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { createEngine } from '../../../trainer/engine/index';
import { gelu } from '../../../trainer/engine/ops';
import { specsOf } from '../../../trainer/engine/shapes';
import type { DeviceState, HostTensors, Precision, Program } from '../../../trainer/engine/types';
import { adamw } from '../../../trainer/nn/adamw';
import { dense, layerNorm } from '../../../trainer/nn/layers';
import { initLossScale, type LossScaling } from '../../../trainer/nn/loss-scale';
import { trainStep, type Loss } from '../../../trainer/nn/train-step';
import { isOnDriver, onDriver } from '../../vulkan';
import { testEngine } from '../../engines';
import { readFixture, under } from '../methods/fixture';

const { tensors, about } = readFixture(new URL('../../fixtures/mixed/mixed.safetensors', import.meta.url));
const { lr, weightDecay, betas, eps, scaler } = about as {
  lr: number;
  weightDecay: number;
  betas: [number, number];
  eps: number;
  scaler: { init_scale: number; growth_factor: number; growth_interval: number; backoff_factor: number };
};
const scaling: LossScaling = {
  initial: scaler.init_scale,
  growth: scaler.growth_factor,
  growthInterval: scaler.growth_interval,
  backoff: scaler.backoff_factor,
};
const before = under('before.', tensors);
const after = under('after.', tensors);
const STEPS = tensors.scales!.shape[0]!;

const loss: Loss = (params, { x, y }) => {
  const hidden = gelu(layerNorm(params, 'norm', dense(params, 'up', x as Tensor2D)));
  return { loss: tf.mean(tf.squaredDifference(dense(params, 'down', hidden), y!)), metrics: {} };
};
const optimizer = adamw({ betas, eps, weightDecay });
const fresh: HostTensors = { ...before, ...optimizer.init(before), ...initLossScale(scaling) };
const scalar = { shape: [], dtype: 'float32' } as const;
const inputs = {
  x: { shape: [8, 12], dtype: 'float32' },
  y: { shape: [8, 5], dtype: 'float32' },
  lr: scalar,
  step: scalar,
} as const;

const part = (name: string, step: number, size: number) =>
  tensors[name]!.data.slice(step * size, (step + 1) * size) as Float32Array;
const given = (step: number) => ({
  x: part('inputs', step, 8 * 12),
  y: part('targets', step, 8 * 5),
  lr: Float32Array.of(lr),
  step: Float32Array.of(step + 1),
});

const compile = (engine: Awaited<ReturnType<typeof testEngine>>, precision: Precision) =>
  engine.compile(trainStep({ loss }, optimizer, scaling), { state: specsOf(fresh), inputs, precision });

async function run(program: Program, state: DeviceState, from = 0, to = STEPS) {
  const rows: { readonly loss: number; readonly norm: number; readonly scale: number; readonly skipped: number }[] = [];
  for (let step = from; step < to; step++) {
    const out = await program.run(state, given(step));
    const value = (name: string) => out[name]!.data[0]!;
    rows.push({
      loss: value('loss'),
      norm: value('grad_norm'),
      scale: value('train/loss_scale'),
      skipped: value('train/skipped_steps'),
    });
  }
  return rows;
}

const distance = (a: HostTensors, b: HostTensors) =>
  Math.hypot(...Object.entries(a).flatMap(([name, { data }]) => Array.from(data, (v, i) => v - b[name]!.data[i]!)));

const isOnGpu = isOnDriver('float16');
if (!isOnGpu) onDriver('float16', import.meta.url);

describe('a training in mixed precision', async () => {
  const engine = await testEngine('onnx', { device: isOnGpu ? 'webgpu' : 'cpu' });

  it('has PyTorch’s loss scales, skips the same updates, and ends where it does', async () => {
    const program = await compile(engine, 'mixed');
    const state = engine.upload(fresh);
    const rows = await run(program, state);
    expect(rows.map(({ scale }) => scale)).toEqual(Array.from(tensors.scales!.data));
    expect(rows.map(({ skipped }) => skipped)).toEqual(Array.from(tensors.skipped!.data));
    rows.forEach(({ loss }, i) => expect(loss).toBeCloseTo(tensors.losses!.data[i]!, 2));
    // By far closer than it went, though not to a rounding: PyTorch rounds GELUs to float16 as well.
    expect(distance(after, await state.read(Object.keys(after)))).toBeLessThan(0.02 * distance(after, before));
  });

  it('multiplies matrices in float16, which float32 alone is not', async () => {
    const losses = await Promise.all(
      (['float32', 'mixed'] as const).map(async (precision) => {
        const program = await compile(engine, precision);
        return (await run(program, engine.upload(fresh), 0, 1))[0]!.loss;
      }),
    );
    expect(losses[1]).not.toBe(losses[0]);
    expect(losses[1]).toBeCloseTo(losses[0]!, 2);
  });

  it('leaves everything but the scale as it was where gradients overflow', async () => {
    const program = await compile(engine, 'mixed');
    const state = engine.upload(fresh);
    const [row] = await run(program, state, 0, 1);
    expect(row!.norm).not.toBeLessThan(Infinity);
    const {
      'optimizer.loss_scale.value': scale,
      'optimizer.loss_scale.skipped': skipped,
      ...rest
    } = await state.read();
    expect([scale!.data[0], skipped!.data[0]]).toEqual([scaling.initial / 2, 1]);
    for (const [name, { data }] of Object.entries(rest)) expect([name, data]).toEqual([name, fresh[name]!.data]);
  });

  it('goes on bit for bit from a state that was read', async () => {
    const program = await compile(engine, 'mixed');
    const whole = engine.upload(fresh);
    await run(program, whole);
    const first = engine.upload(fresh);
    await run(program, first, 0, 7);
    const second = engine.upload(await first.read());
    await run(program, second, 7);
    expect(await second.read()).toEqual(await whole.read());
  });
});

it('the loss scale alone changes but roundings, on the reference and compiled', async () => {
  const modest: LossScaling = { ...scaling, initial: 1024 };
  const plain = trainStep({ loss }, optimizer);
  const scaled = trainStep({ loss }, optimizer, modest);
  for (const engine of [await createEngine({ engine: 'reference' }), await testEngine('onnx')]) {
    const unscaled = { ...before, ...optimizer.init(before) };
    const one = engine.upload(unscaled);
    const other = engine.upload({ ...unscaled, ...initLossScale(modest) });
    const program = await engine.compile(plain, { state: one.specs, inputs });
    const scaledProgram = await engine.compile(scaled, { state: other.specs, inputs });
    for (let step = 0; step < 3; step++) {
      await program.run(one, given(step));
      await scaledProgram.run(other, given(step));
    }
    expect(distance(await one.read(Object.keys(before)), await other.read(Object.keys(before)))).toBeLessThan(1e-5);
    expect((await other.read(['optimizer.loss_scale.value']))['optimizer.loss_scale.value']!.data[0]).toBe(2048);
  }
});

it('an engine without mixed precision says so', async () => {
  const reference = await createEngine({ engine: 'reference' });
  await expect(compile(reference, 'mixed')).rejects.toThrow('the reference engine has no mixed precision; onnx has');
});

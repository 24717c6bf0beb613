import * as tf from '@tensorflow/tfjs-core';
import type { Scalar } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import type { HostTensors, Tensors } from '../../../trainer/engine/types';
import { normal } from '../../../trainer/nn/initializers';
import { adamw } from '../../../trainer/nn/adamw';
import type { AdamwConfig } from '../../../trainer/nn/adamw';
import { createOptimizer } from '../../../trainer/nn/create-optimizer';
import { lars } from '../../../trainer/nn/lars';
import type { Optimizer } from '../../../trainer/nn/optimizer';
import { sgd } from '../../../trainer/nn/sgd';
import { trainStep, type Loss } from '../../../trainer/nn/train-step';
import { size } from '../../../trainer/engine/shapes';
import { readFixture, under } from '../methods/fixture';
import { evaluate, float32 } from './evaluate';

/** The algorithm of the paper on one number at a time. */
function byHand(
  start: HostTensors,
  gradient: (name: string) => ArrayLike<number>,
  lrs: readonly number[],
  { betas: [beta1, beta2], eps = 1e-8, weightDecay, decays, scale, clipNorm }: AdamwConfig,
): Record<string, number[]> {
  const squares = Object.keys(start).flatMap((name) => Array.from(gradient(name), (g) => g * g));
  const clip = Math.min(1, (clipNorm ?? Infinity) / Math.sqrt(squares.reduce((a, b) => a + b, 0)));
  return Object.fromEntries(
    Object.entries(start).map(([name, { data, shape }]) => [
      name,
      Array.from(data, (value, i) => {
        let [x, m, v] = [value, 0, 0];
        lrs.forEach((rate, t) => {
          const lr = rate * (scale?.(name) ?? 1);
          const g = gradient(name)[i]! * clip;
          if (decays?.(name, shape) ?? shape.length > 1) x -= lr * weightDecay * x;
          m = beta1 * m + (1 - beta1) * g;
          v = beta2 * v + (1 - beta2) * g * g;
          x -= (lr * (m / (1 - beta1 ** (t + 1)))) / (Math.sqrt(v / (1 - beta2 ** (t + 1))) + eps);
        });
        return x;
      }),
    ]),
  );
}

const start: HostTensors = {
  kernel: normal([3, 5], 1, 0, 'kernel'),
  bias: normal([5], 1, 0, 'bias'),
  'norm.scale': normal([3], 1, 0, 'norm'),
  other: normal([2, 2], 1, 0, 'other'),
  large: normal([100, 90], 1, 0, 'large'),
};
const gradients: HostTensors = Object.fromEntries(
  Object.entries(start).map(([name, { shape }]) => [name, normal(shape, 0.1, 1, name)]),
);
const lrs = [0.1, 0.2, 0.05];

/** The parameters after one update per learning rate, with the gradients of each. */
async function run(
  optimizer: Optimizer,
  from: HostTensors,
  rates: ArrayLike<number>,
  gradientsOf: (update: number) => HostTensors,
) {
  let values = { ...from, ...optimizer.init(from) };
  let norm = 0;
  for (const [i, lr] of Array.from(rates).entries()) {
    const next = await evaluate(
      (state, { lr, step, ...grads }) => {
        const split = (moments: boolean): Tensors =>
          Object.fromEntries(Object.entries(state).filter(([name]) => name.startsWith('optimizer.') === moments));
        const result = optimizer.update(split(false), grads, split(true), lr as Scalar, step as Scalar);
        return { ...result.params, ...result.state, norm: result.gradNorm };
      },
      values,
      { ...gradientsOf(i), lr: float32([], [lr]), step: float32([], [i + 1]) },
    );
    const { norm: gradNorm, ...rest } = next;
    norm = gradNorm!.data[0]!;
    values = rest;
  }
  return { values, norm };
}

const updated = (config: AdamwConfig, from = start) => run(adamw(config), from, lrs, () => gradients);

const globalNorm = Math.sqrt(
  Object.values(gradients)
    .flatMap(({ data }) => Array.from(data, (g) => g * g))
    .reduce((a, b) => a + b, 0),
);

const configs: Record<string, AdamwConfig> = {
  'as MAE uses it': { betas: [0.9, 0.95], weightDecay: 0.5 },
  'without decay': { betas: [0.9, 0.999], weightDecay: 0 },
  'with its own choice of what decays': { betas: [0.9, 0.95], weightDecay: 0.5, decays: (name) => name === 'bias' },
  'with learning rates of each parameter': {
    betas: [0.9, 0.95],
    weightDecay: 0.5,
    scale: (name) => ({ kernel: 0.25, large: 0.5, bias: 0 })[name] ?? 1,
  },
  'with clipped gradients': { betas: [0.9, 0.95], weightDecay: 0.5, eps: 0.01, clipNorm: 0.5 },
  'with gradients below the clipping norm': { betas: [0.9, 0.95], weightDecay: 0.5, eps: 0.01, clipNorm: 1000 },
};

describe('AdamW', () => {
  it.each(Object.entries(configs))('%s updates every parameter as the paper says', async (_, config) => {
    const { values, norm } = await updated(config);
    expect(norm / globalNorm).toBeCloseTo(1, 5);
    for (const [name, expected] of Object.entries(byHand(start, (n) => gradients[n]!.data, lrs, config))) {
      expect(values[name]!.shape).toEqual(start[name]!.shape);
      const error = Math.max(...expected.map((value, i) => Math.abs(value - values[name]!.data[i]!)));
      expect(error, name).toBeLessThan(1e-5);
    }
  });

  it('does not depend on the order of the parameters, to the last bit', async () => {
    const config: AdamwConfig = { betas: [0.9, 0.95], weightDecay: 0.5, clipNorm: 0.5 };
    const inOrder = await updated(config);
    const reversed = await updated(config, Object.fromEntries(Object.entries(start).reverse()));
    expect(reversed).toEqual(inOrder);
  });

  it('keeps a pair of moments for parameters that are updated alike, as far as they fit together', () => {
    const params = Object.fromEntries(
      [[5], [3, 5], [3], [520, 505], [2, 2]].map((shape, i) => [`parameter ${i}`, float32(shape, new Array(size(shape)).fill(1))]), // prettier-ignore
    );
    const sizes = (config: Partial<AdamwConfig>) => {
      const moments = Object.entries(adamw({ betas: [0.9, 0.95], weightDecay: 0, ...config }).init(params));
      expect(moments.every(([, { data }]) => data.every((value) => value === 0))).toBe(true);
      return moments.map(([name, { shape }]) => [name, ...shape]);
    };
    const pairs = (...sizes: number[]) =>
      sizes.flatMap((n, i) => ['m', 'v'].map((moment) => [`optimizer.${moment}.${i}`, n]));
    expect(sizes({})).toEqual(pairs(5 + 3, 3 * 5, 520 * 505, 2 * 2));
    expect(sizes({ decays: () => true })).toEqual(pairs(5 + 3 * 5 + 3, 520 * 505, 2 * 2));
    expect(sizes({ scale: (name) => (name === 'parameter 1' ? 0.5 : 1) })).toEqual(
      pairs(5 + 3, 3 * 5, 520 * 505, 2 * 2),
    );
  });
});

interface About {
  readonly lrs: readonly number[];
  readonly momentum: number;
  readonly weightDecay: number;
  readonly clipNorm?: number;
}

describe.each([
  ['SGD with Nesterov momentum', 'sgd', sgd],
  ['SGD without momentum or decay, gradients clipped', 'sgd-plain', sgd],
  ['LARS', 'lars', lars],
] as const)('%s', (_, name, make) => {
  const read = readFixture(new URL(`../../fixtures/optimizers/${name}.safetensors`, import.meta.url));
  const about = read.about as About;
  const before = under('before.', read.tensors);
  const after = under('after.', read.tensors);
  const gradientsOf = (update: number): HostTensors =>
    Object.fromEntries(
      Object.entries(under('gradients.', read.tensors)).map(([name, { dtype, shape, data }]) => {
        const own = shape.slice(1);
        return [name, { dtype, shape: own, data: data.slice(update * size(own), (update + 1) * size(own)) }];
      }),
    );

  it('is PyTorch’s over five updates: fixtures/optimizers/generate.py', async () => {
    const { values } = await run(make(about), before, about.lrs, gradientsOf);
    for (const [name, { data, shape }] of Object.entries(after)) {
      expect(values[name]!.shape).toEqual(shape);
      const moved = Math.hypot(...Array.from(data, (value, i) => value - before[name]!.data[i]!));
      const error = Math.hypot(...Array.from(data, (value, i) => value - values[name]!.data[i]!));
      // Relative to how far it went; what stands still does so exactly, but for rounding.
      expect(error, name).toBeLessThanOrEqual(1e-5 * Math.max(moved, 1e-2));
    }
  });

  it('leaves a parameter of scale 0 alone', async () => {
    const frozen = make({ ...about, scale: (name) => (name === 'kernel' ? 0 : 1) });
    const { values } = await run(frozen, before, about.lrs, gradientsOf);
    expect(values.kernel).toEqual(before.kernel);
    expect(values.other).not.toEqual(before.other);
  });

  it('takes a weight decay that is given over the configured one', async () => {
    const params = { kernel: before.kernel! };
    const once = (optimizer: Optimizer, decay?: number) =>
      evaluate(
        (state, { kernel, lr, step, decay: given }) => {
          const { kernel: own, ...moments } = state;
          const scalars = [lr as Scalar, step as Scalar, decay === undefined ? undefined : (given as Scalar)] as const;
          return { ...optimizer.update({ kernel: own! }, { kernel: kernel! }, moments, ...scalars).params };
        },
        { ...params, ...optimizer.init(params) },
        {
          kernel: gradientsOf(0).kernel!,
          lr: float32([], [0.5]),
          step: float32([], [1]),
          decay: float32([], [decay ?? 0]),
        },
      );
    const configured = await once(make({ ...about, weightDecay: 0.25 }));
    expect(await once(make({ ...about, weightDecay: 0 }), 0.25)).toEqual(configured);
    expect(await once(make({ ...about, weightDecay: 0 }))).not.toEqual(configured);
  });
});

describe('the optimizer of a config', () => {
  it.each([
    ['adamw', ['optimizer.m.0', 'optimizer.v.0']],
    ['sgd', ['optimizer.velocity.0']],
    ['lars', ['optimizer.velocity.0']],
  ] as const)('%s keeps its own moments', (type, moments) => {
    const optimizer = createOptimizer({ type, betas: [0.9, 0.95], momentum: 0.9, weightDecay: 0 });
    expect(Object.keys(optimizer.init({ kernel: start.kernel! }))).toEqual(moments);
  });
});

describe('a training step', () => {
  const optimizer = adamw({ betas: [0.9, 0.95], weightDecay: 0 });
  const weights = { w: float32([2], [3, -4]) };
  const loss: Loss = (params, inputs) => {
    const product = tf.mul(params.w!, inputs.x!);
    return { loss: tf.sum<Scalar>(product), metrics: { product, largest: tf.max(product) } };
  };
  const step = trainStep({ loss }, optimizer);

  it('reports the loss, its metrics and the gradient norm, and returns parameters and moments', async () => {
    const outputs = await evaluate(
      (state, inputs) => {
        const result = step(state, inputs);
        return { ...result.outputs, ...result.state };
      },
      { ...weights, ...optimizer.init(weights) },
      { x: float32([2], [3, 4]), lr: float32([], [0.5]), step: float32([], [1]) },
    );
    expect(outputs.loss).toEqual(float32([], [-7]));
    expect(outputs.product).toEqual(float32([2], [9, -16]));
    expect(outputs.largest).toEqual(float32([], [9]));
    expect(outputs.grad_norm!.data[0]).toBeCloseTo(5);
    // The first update of Adam is lr against the sign of the gradient.
    expect([...outputs.w!.data].map((value) => value.toFixed(4))).toEqual(['2.5000', '-4.5000']);
    expect(outputs['optimizer.m.0']!.data[1]).toBeCloseTo(4);
    expect(outputs['optimizer.v.0']!.data[1]).toBeCloseTo(16);
  });
});

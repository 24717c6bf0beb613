/** Cases of ops, run on an engine and on the reference, by value and gradient. */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { expect } from 'vitest';
import { createEngine } from '../../../trainer/engine/index';
import { valueAndGrads } from '../../../trainer/engine/ops';
import type { Engine, HostTensor, HostTensors, Specs, Step, Tensors } from '../../../trainer/engine/types';

export interface Case {
  readonly name: string;
  readonly inputs: readonly HostTensor[];
  readonly f: (...inputs: Tensor[]) => Tensor;
  /** Also compare the gradient with differences of the value; off where the op has kinks. */
  readonly smooth?: boolean;
}

export const size = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);

/** A float tensor whose values are a fixed function of `seed`, spread over [low, high] with no two alike. */
export function float(shape: readonly number[], seed = 1, low = -2, high = 2): HostTensor {
  const noise = (i: number) => ((Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453) % 1) * 0.5 + 0.5;
  const data = Float32Array.from({ length: size(shape) }, (_, i) => low + (high - low) * noise(i));
  return { shape, dtype: 'float32', data };
}

export function int(shape: readonly number[], seed: number, low: number, high: number): HostTensor {
  const { data } = float(shape, seed, low, high + 0.999);
  return { shape, dtype: 'int32', data: Int32Array.from(data, Math.floor) };
}

/** Shapes of rank 1 to 5 with sides 1 to 4, seldom large. */
export const shapes = (minRank = 1, maxRank = 5) =>
  fc.array(fc.integer({ min: 1, max: 4 }), { minLength: minRank, maxLength: maxRank });

/** Two shapes that broadcast: sides of one dropped or set to 1. */
export const broadcastable = shapes().chain((shape) =>
  fc
    .tuple(fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), fc.nat(shape.length), fc.boolean())
    .map(([ones, drop, swap]) => {
      const other = shape.map((n, i) => (ones[i] ? 1 : n)).slice(drop);
      return swap ? [other, shape] : [shape, other];
    }),
);

/** Weights that tell every element of an output from every other. */
const weigh = (y: Tensor) => tf.tensor(float(y.shape, 7).data, y.shape);

function stepOf(cases: readonly Case[]): { step: Step; inputs: Specs } {
  const inputs: Record<string, HostTensor> = {};
  for (const { name, inputs: own } of cases) own.forEach((input, i) => (inputs[`${name}/${i}`] = input));
  const step: Step = (_, given) => {
    const outputs: Record<string, Tensor> = {};
    for (const { name, f, inputs: own } of cases) {
      const args = own.map((_input, i) => given[`${name}/${i}`]!);
      const y = tf.cast(f(...args), 'float32');
      outputs[`${name}/value`] = y;
      const floats = Object.fromEntries(args.map((arg, i) => [i, arg] as const).filter(([, { dtype }]) => dtype === 'float32')); // prettier-ignore
      if (Object.keys(floats).length === 0) continue;
      const { grads } = valueAndGrads((params: Tensors) => {
        const value = tf.cast(f(...args.map((arg, i) => params[i] ?? arg)), 'float32');
        // Each argument enters the loss by itself too, so that an op without a gradient gives a zero one.
        const own = Object.values(params).map((param) => tf.mul(tf.sum(param), 0));
        return tf.addN([tf.sum(tf.mul(value, weigh(value))), ...own]) as Scalar;
      }, floats);
      for (const [i, gradient] of Object.entries(grads)) outputs[`${name}/gradient ${i}`] = gradient;
    }
    return { outputs };
  };
  return { step, inputs };
}

async function results(engine: Engine, cases: readonly Case[]): Promise<HostTensors> {
  const { step, inputs } = stepOf(cases);
  const program = await engine.compile(step, { state: {}, inputs });
  const state = engine.upload({});
  try {
    const values = Object.fromEntries(cases.flatMap(({ name, inputs: own }) => own.map(({ data }, i) => [`${name}/${i}`, data]))); // prettier-ignore
    return await program.run(state, values);
  } finally {
    state.dispose();
    program.dispose();
  }
}

const reference = await createEngine({ engine: 'reference' });

/** Throws unless `engine` computes for every case what the reference does, up to rounding. */
export async function agree(engine: Engine, cases: readonly Case[]): Promise<void> {
  const [actual, expected] = [await results(engine, cases), await results(reference, cases)];
  expect(Object.keys(actual).toSorted()).toEqual(Object.keys(expected).toSorted());
  for (const [name, want] of Object.entries(expected)) {
    const got = actual[name]!;
    expect([name, got.shape]).toEqual([name, want.shape]);
    want.data.forEach((value, i) => close(`${name}[${i}]`, got.data[i]!, value, 1e-4));
  }
  for (const one of cases) if (one.smooth) await matchesDifferences(one, expected);
}

function close(what: string, got: number, want: number, tolerance: number): void {
  const same = Object.is(got, want) || Math.abs(got - want) <= tolerance * Math.max(1, Math.abs(want));
  if (!same) throw new Error(`${what} is ${got}, expected ${want}`);
}

/** The gradient along one direction against the difference of two values: an oracle that no gradient code shares. */
async function matchesDifferences({ name, inputs, f }: Case, expected: HostTensors): Promise<void> {
  const h = 1 / 128;
  const directions = inputs.map(({ shape }, i) => float(shape, 20 + i, -1, 1).data);
  const moved = (sign: number) =>
    inputs.map(
      (input, i) =>
      input.dtype === 'int32' ? input : { ...input, data: Float32Array.from(input.data, (v, j) => v + sign * h * directions[i]![j]!) }, // prettier-ignore
    );
  const losses = await Promise.all(
    [1, -1].map(async (sign) => {
      const run = await results(reference, [{ name, inputs: moved(sign), f }]);
      const value = run[`${name}/value`]!;
      return dot(value.data, float(value.shape, 7).data);
    }),
  );
  const slope = (losses[0]! - losses[1]!) / (2 * h);
  const along = inputs.map((_, i) => dot(expected[`${name}/gradient ${i}`]?.data ?? [], directions[i]!));
  close(
    `${name}: slope`,
    along.reduce((a, b) => a + b, 0),
    slope,
    2e-2,
  );
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

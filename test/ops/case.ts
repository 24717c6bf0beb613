/** Cases of ops, run on an engine and on the reference, by value and gradient: for the tests and, on a GPU, for `gpu-bench`. */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import { createEngine } from '../../trainer/engine/index';
import { valueAndGrads } from '../../trainer/engine/ops';
import type { Engine, HostTensor, HostTensors, Specs, Step, Tensors } from '../../trainer/engine/types';

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

export async function results(engine: Engine, cases: readonly Case[]): Promise<HostTensors> {
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

export const reference = await createEngine({ engine: 'reference' });

/** How far an output of a case is from the reference's at its worst element. */
export interface Difference {
  /** "sqrt/gradient 0[3]" */
  readonly what: string;
  readonly got: number;
  readonly want: number;
  /** Of the reference's value where that is above 1; 0 for what is the same, Infinity for what is no number. */
  readonly error: number;
}

export interface Compared {
  /** Of every output, by the name of its case. */
  readonly differences: ReadonlyMap<string, readonly Difference[]>;
  readonly expected: HostTensors;
}

/** Throws when an output has another name or shape than the reference's. */
export async function compared(engine: Engine, cases: readonly Case[]): Promise<Compared> {
  const [actual, expected] = [await results(engine, cases), await results(reference, cases)];
  const shapes = (tensors: HostTensors) => JSON.stringify(Object.entries(tensors).map(([name, { shape }]) => [name, shape]).sort()); // prettier-ignore
  if (shapes(actual) !== shapes(expected)) throw new Error(`got ${shapes(actual)}, expected ${shapes(expected)}`);
  const ofCase = (name: string) =>
    Object.keys(expected)
      .filter((output) => output.slice(0, output.lastIndexOf('/')) === name)
      .map((output) => worst(output, actual[output]!.data, expected[output]!.data));
  return { differences: new Map(cases.map(({ name }) => [name, ofCase(name)])), expected };
}

function worst(output: string, got: ArrayLike<number>, want: ArrayLike<number>): Difference {
  const each = Array.from(want, (value, i): Difference => {
    return { what: `${output}[${i}]`, got: got[i]!, want: value, error: errorOf(got[i]!, value) };
  });
  return each.reduce((one, other) => (other.error > one.error ? other : one), {
    what: output,
    got: 0,
    want: 0,
    error: 0,
  });
}

/** Relative to values above 1, absolute below. */
export function errorOf(got: number, want: number): number {
  if (Object.is(got, want)) return 0;
  const error = Math.abs(got - want) / Math.max(1, Math.abs(want));
  return Number.isNaN(error) ? Infinity : error;
}

/** Up to which an engine computes the same: rounding, and no more. */
export const TOLERANCE = 1e-4;

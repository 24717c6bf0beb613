import type { Tensor } from '@tensorflow/tfjs-core';
import type { HostTensor, HostTensors, Specs, Tensors, TypedArray } from '../../../trainer/engine/types';
import { testEngine, type TestedEngine } from '../../engines';

export const specsOf = (tensors: HostTensors): Specs =>
  Object.fromEntries(Object.entries(tensors).map(([name, { shape, dtype }]) => [name, { shape, dtype }]));

export const float32 = (shape: readonly number[], values: ArrayLike<number>): HostTensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
});

export const int32 = (shape: readonly number[], values: ArrayLike<number>): HostTensor => ({
  dtype: 'int32',
  shape,
  data: Int32Array.from(values),
});

/** Host tensors of these specs out of plain arrays, as `Method.draw` gives them. */
export const withSpecs = (values: Readonly<Record<string, TypedArray>>, specs: Specs): HostTensors =>
  Object.fromEntries(Object.entries(values).map(([name, data]) => [name, { ...specs[name]!, data }]));

/** What a function of tensors gives; on the reference engine if no other is asked for. */
export async function evaluate(
  f: (params: Tensors, inputs: Tensors) => Record<string, Tensor>,
  params: HostTensors,
  inputs: HostTensors = {},
  engineName: TestedEngine = 'reference',
): Promise<Record<string, HostTensor>> {
  const engine = await testEngine(engineName);
  const state = engine.upload(params);
  const program = await engine.compile((p, given) => ({ outputs: f(p, given) }), {
    state: specsOf(params),
    inputs: specsOf(inputs),
  });
  const outputs = await program.run(
    state,
    Object.fromEntries(Object.entries(inputs).map(([name, { data }]) => [name, data])),
  );
  program.dispose();
  state.dispose();
  engine.dispose();
  return outputs;
}

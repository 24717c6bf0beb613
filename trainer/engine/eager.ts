/** Engines that run the step itself, op by op, on one of tfjs's backends. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import './gradients';
import { checkHostTensor, checkInputs, checkResult, checkState, stateEntry } from './check';
import { promised } from './promised';
import { specsOf } from './shapes';
import type { DeviceState, Engine, HostTensor, HostTensors, ProgramSpec, Specs, Step, TypedArray } from './types';

/** Runs a function with the backend in place, and puts back the one that was. */
type On = <T>(f: () => T) => T;

interface EagerState extends DeviceState {
  readonly tensors: Map<string, Tensor>;
}

interface Eager extends Pick<Engine, 'name' | 'device' | 'description'> {
  /** The name under which it is registered with tfjs. */
  readonly backend: string;
  /** What the step returns, which is looked at without running it for real. Throws when the step will not do. */
  readonly outputsOf: (step: Step, spec: ProgramSpec) => Specs;
}

export function createEagerEngine({ backend, outputsOf, ...about }: Eager): Engine {
  const on: On = (f) => {
    const previous = tf.engine().backendName;
    // Synchronous for a backend with a synchronous factory.
    if (previous !== backend) void tf.engine().setBackend(backend);
    try {
      return f();
    } finally {
      if (previous && previous !== backend) void tf.engine().setBackend(previous);
    }
  };
  return {
    ...about,
    upload: (values) => upload(values, on),
    compile: (step, spec) =>
      promised(() => {
        if (spec.precision === 'mixed') throw new Error(`the ${about.name} engine has no mixed precision; onnx has`);
        return {
          outputs: on(() => outputsOf(step, spec)),
          run: (state, inputs) => promised(() => on(() => run(step, spec, state as EagerState, inputs))),
          dispose: () => undefined,
        };
      }),
    dispose: () => undefined,
  };
}

const toTensor = ({ data, shape, dtype }: HostTensor): Tensor => tf.tensor(data.slice(), [...shape], dtype);
const toHost = (tensor: Tensor): HostTensor => ({
  data: tensor.dataSync().slice() as TypedArray,
  shape: tensor.shape,
  dtype: tensor.dtype as HostTensor['dtype'],
});

function upload(values: HostTensors, on: On): EagerState {
  for (const [name, value] of Object.entries(values)) checkHostTensor(name, value);
  const tensors = on(
    () => new Map(Object.entries(values).map(([name, value]) => [name, tf.keep(toTensor(value))] as const)),
  );
  return {
    tensors,
    specs: specsOf(values),
    read: (names = [...tensors.keys()]) => {
      const entry = (name: string) => [name, toHost(stateEntry(tensors, name))] as const;
      return promised(() => on(() => Object.fromEntries(names.map(entry))));
    },
    dispose() {
      for (const tensor of tensors.values()) tensor.dispose();
      tensors.clear();
    },
  };
}

function run(
  step: Step,
  spec: ProgramSpec,
  state: EagerState,
  inputs: Readonly<Record<string, TypedArray>>,
): HostTensors {
  checkState(state.specs, spec.state);
  checkInputs(inputs, spec.inputs);
  let outputs: HostTensors = {};
  tf.tidy(() => {
    const given = Object.fromEntries(Object.keys(spec.state).map((name) => [name, state.tensors.get(name)!]));
    const taken = Object.fromEntries(
      Object.entries(spec.inputs).map(([name, { shape, dtype }]) => [
        name,
        toTensor({ data: inputs[name]!, shape, dtype }),
      ]),
    );
    const result = step(given, taken);
    checkResult(result, spec.state);
    outputs = Object.fromEntries(Object.entries(result.outputs).map(([name, tensor]) => [name, toHost(tensor)]));
    // Clones first: a step may return one entry under another's name.
    const next = Object.entries(result.state ?? {}).map(([name, tensor]) => [name, tf.keep(tensor.clone())] as const);
    for (const [name, tensor] of next) {
      state.tensors.get(name)!.dispose();
      state.tensors.set(name, tensor);
    }
  });
  return outputs;
}

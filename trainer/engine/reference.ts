/** The reference engine: the step itself, run op by op on tfjs's plain JavaScript backend. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import './gradients';
import { onBackend } from './backend';
import { checkHostTensor, checkInputs, checkResult, checkState, stateEntry } from './check';
import { promised } from './promised';
import { specsOf } from './shapes';
import type { DeviceState, Engine, HostTensor, HostTensors, ProgramSpec, Specs, Step, TypedArray } from './types';

interface ReferenceState extends DeviceState {
  readonly tensors: Map<string, Tensor>;
}

const on = <T>(f: () => T): T => onBackend('cpu', f);

export function createReferenceEngine(): Engine {
  // Its first write would print an advertisement.
  (tf.findBackend('cpu') as { firstUse?: boolean }).firstUse = false;
  return {
    name: 'reference',
    device: 'cpu',
    description: `tfjs ${tf.version_core}, plain JavaScript, op by op`,
    upload,
    compile: (step, spec) =>
      promised(() => {
        if (spec.precision === 'mixed') throw new Error('the reference engine has no mixed precision; onnx has');
        return {
          outputs: on(() => outputsOfZeros(step, spec)),
          run: (state, inputs) => promised(() => on(() => run(step, spec, state as ReferenceState, inputs))),
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

function upload(values: HostTensors): ReferenceState {
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
  state: ReferenceState,
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

/** By running it, since nothing of the other engines may be in what they are compared to; zeros will do. */
function outputsOfZeros(step: Step, spec: ProgramSpec): Specs {
  const zeros = (specs: Specs) =>
    Object.fromEntries(Object.entries(specs).map(([name, { shape, dtype }]) => [name, tf.zeros([...shape], dtype)]));
  let outputs: Specs = {};
  tf.tidy(() => {
    outputs = checkResult(step(zeros(spec.state), zeros(spec.inputs)), spec.state);
  });
  return outputs;
}

/** The reference engine: the step itself, run eagerly on tfjs's plain JavaScript backend. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import './gradients';
import { checkHostTensor, checkInputs, checkResult, checkState, stateEntry } from './check';
import { specsOf } from './shapes';
import type {
  DeviceState,
  Engine,
  HostTensor,
  HostTensors,
  Program,
  ProgramSpec,
  Specs,
  Step,
  TypedArray,
} from './types';

/** Runs `f` with tfjs's cpu backend in place, and puts back the one that was. */
function onCpu<T>(f: () => T): T {
  const previous = tf.engine().backendName;
  if (previous !== 'cpu') void tf.engine().setBackend('cpu');
  // Its first write would print an advertisement.
  (tf.findBackend('cpu') as { firstUse?: boolean }).firstUse = false;
  try {
    return f();
  } finally {
    if (previous && previous !== 'cpu') void tf.engine().setBackend(previous);
  }
}

const toTensor = ({ data, shape, dtype }: HostTensor): Tensor => tf.tensor(data.slice(), [...shape], dtype);
const toHost = (tensor: Tensor): HostTensor => ({
  data: tensor.dataSync().slice() as TypedArray,
  shape: tensor.shape,
  dtype: tensor.dtype as HostTensor['dtype'],
});

interface ReferenceState extends DeviceState {
  readonly tensors: Map<string, Tensor>;
}

export function createReferenceEngine(): Engine {
  return {
    name: 'reference',
    device: 'cpu',
    description: `tfjs ${tf.version_core}, plain JavaScript, eager`,
    upload,
    compile,
    dispose: () => undefined,
  };
}

function upload(values: HostTensors): ReferenceState {
  for (const [name, value] of Object.entries(values)) checkHostTensor(name, value);
  const tensors = onCpu(
    () => new Map(Object.entries(values).map(([name, value]) => [name, tf.keep(toTensor(value))] as const)),
  );
  return {
    tensors,
    specs: specsOf(values),
    async read(names = [...tensors.keys()]) {
      const entry = (name: string) => {
        const tensor = stateEntry(tensors, name);
        return [name, toHost(tensor)] as const;
      };
      return Promise.resolve(onCpu(() => Object.fromEntries(names.map(entry))));
    },
    dispose() {
      for (const tensor of tensors.values()) tensor.dispose();
      tensors.clear();
    },
  };
}

async function compile(step: Step, spec: ProgramSpec): Promise<Program> {
  // What the outputs are is only known by running; zeros will do.
  const zeros = (specs: Specs) =>
    Object.fromEntries(Object.entries(specs).map(([name, { shape, dtype }]) => [name, tf.zeros([...shape], dtype)]));
  let outputs: Specs = {};
  onCpu(() =>
    tf.tidy(() => {
      outputs = checkResult(step(zeros(spec.state), zeros(spec.inputs)), spec.state);
    }),
  );
  return Promise.resolve({
    outputs,
    run: async (state, inputs) => Promise.resolve(onCpu(() => run(step, spec, state as ReferenceState, inputs))),
    dispose: () => undefined,
  });
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

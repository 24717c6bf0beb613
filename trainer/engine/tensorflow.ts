/**
 * The tensorflow engine, on a CUDA GPU or on the CPU. A program is a graph of TensorFlow's: op by op a step would take many
 * times as long, most of it between the ops.
 */
import './gradients';
import { checkInputs, checkState } from './check';
import { promised } from './promised';
import { loadTensorflow, type LoadedTensorflow } from './tensorflow/load';
import { createSession } from './tensorflow/session';
import { readValues, upload, type TensorflowState, type Value } from './tensorflow/state';
import { recordStep } from './tensorflow/step';
import { trace } from './trace';
import type { Engine, HostTensors, Program, ProgramSpec, Step, TypedArray } from './types';

/** `folder` is an installation of `@tensorflow/tfjs-node` or `-gpu`. Throws an Error that says what of it does not load. */
export function createTensorflowEngine(folder: string, device: 'cpu' | 'cuda'): Engine {
  const library = loadTensorflow(folder, device);
  return {
    name: 'tensorflow',
    device,
    description: `TensorFlow ${library.binding.TF_Version}, ${device === 'cpu' ? 'CPU' : 'CUDA'}`,
    upload,
    compile: (step, spec) => promised(() => compile(step, spec, library)),
    dispose: () => undefined,
  };
}

function compile(step: Step, spec: ProgramSpec, library: LoadedTensorflow): Program {
  if (spec.precision === 'mixed') throw new Error('the tensorflow engine has no mixed precision; onnx has');
  // A step that was written for this engine alone would surprise on the next machine: it has to compile on the others.
  const { outputSpecs } = trace(step, spec);
  const session = createSession(library.binding, spec, recordStep(step, spec, library));
  /** What the session's variables hold. */
  const held = new Map<string, Value>();

  function run({ specs, values }: TensorflowState, data: Readonly<Record<string, TypedArray>>): HostTensors {
    checkState(specs, spec.state);
    checkInputs(data, spec.inputs);
    if (values.size < Object.keys(specs).length) throw new Error('the device state has been disposed of');
    const stale = Object.keys(spec.state).filter((name) => held.get(name) !== values.get(name));
    session.load(readValues(values, stale));
    for (const name of stale) held.set(name, values.get(name)!);
    const results = session.run(data);
    for (const name of session.changes) {
      const value = { home: session };
      values.set(name, value);
      held.set(name, value);
    }
    return Object.fromEntries(
      Object.entries(outputSpecs).map(([name, like]) => [name, { ...like, data: results[name]! }]),
    );
  }

  return {
    outputs: outputSpecs,
    run: (state, inputs) => promised(() => run(state as TensorflowState, inputs)),
    dispose() {
      // What nobody else has goes back to the host.
      const own = new Map([...held].filter(([, { home }]) => home === session));
      for (const [name, host] of Object.entries(readValues(own, own.keys()))) {
        Object.assign(own.get(name)!, { host, home: undefined } satisfies Value);
      }
      held.clear();
      session.dispose();
    },
  };
}

/**
 * The tensorflow engine, on a CUDA GPU or on the CPU. Its programs are graphs of TensorFlow: op by op, a step takes many times
 * as long, most of it between the ops.
 */
import './gradients';
import { checkInputs, checkState } from './check';
import { promised } from './promised';
import { loadTensorflow, type LoadedTensorflow } from './tensorflow/load';
import { createSession, type Session } from './tensorflow/session';
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
  // A step that was written for this engine alone would surprise on the next machine: it has to compile on the others.
  const { outputSpecs } = trace(step, spec);
  /** Made by the first run, which has values to record the step on. */
  let session: Session | undefined;
  /** What the session's variables hold. */
  const held = new Map<string, Value>();

  function run({ specs, values }: TensorflowState, data: Readonly<Record<string, TypedArray>>): HostTensors {
    checkState(specs, spec.state);
    checkInputs(data, spec.inputs);
    const names = Object.keys(spec.state);
    if (values.size < Object.keys(specs).length) throw new Error('the device state has been disposed of');
    const inputs = Object.fromEntries(
      Object.entries(spec.inputs).map(([name, like]) => [name, { ...like, data: data[name]! }]),
    );
    session ??= createSession(
      library.binding,
      spec,
      recordStep(step, spec, { state: readValues(values, names), inputs }, library),
    );
    const stale = names.filter((name) => held.get(name) !== values.get(name));
    session.load(readValues(values, stale));
    for (const name of stale) held.set(name, values.get(name)!);
    const results = session.run(inputs);
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
      const own = new Map([...held].filter(([, { home }]) => home !== undefined && home === session));
      for (const [name, host] of Object.entries(readValues(own, own.keys()))) {
        Object.assign(own.get(name)!, { host, home: undefined } satisfies Value);
      }
      held.clear();
      session?.dispose();
      session = undefined;
    },
  };
}

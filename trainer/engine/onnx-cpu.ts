/** ONNX Runtime on the CPU: its native library, or what of it is compiled to WebAssembly. */
import { bind, disposeAll, hostTensors, type BoundState } from './bound';
import { checkHostTensor, stateEntry } from './check';
import { cachedModel } from './graph-cache';
import type { CpuRuntime, NativeTensor } from './native';
import { promised } from './promised';
import { specsOf } from './shapes';
import type { Engine, HostTensor, HostTensors, Program, ProgramSpec, Step } from './types';

interface CpuState extends BoundState {
  readonly tensors: Map<string, NativeTensor>;
}

export const createCpuEngine = (device: 'cpu' | 'wasm', runtime: CpuRuntime): Engine => ({
  name: 'onnx',
  device,
  description: runtime.description,
  upload: (values, how) => upload(values, runtime, how),
  compile: (step, spec) => promised(() => compile(step, spec, runtime)),
  dispose: () => undefined,
});

function upload(values: HostTensors, runtime: CpuRuntime, how?: 'given'): CpuState {
  for (const [name, value] of Object.entries(values)) checkHostTensor(name, value);
  const specs = specsOf(values);
  const own = ({ data }: HostTensor) => (how === 'given' ? data : data.slice());
  const tensors = new Map(
    Object.entries(values).map(([name, value]) => [name, runtime.createTensor(value, own(value))] as const),
  );
  const spares = new Map<string, NativeTensor>();
  return {
    specs,
    tensors,
    spares,
    read: (names = [...tensors.keys()]) =>
      promised(() => hostTensors(new Map(names.map((name) => [name, stateEntry(tensors, name)])), specs)),
    dispose() {
      disposeAll(tensors);
      disposeAll(spares);
    },
  };
}

function compile(step: Step, spec: ProgramSpec, runtime: CpuRuntime): Program {
  const model = cachedModel(step, spec, runtime.kernels ? 'kernels' : 'cpu');
  const program = bind({
    session: runtime.createSession(model.bytes),
    spec,
    model,
    createHostTensor: (like) => runtime.createTensor(like),
    createStateTensor: (like) => runtime.createTensor(like),
  });
  return {
    outputs: model.outputSpecs,
    run: (state, inputs) => promised(() => program.run(state as CpuState, inputs)),
    dispose: program.dispose,
  };
}

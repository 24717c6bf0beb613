/** ONNX Runtime on a GPU through WebGPU: state stays in the device's buffers from step to step. */
import type * as OnnxRuntime from 'onnxruntime-node';
import { createRequire } from 'node:module';
import { checkHostTensor, checkInputs, checkState, stateEntry } from './check';
import { createGraph } from './graph';
import { lowered, modelBytes, stepGraph } from './model';
import { specsOf } from './shapes';
import { inputName, stateName } from './trace';
import type {
  DeviceState,
  Engine,
  HostTensor,
  HostTensors,
  Program,
  ProgramSpec,
  Step,
  TensorSpec,
  TypedArray,
} from './types';

// As code and not as an import, which a bundle would carry out at its start, also where there is no such package.
const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof OnnxRuntime;
type Tensor = OnnxRuntime.Tensor;
ort.env.logLevel = 'error';

interface GpuState extends DeviceState {
  readonly tensors: Map<string, Tensor>;
}

export function createWebGpuEngine(): Engine {
  return {
    name: 'onnx',
    device: 'webgpu',
    description: `onnxruntime ${ort.env.versions.node ?? ''}, WebGPU`,
    upload,
    compile,
    dispose: () => undefined,
  };
}

const onnxTensor = (data: TypedArray, { shape, dtype }: TensorSpec) =>
  dtype === 'float32'
    ? new ort.Tensor('float32', data as Float32Array, shape)
    : new ort.Tensor('int32', data as Int32Array, shape);

async function toHost(tensor: Tensor, { shape, dtype }: TensorSpec): Promise<HostTensor> {
  return { shape, dtype, data: (await tensor.getData()) as TypedArray };
}

function upload(values: HostTensors): GpuState {
  for (const [name, value] of Object.entries(values)) checkHostTensor(name, value);
  const tensors = new Map(
    Object.entries(values).map(([name, value]) => [name, onnxTensor(value.data.slice(), value)] as const),
  );
  const specs = specsOf(values);
  return {
    specs,
    tensors,
    async read(names = [...tensors.keys()]) {
      const entries = names.map((name) => {
        const tensor = stateEntry(tensors, name);
        return [name, tensor] as const;
      });
      const downloaded = await download(entries.filter(([, tensor]) => tensor.location === 'gpu-buffer'));
      const data = (name: string, tensor: Tensor) => downloaded[name] ?? (tensor.data as TypedArray).slice();
      return Object.fromEntries(entries.map(([name, tensor]) => [name, { ...specs[name]!, data: data(name, tensor) }]));
    },
    dispose() {
      for (const tensor of tensors.values()) tensor.dispose();
      tensors.clear();
    },
  };
}

/** Buffers on the GPU, copied to the host by a graph that does nothing else: the binding has no other way. */
async function download(entries: readonly (readonly [string, Tensor])[]): Promise<Record<string, TypedArray>> {
  if (entries.length === 0) return {};
  const graph = createGraph();
  const values = entries.map(([name, { dims, type }]) =>
    graph.alias(graph.input(stateName(name), { shape: dims, dtype: type as TensorSpec['dtype'] }), name),
  );
  const session = await ort.InferenceSession.create(modelBytes(lowered(graph, values)), {
    executionProviders: ['webgpu'],
  });
  try {
    const copies = await session.run(Object.fromEntries(entries.map(([name, tensor]) => [stateName(name), tensor])));
    return Object.fromEntries(entries.map(([name]) => [name, (copies[name] as Tensor).data as TypedArray]));
  } finally {
    await session.release();
  }
}

async function compile(step: Step, spec: ProgramSpec): Promise<Program> {
  const { graph, outputs, next, outputSpecs } = stepGraph(step, spec);
  const session = await ort.InferenceSession.create(modelBytes(graph), {
    executionProviders: ['webgpu'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    preferredOutputLocation: Object.fromEntries([
      ...Object.values(outputs).map(({ name }) => [name, 'cpu'] as const),
      ...Object.values(next).map(({ name }) => [name, 'gpu-buffer'] as const),
    ]),
  });

  async function run(state: GpuState, inputs: Readonly<Record<string, TypedArray>>): Promise<HostTensors> {
    checkState(state.specs, spec.state);
    checkInputs(inputs, spec.inputs);
    const feeds: Record<string, Tensor> = {};
    for (const name of Object.keys(spec.state)) feeds[stateName(name)] = state.tensors.get(name)!;
    for (const [name, like] of Object.entries(spec.inputs)) feeds[inputName(name)] = onnxTensor(inputs[name]!, like);
    const fetched = await session.run(feeds);
    for (const [name, value] of Object.entries(next)) {
      state.tensors.get(name)!.dispose();
      state.tensors.set(name, fetched[value.name] as Tensor);
    }
    const host = Object.entries(outputs).map(
      async ([name, value]) => [name, await toHost(fetched[value.name] as Tensor, outputSpecs[name]!)] as const,
    );
    return Object.fromEntries(await Promise.all(host));
  }

  return {
    outputs: outputSpecs,
    run: (state, inputs) => run(state as GpuState, inputs),
    dispose: () => void session.release(),
  };
}

/** The onnx engine: a traced step as one ONNX graph, run by ONNX Runtime on the CPU or a GPU. */
import * as ort from 'onnxruntime-node';
import { availableParallelism } from 'node:os';
import { checkHostTensor, checkInputs, checkState } from './check';
import { createGraph, type Value } from './graph';
import { modelBytes } from './model';
import { size, specsOf } from './shapes';
import { inputName, stateName, trace } from './trace';
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

ort.env.logLevel = 'error';

interface OnnxOptions {
  readonly device: 'cpu' | 'webgpu';
  readonly threads?: number;
}

interface OnnxState extends DeviceState {
  readonly tensors: Map<string, ort.Tensor>;
  /** CPU only: what the last step read, free for the next one to write. */
  readonly spares: Map<string, ort.Tensor>;
}

export function createOnnxEngine({ device, threads = availableParallelism() }: OnnxOptions): Engine {
  return {
    name: 'onnx',
    device,
    description:
      `onnxruntime ${ort.env.versions.node ?? ''}, ` +
      (device === 'cpu' ? `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}` : 'WebGPU'),
    upload,
    compile: (step, spec) => compile(step, spec, { device, threads }),
    dispose: () => undefined,
  };
}

const onnxTensor = (data: TypedArray, { shape, dtype }: TensorSpec) =>
  dtype === 'float32'
    ? new ort.Tensor('float32', data as Float32Array, shape)
    : new ort.Tensor('int32', data as Int32Array, shape);

const empty = (spec: TensorSpec) =>
  onnxTensor(spec.dtype === 'float32' ? new Float32Array(size(spec.shape)) : new Int32Array(size(spec.shape)), spec);

async function toHost(tensor: ort.Tensor, { shape, dtype }: TensorSpec): Promise<HostTensor> {
  return { shape, dtype, data: (await tensor.getData()) as TypedArray };
}

function upload(values: HostTensors): OnnxState {
  for (const [name, value] of Object.entries(values)) checkHostTensor(name, value);
  const tensors = new Map(
    Object.entries(values).map(([name, value]) => [name, onnxTensor(value.data.slice(), value)] as const),
  );
  const specs = specsOf(values);
  const spares = new Map<string, ort.Tensor>();
  return {
    specs,
    tensors,
    spares,
    async read(names = [...tensors.keys()]) {
      const entries = names.map((name) => {
        const tensor = tensors.get(name);
        if (!tensor) throw new Error(`the device state has no "${name}"`);
        return [name, tensor] as const;
      });
      const downloaded = await download(entries.filter(([, tensor]) => tensor.location === 'gpu-buffer'));
      const data = (name: string, tensor: ort.Tensor) => downloaded[name] ?? (tensor.data as TypedArray).slice();
      return Object.fromEntries(entries.map(([name, tensor]) => [name, { ...specs[name]!, data: data(name, tensor) }]));
    },
    dispose() {
      for (const tensor of [...tensors.values(), ...spares.values()]) tensor.dispose();
      tensors.clear();
      spares.clear();
    },
  };
}

/** Buffers on the GPU, copied to the host by a graph that does nothing else: the binding has no other way. */
async function download(entries: readonly (readonly [string, ort.Tensor])[]): Promise<Record<string, TypedArray>> {
  if (entries.length === 0) return {};
  const graph = createGraph();
  const values = entries.map(([name, { dims, type }]) =>
    graph.alias(graph.input(stateName(name), { shape: dims, dtype: type as TensorSpec['dtype'] }), name),
  );
  const session = await ort.InferenceSession.create(modelBytes(graph, values), { executionProviders: ['webgpu'] });
  try {
    const copies = await session.run(Object.fromEntries(entries.map(([name, tensor]) => [stateName(name), tensor])));
    return Object.fromEntries(entries.map(([name]) => [name, (copies[name] as ort.Tensor).data as TypedArray]));
  } finally {
    await session.release();
  }
}

async function compile(step: Step, spec: ProgramSpec, { device, threads }: OnnxOptions): Promise<Program> {
  const { graph, state: written, outputs, outputSpecs } = trace(step, spec);
  // An output of its own name each, also where the step returns an input or one tensor twice.
  const named = (prefix: string, values: Readonly<Record<string, Value>>) =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, graph.alias(value, `${prefix}/${name}`)] as const),
    );
  const results = named('output', outputs);
  const next = named('next', written);
  const model = modelBytes(graph, [...Object.values(results), ...Object.values(next)]);
  const gpu = device === 'webgpu';
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [device],
    intraOpNumThreads: threads,
    // A thread with nothing to do spins this long (by default far longer) before it sleeps: beside an editor
    // or another run, spinning takes away the core that the step is waiting for.
    extra: { session: { intra_op: { spin_duration_us: '20' } } },
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    ...(gpu && {
      preferredOutputLocation: Object.fromEntries([
        ...Object.values(results).map(({ name }) => [name, 'cpu'] as const),
        ...Object.values(next).map(({ name }) => [name, 'gpu-buffer'] as const),
      ]),
    }),
  });

  async function run(state: OnnxState, inputs: Readonly<Record<string, TypedArray>>): Promise<HostTensors> {
    checkState(state.specs, spec.state);
    checkInputs(inputs, spec.inputs);
    const feeds: Record<string, ort.Tensor> = {};
    for (const name of Object.keys(spec.state)) feeds[stateName(name)] = state.tensors.get(name)!;
    for (const [name, like] of Object.entries(spec.inputs)) feeds[inputName(name)] = onnxTensor(inputs[name]!, like);
    const fetches: Record<string, ort.Tensor | null> = {};
    for (const { name } of Object.values(results)) fetches[name] = null;
    for (const [name, value] of Object.entries(next)) {
      // On the CPU the step writes into the buffers that the step before last read: nothing is copied or collected.
      fetches[value.name] = gpu ? null : (state.spares.get(name) ?? empty(spec.state[name]!));
    }
    const fetched = await session.run(feeds, fetches);
    for (const [name, value] of Object.entries(next)) {
      const previous = state.tensors.get(name)!;
      if (gpu) previous.dispose();
      else state.spares.set(name, previous);
      state.tensors.set(name, fetched[value.name] as ort.Tensor);
    }
    const host = Object.entries(results).map(
      async ([name, value]) => [name, await toHost(fetched[value.name] as ort.Tensor, outputSpecs[name]!)] as const,
    );
    return Object.fromEntries(await Promise.all(host));
  }

  return {
    outputs: outputSpecs,
    run: (state, inputs) => run(state as OnnxState, inputs),
    dispose: () => void session.release(),
  };
}

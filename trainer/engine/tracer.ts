import {
  KernelBackend,
  engine,
  registerBackend,
  type DataType,
  type Tensor,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { createGraph, type Graph, type Value } from './graph';
import type { DType } from './types';

/** Name of the tfjs backend whose kernels record instead of computing. */
export const TRACE = 'tessera-trace';
/** The same for graphs that have this engine's own kernels. */
export const TRACE_WITH_KERNELS = 'tessera-trace-with-kernels';

let current: Graph | undefined;
let values = new WeakMap<object, Value>();
const hostReads: Error[] = [];

/** As tfjs names the scopes of its ops. */
const randomOp = /^(random\w*|truncatedNormal|multinomial|dropout)__op$/;

/** The tfjs side: every tensor is a name in the graph being recorded. */
class TraceBackend extends KernelBackend {
  override write(data: unknown, shape: number[], dtype: DataType): object {
    if (engine().state.scopeStack.some(({ name }) => randomOp.test(name)))
      throw new Error('a random draw would be frozen into the program; draw on the host and pass it as an input');
    const dataId = {};
    values.set(dataId, constantOf(data as ArrayLike<number>, shape, dtype));
    return dataId;
  }
  override move(): void {
    throw new Error('a tensor cannot move into a trace');
  }
  override readSync(): never {
    throw new Error('the value of a tensor cannot be read while tracing');
  }
  override read(): Promise<never> {
    // A rejection would surface twice: `trace` throws the recorded error once the step returns.
    hostReads.push(new Error('the value of a tensor cannot be read while tracing'));
    return new Promise<never>(() => undefined);
  }
  override numDataIds = () => 0;
  override disposeData = () => true;
  override incRef = () => undefined;
  override refCount = () => 1;
  override floatPrecision = () => 32 as const;
  override epsilon = () => 1e-7;
  override timerAvailable = () => false;
  override memory = () => ({ unreliable: true });
  override dispose = () => undefined;
}

for (const name of [TRACE, TRACE_WITH_KERNELS]) registerBackend(name, () => new TraceBackend(), 0);

function constantOf(data: ArrayLike<number>, shape: readonly number[], dtype: DataType): Value {
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool')
    throw new Error(`${dtype} tensors cannot be traced`);
  const graph = tracer.graph();
  // zeros() and ones() arrive as full arrays; one element says as much.
  if (data.length > 64 && allSame(data)) {
    return graph.node('Expand', [graph.scalar(data[0]!, dtype), graph.ints(shape)], { shape, dtype });
  }
  return graph.constant(data, shape, dtype);
}

/** A loop: the methods of arrays are many times slower on the typed ones that arrive here. */
function allSame(data: ArrayLike<number>): boolean {
  for (let i = 1; i < data.length; i++) if (data[i] !== data[0]) return false;
  return true;
}

export const tracer = {
  /** Throws if the step asked for a value by a promise, which nothing will ever resolve. */
  checkReads(): void {
    if (hostReads[0]) throw hostReads[0];
  },
  graph(): Graph {
    if (!current) throw new Error('tensors of a trace cannot be used outside the step');
    return current;
  },
  valueOf({ dataId, shape }: TensorInfo): Value {
    const value = values.get(dataId);
    if (value) return value;
    throw new Error(`the step uses a tensor [${shape.join()}] made outside it; pass it as state or as an input`);
  },
  tensorInfo({ name, shape, dtype }: Value): TensorInfo {
    const dataId = {};
    values.set(dataId, { name, shape, dtype });
    return { dataId, shape: [...shape], dtype: dtype as DType };
  },
  tensor: (value: Value): Tensor => {
    const { dataId, shape, dtype } = tracer.tensorInfo(value);
    return engine().makeTensorFromDataId(dataId, shape, dtype);
  },
};

/** Runs `record` with the tracing backend in place; afterwards the graph is complete. */
export function recording<T>(record: (graph: Graph) => T, kernels = false): { graph: Graph; result: T } {
  if (current) throw new Error('a step cannot compile another step');
  const graph = createGraph({ kernels });
  const previous = engine().backendName;
  try {
    current = graph;
    hostReads.length = 0;
    values = new WeakMap();
    // Synchronous for a backend with a synchronous factory.
    void engine().setBackend(kernels ? TRACE_WITH_KERNELS : TRACE);
    let result!: T;
    engine().tidy(() => {
      result = record(graph);
    });
    return { graph, result };
  } finally {
    current = undefined;
    if (previous) void engine().setBackend(previous);
  }
}

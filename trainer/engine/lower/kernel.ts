import { getKernel, registerKernel, unregisterKernel, type KernelFunc } from '@tensorflow/tfjs-core';
import { KERNELS, type ElementType, type Graph, type Node, type Value } from '../graph';
import { size } from '../shapes';
import { tracer, TRACE, TRACE_WITH_KERNELS } from '../tracer';

type Attributes = Readonly<Record<string, unknown>>;
type Inputs = Readonly<Record<string, Value>>;
type Lowering<I, A> = (inputs: I, graph: Graph, attributes: A) => Value | Value[];

/**
 * Registers how one tfjs kernel is written in ONNX. The lowering sees its inputs as graph
 * values under tfjs's input names, and tfjs's attributes.
 */
function register<A, I>(backendName: string, kernelName: string, lowering: Lowering<I, A>): void {
  const kernelFunc: KernelFunc = ({ inputs, attrs }) => {
    const values = Object.fromEntries(
      Object.entries(inputs)
        .filter(([, info]) => info !== undefined && info !== null)
        .map(([name, info]) => [name, tracer.valueOf(info!)]),
    );
    const result = lowering(values as I, tracer.graph(), (attrs ?? {}) as A);
    return Array.isArray(result) ? result.map((value) => tracer.tensorInfo(value)) : tracer.tensorInfo(result);
  };
  registerKernel({ kernelName, backendName, kernelFunc });
}

/** How a kernel is lowered in every graph. */
export function lower<A = Attributes, I = Inputs>(kernelName: string, lowering: Lowering<I, A>): void {
  for (const backend of [TRACE, TRACE_WITH_KERNELS]) register(backend, kernelName, lowering);
}

/** How a kernel is lowered in graphs that have this engine's own, whatever it is elsewhere. */
export function lowerOwn<A = Attributes, I = Inputs>(kernelName: string, lowering: Lowering<I, A>): void {
  if (getKernel(kernelName, TRACE_WITH_KERNELS)) unregisterKernel(kernelName, TRACE_WITH_KERNELS);
  register(TRACE_WITH_KERNELS, kernelName, lowering);
}

/** A node of one of this engine's own kernels, for a graph that has them. */
export const kernelNode = (
  graph: Graph,
  type: string,
  inputs: readonly Value[],
  outputs: readonly { shape: readonly number[]; dtype: ElementType }[],
  attributes: Node['attributes'] = {},
): Value[] => graph.multi(type, inputs, outputs, attributes, KERNELS);

/** The shape, with the same dtype or another. */
export const shaped = (shape: readonly number[], dtype: ElementType = 'float32') => ({ shape, dtype });

export function reshape(graph: Graph, x: Value, shape: readonly number[]): Value {
  if (size(x.shape) !== size(shape)) throw new Error(`[${x.shape.join()}] does not fit into [${shape.join()}]`);
  if (x.shape.length === shape.length && x.shape.every((n, i) => n === shape[i])) return x;
  return graph.node('Reshape', [x, graph.ints(shape)], shaped(shape, x.dtype));
}

export function cast(graph: Graph, x: Value, dtype: ElementType): Value {
  const to = { float32: 1, int32: 6, int64: 7, bool: 9, float16: 10 }[dtype];
  return x.dtype === dtype ? x : graph.node('Cast', [x], shaped(x.shape, dtype), { to });
}

/**
 * A graph in the ops that ONNX Runtime's WebGPU provider has kernels for. An op that it lacks would run on the CPU, and what
 * that reads and writes would cross over and back in every step.
 */
import { util } from '@tensorflow/tfjs-core';
import { createGraph, type Graph, type Node, type Value } from './graph';
import { cast, shaped } from './lower/kernel';
import type { LoweredGraph } from './model';
import { size } from './shapes';

/** Throws, naming the op, when one has no kernel and is written in no others here. */
export function forWebGpu(graph: LoweredGraph): LoweredGraph {
  const made = createGraph({ prefix: 'webgpu/' });
  const constants = new Map(graph.constants.map(({ name, bytes }) => [name, bytes]));
  const ints = ({ name }: Value) => Array.from(new BigInt64Array(constants.get(name)!.slice().buffer), Number);
  for (const node of graph.nodes) {
    if (lacking.has(node.type)) throw new Error(`${node.type} has no kernel on WebGPU`);
    const write = node.type === 'Slice' && node.outputs[0]!.dtype === 'float32' ? undefined : others[node.type];
    write?.(node, made, ints);
    // What is written last goes by the name of what it stands for.
    made.nodes.push(write ? { ...made.nodes.pop()!, outputs: node.outputs } : node);
  }
  return { ...graph, nodes: made.nodes, constants: [...graph.constants, ...made.constants] };
}

/** Shaders may be compiled as if there were no NaN or infinity to be found; of the others no step is made. */
const lacking = new Set(['IsNaN', 'IsInf']);

/** Writes an op in others, of which the last has its result. */
type Write = (node: Node, graph: Graph, ints: (constant: Value) => number[]) => Value;

const others: Readonly<Record<string, Write>> = {
  /** alpha aᵀ bᵀ; the factor goes to the smaller one. */
  FusedMatMul({ inputs, outputs, attributes }, graph) {
    const { transA, transB, alpha } = attributes as { transA: number; transB: number; alpha: { float: number } };
    const [a, b] = inputs as [Value, Value];
    const isSmaller = size(a.shape) <= size(b.shape);
    const given = (value: Value, isTransposed: number, isScaled: boolean) => {
      const times =
        isScaled && alpha.float !== 1 ? graph.node('Mul', [value, graph.scalar(alpha.float)], value) : value;
      return isTransposed ? transposed(graph, times) : times;
    };
    return graph.node('MatMul', [given(a, transA, isSmaller), given(b, transB, !isSmaller)], outputs[0]!);
  },

  /** Of integers, which the kernel does not take: by their places along each axis. */
  Slice({ inputs }, graph, ints) {
    const [x, ...bounds] = inputs as [Value, ...Value[]];
    const [starts, ends, axes, steps] = bounds.map(ints) as [number[], number[], number[], number[] | undefined];
    return axes.reduce((value, axis, i) => {
      const length = value.shape[axis]!;
      const step = steps?.[i] ?? 1;
      const place = (bound: number) =>
        Math.min(Math.max(bound < 0 ? bound + length : bound, step < 0 ? -1 : 0), length);
      const [start, end] = [Math.min(place(starts[i]!), step < 0 ? length - 1 : length), place(ends[i]!)];
      const places = Array.from({ length: Math.max(0, Math.ceil((end - start) / step)) }, (_, j) => start + j * step);
      const indices = graph.constant(places, [places.length], 'int32');
      return graph.node(
        'Gather',
        [value, indices],
        { ...value, shape: value.shape.with(axis, places.length) },
        { axis },
      );
    }, x);
  },

  /** a - b floor(a / b): exact for integers below 2^24. */
  Mod({ inputs, outputs }, graph) {
    const [out] = outputs as [Value];
    const [a, b] = inputs.map((x) => cast(graph, x, 'float32')) as [Value, Value];
    const like = shaped(out.shape);
    const whole = graph.node('Floor', [graph.node('Div', [a, b], like)], like);
    const rest = graph.node('Sub', [a, graph.node('Mul', [b, whole], like)], like);
    return cast(graph, rest, out.dtype);
  },

  /** Of tensors of one shape: the kernel fails for some that are repeated. */
  Pow({ inputs, outputs: [out] }, graph) {
    const like = out!.shape;
    const whole = inputs.map((value) =>
      util.arraysEqual([...value.shape], [...like])
        ? value
        : graph.node('Expand', [value, graph.ints(like)], { ...value, shape: like }),
    );
    return graph.node('Pow', whole, out!);
  },

  /** A half goes to the even one of its neighbours. */
  Round({ inputs, outputs }, graph) {
    const [[x], [out]] = [inputs as [Value], outputs as [Value]];
    const is = (type: string, value: Value, than: number) =>
      graph.node(type, [value, graph.scalar(than)], shaped(x.shape, 'bool'));
    const floor = graph.node('Floor', [x], x);
    const rest = graph.node('Sub', [x, floor], x);
    const half = graph.node('Mul', [floor, graph.scalar(0.5)], x);
    const isOdd = graph.node('Less', [graph.node('Floor', [half], x), half], shaped(x.shape, 'bool'));
    const isTie = graph.node('And', [is('Equal', rest, 0.5), isOdd], isOdd);
    return graph.node('Add', [floor, cast(graph, or(graph, is('Greater', rest, 0.5), isTie, isOdd), 'float32')], out);
  },

  /** scale elu(x, alpha), with the two constants of Klambauer et al. 2017. */
  Selu({ inputs: [x] }, graph) {
    const elu = graph.node('Elu', [x!], x!, { alpha: { float: 1.6732632423543772 } });
    return graph.node('Mul', [elu, graph.scalar(1.0507009873554805)], x!);
  },

  Or: ({ inputs: [a, b], outputs: [out] }, graph) => or(graph, a!, b!, out!),
  Xor({ inputs: [a, b], outputs: [out] }, graph) {
    const only = (x: Value, y: Value) => graph.node('And', [x, graph.node('Not', [y], y)], out!);
    return or(graph, only(a!, b!), only(b!, a!), out!);
  },

  Sign({ inputs: [x] }, graph) {
    const is = (type: string) => graph.node(type, [x!, graph.scalar(0, x!.dtype)], shaped(x!.shape, 'bool'));
    return graph.node('Sub', [cast(graph, is('Greater'), x!.dtype), cast(graph, is('Less'), x!.dtype)], x!);
  },
};

function or(graph: Graph, a: Value, b: Value, like: Value): Value {
  const not = (x: Value) => graph.node('Not', [x], x);
  return not(graph.node('And', [not(a), not(b)], like));
}

function transposed(graph: Graph, value: Value): Value {
  const { shape } = value;
  const [rows, columns] = shape.slice(-2) as [number, number];
  const perm = [...shape.slice(0, -2).map((_, i) => i), shape.length - 1, shape.length - 2];
  return graph.node('Transpose', [value], { ...value, shape: [...shape.slice(0, -2), columns, rows] }, { perm });
}

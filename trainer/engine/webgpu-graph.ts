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
    const write = isTaken(node) ? undefined : others[node.type];
    write?.(node, made, ints);
    // What is written last goes by the name of what it stands for.
    made.nodes.push(write ? { ...made.nodes.pop()!, outputs: node.outputs } : node);
  }
  return { ...graph, nodes: made.nodes, constants: [...graph.constants, ...made.constants] };
}

/** Shaders may be compiled as if there were no NaN or infinity to be found; of the others no step is made. */
const lacking = new Set(['IsNaN', 'IsInf']);

/** Whether there is a kernel after all, which takes numbers of this type. */
function isTaken({ type, outputs: [out] }: Node): boolean {
  if (type === 'Slice') return out!.dtype === 'float32';
  return type === 'Neg' && out!.dtype !== 'int32';
}

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
    const isTie = and(graph, is('Equal', rest, 0.5), isOdd, isOdd);
    return graph.node('Add', [floor, cast(graph, or(graph, is('Greater', rest, 0.5), isTie, isOdd), 'float32')], out);
  },

  /** scale elu(x, alpha), with the two constants of Klambauer et al. 2017. */
  Selu({ inputs: [x] }, graph) {
    const elu = graph.node('Elu', [x!], x!, { alpha: { float: 1.6732632423543772 } });
    return graph.node('Mul', [elu, graph.scalar(1.0507009873554805)], x!);
  },

  Sin: ({ inputs: [x] }, graph) => sine(graph, x!, 0),
  Cos: ({ inputs: [x] }, graph) => sine(graph, x!, 0.5),

  /** Of integers, which the kernel does not take. */
  Neg: ({ inputs: [x] }, graph) => graph.node('Sub', [graph.scalar(0, x!.dtype), x!], x!),

  And: ({ inputs: [a, b], outputs: [out] }, graph) => and(graph, a!, b!, out!),
  Or: ({ inputs: [a, b], outputs: [out] }, graph) => or(graph, a!, b!, out!),
  Xor({ inputs: [a, b], outputs: [out] }, graph) {
    const only = (x: Value, y: Value) => and(graph, x, not(graph, y), out!);
    return or(graph, only(a!, b!), only(b!, a!), out!);
  },

  Sign({ inputs: [x] }, graph) {
    const is = (type: string) => graph.node(type, [x!, graph.scalar(0, x!.dtype)], shaped(x!.shape, 'bool'));
    return graph.node('Sub', [cast(graph, is('Greater'), x!.dtype), cast(graph, is('Less'), x!.dtype)], x!);
  },
};

const not = (graph: Graph, x: Value) => graph.node('Not', [x], x);

/** The kernel takes four values at once, and gives wrong ones where a tensor is repeated along an axis: those are multiplied. */
function and(graph: Graph, a: Value, b: Value, like: Value): Value {
  const isRepeated = [a, b].some(({ shape }) => !util.arraysEqual([...shape], [...like.shape]));
  if (!isRepeated) return graph.node('And', [a, b], like);
  const factors = [a, b].map((x) => cast(graph, x, 'float32'));
  return graph.node('Greater', [graph.node('Mul', factors, shaped(like.shape)), graph.scalar(0)], like);
}

const or = (graph: Graph, a: Value, b: Value, like: Value): Value =>
  not(graph, and(graph, not(graph, a), not(graph, b), like));

/** Taylor's, from the highest: enough for float32 within a quarter turn. */
const sineSeries = [-1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1];
/** Pi in two parts, of which whole multiples of the first are exact. */
const PI = [3.140625, 9.67653589793e-4] as const;

/**
 * sin(x + shift pi), which shaders may have wrong by 2^-11. With the k for which r = x - (k + shift) pi is at most a quarter turn, it
 * is (-1)^k sin(r), and the opposite where shift is a half: cos(x).
 */
function sine(graph: Graph, x: Value, shift: 0 | 0.5): Value {
  const op = (type: string, a: Value, b: Value | number) =>
    graph.node(type, [a, typeof b === 'number' ? graph.scalar(b) : b], x);
  const floor = (value: Value) => graph.node('Floor', [value], x);
  const k = floor(op('Add', op('Mul', x, 1 / Math.PI), 0.5 - shift));
  const turns = op('Add', k, shift);
  const r = PI.reduce((rest, part) => op('Sub', rest, op('Mul', turns, part)), x);
  const square = op('Mul', r, r);
  const [highest, ...lower] = sineSeries as [number, ...number[]];
  const series = lower.reduce<Value | number>((sum, c) => op('Add', op('Mul', square, sum), c), highest);
  const isOdd = op('Sub', k, op('Mul', floor(op('Mul', k, 0.5)), 2));
  const sign = shift === 0 ? op('Add', op('Mul', isOdd, -2), 1) : op('Sub', op('Mul', isOdd, 2), 1);
  return op('Mul', op('Mul', r, series), sign);
}

function transposed(graph: Graph, value: Value): Value {
  const { shape } = value;
  const [rows, columns] = shape.slice(-2) as [number, number];
  const perm = [...shape.slice(0, -2).map((_, i) => i), shape.length - 1, shape.length - 2];
  return graph.node('Transpose', [value], { ...value, shape: [...shape.slice(0, -2), columns, rows] }, { perm });
}

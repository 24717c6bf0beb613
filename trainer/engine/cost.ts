/**
 * What running a step takes, read off its graph. A multiply-add is two floating-point operations (FLOPs); products count
 * exactly, and so do convolutions, which are products here. All else counts one for each element that it goes through,
 * whatever it does to it; to move values costs nothing.
 */
import type { ElementType, Node, Value } from './graph';
import { overwritten } from './in-place';
import { kernelsFile } from './kernels';
import { lifetimes } from './lifetimes';
import { stepGraph, type LoweredGraph } from './model';
import { isColumnSum, isProduct, rowsOfOnes } from './products';
import { size } from './shapes';
import type { ProgramSpec, Step } from './types';

export interface Cost {
  readonly flops: number;
  /** The part of `flops` that is products of matrices. */
  readonly productFlops: number;
  /** Bytes of what the step is given: state, with the parameters, and inputs. */
  readonly givenBytes: number;
  /** Bytes of what is written into the graph. */
  readonly constantBytes: number;
  /** Most bytes of results held at once, each until its last reader is done: an estimate of what a run needs besides. */
  readonly peakBytes: number;
}

/**
 * The cost of one run of a step, which is traced and not run. Work is counted in the operators of ONNX, the same wherever
 * it is run; memory as the CPU engine of this machine needs it, with its own kernels where it has them.
 */
export function stepCost(step: Step, spec: ProgramSpec): Cost {
  const counted = costOf(stepGraph(step, spec).graph);
  if (kernelsFile() === undefined) return counted;
  const { graph, next } = stepGraph(step, spec, 'kernels');
  const inPlace = overwritten(graph, next);
  const made = Object.entries(next).filter(([name]) => inPlace.has(name)); // where the old values are: not made anew
  return { ...counted, peakBytes: peakBytes(graph, new Set(made.map(([, value]) => value.name))) };
}

export function costOf(graph: LoweredGraph): Cost {
  const { nodes, constants, inputs } = graph;
  const ones = rowsOfOnes(constants);
  const products = nodes.map((node) => productFlops(node, ones));
  const others = nodes.map((node) => otherFlops(node, ones));
  return {
    flops: sum(products) + sum(others),
    productFlops: sum(products),
    givenBytes: sum(inputs.map(bytesOf)),
    constantBytes: sum(constants.map(bytesOf)),
    peakBytes: peakBytes(graph),
  };
}

const elementBytes: Record<ElementType, number> = { float32: 4, float16: 2, int32: 4, bool: 1, int64: 8 };
export const bytesOf = ({ shape, dtype }: Pick<Value, 'shape' | 'dtype'>): number => size(shape) * elementBytes[dtype];
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

function productFlops(node: Node, ones: ReadonlySet<string>): number {
  if (!isProduct(node) || isColumnSum(node, ones)) return 0;
  const { shape } = node.inputs[0]!;
  const inner = shape.at(node.attributes.transA === 1 ? -2 : -1)!;
  return 2 * inner * size(node.outputs[0]!.shape);
}

const moves = new Set(
  'Reshape Transpose Gather Slice Concat Split Pad Expand Tile Identity Cast Where ScatterElements'.split(' '),
);

/** How often an element is gone through: maximum, difference, exponential, sum, quotient; mean, centring, square, ... */
const passes: Readonly<Record<string, number>> = { Softmax: 5, LayerNormalization: 7 };

function otherFlops(node: Node, ones: ReadonlySet<string>): number {
  const { type, inputs, outputs } = node;
  if (moves.has(type)) return 0;
  if (isProduct(node)) {
    if (isColumnSum(node, ones)) return size(inputs[1]!.shape);
    return inputs.length > 2 ? size(outputs[0]!.shape) : 0; // the addend
  }
  const floats = [...inputs, ...outputs].filter(({ dtype }) => dtype === 'float32');
  return (passes[type] ?? 1) * Math.max(0, ...floats.map(({ shape }) => size(shape)));
}

/** The most bytes held while a node runs, besides what the graph is given and what has a place already. */
function peakBytes(graph: LoweredGraph, placed: ReadonlySet<string> = new Set()): number {
  const counted = (values: readonly Value[]) => sum(values.filter(({ name }) => !placed.has(name)).map(bytesOf));
  let held = 0;
  let most = 0;
  for (const { made, done } of lifetimes(graph)) {
    held += counted(made);
    most = Math.max(most, held);
    held -= counted(done);
  }
  return most;
}

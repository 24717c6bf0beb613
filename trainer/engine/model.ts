import { KERNELS, type Attribute, type Constant, type ElementType, type Graph, type Node, type Value } from './graph';
import { overwritten } from './in-place';
import { simplified } from './simplify';
import { mixed } from './mixed';
import { trace } from './trace';
import { forWebGpu } from './webgpu-graph';
import type { ProgramSpec, Specs, Step } from './types';
import { bytes, concat, float, int, message, string, type Bytes } from './protobuf';

/** A graph as it is run. */
export interface LoweredGraph {
  readonly nodes: readonly Node[];
  readonly constants: readonly Constant[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** What a graph's outputs need of it. */
export function lowered(graph: Graph, outputs: readonly Value[]): LoweredGraph {
  const nodes = simplified(graph, outputs);
  const used = new Set(nodes.flatMap(({ inputs }) => inputs.map(({ name }) => name)));
  const constants = graph.constants.filter(({ name }) => used.has(name));
  return { nodes, constants, inputs: graph.inputs, outputs };
}

/** A graph as the bytes of an ONNX model. Field numbers are those of onnx.proto. */
export function modelBytes({ nodes, constants, inputs, outputs }: LoweredGraph): Uint8Array {
  return concat([
    int(1, 9), // ir_version
    string(2, 'tessera'),
    message(7, [
      // Backwards: ONNX Runtime goes depth first from the results and takes the latest of a node's inputs first. So it comes
      // to run nodes as they were recorded, the gradient of each kernel when what it is made of is there, not at the end.
      ...nodes.toReversed().map((node) => message(1, nodeFields(node))),
      string(2, 'step'),
      ...constants.map((constant) => message(5, tensorFields(constant))),
      ...inputs.map((value) => message(11, valueFields(value))),
      ...outputs.map((value) => message(12, valueFields(value))),
    ]),
    message(8, [string(1, ''), int(2, 20)]),
    message(8, [string(1, 'com.microsoft'), int(2, 1)]),
    message(8, [string(1, KERNELS), int(2, 1)]),
  ]);
}

const elementTypes: Record<ElementType, number> = { float32: 1, int32: 6, int64: 7, bool: 9, float16: 10 };

const nodeFields = (node: Node): Bytes[] => [
  ...node.inputs.map(({ name }) => string(1, name)),
  ...node.outputs.map(({ name }) => string(2, name)),
  string(3, node.outputs[0]?.name ?? ''),
  string(4, node.type),
  ...Object.entries(node.attributes).map(([name, value]) => message(5, [string(1, name), ...attributeFields(value)])),
  string(7, node.domain),
];

function attributeFields(value: Attribute): Bytes[] {
  if (typeof value === 'number') return [int(3, value), int(20, 2)];
  if (typeof value === 'string') return [string(4, value), int(20, 3)];
  if ('float' in value) return [float(2, value.float), int(20, 1)];
  return [...value.map((item) => int(8, item)), int(20, 7)];
}

const tensorFields = ({ name, shape, dtype, bytes: data }: Constant): Bytes[] => [
  ...shape.map((size) => int(1, size)),
  int(2, elementTypes[dtype]),
  string(8, name),
  bytes(9, data),
];

const valueFields = ({ name, shape, dtype }: Value): Bytes[] => [
  string(1, name),
  message(2, [
    message(1, [
      int(1, elementTypes[dtype]),
      message(
        2,
        shape.map((size) => message(1, [int(1, size)])),
      ),
    ]),
  ]),
];

/** A step as a graph, and what its results are called there. */
export interface StepGraph {
  readonly graph: LoweredGraph;
  readonly outputs: Readonly<Record<string, Value>>;
  /** New state entries; those that the step leaves alone are absent. */
  readonly next: Readonly<Record<string, Value>>;
  readonly outputSpecs: Specs;
}

/** What a graph is for: any CPU, one whose runtime has this engine's own kernels, or a GPU through WebGPU. */
export type Target = 'cpu' | 'kernels' | 'webgpu';

export function stepGraph(step: Step, spec: ProgramSpec, target: Target = 'cpu'): StepGraph {
  const isMixed = spec.precision === 'mixed';
  // The kernels compute in float32 alone.
  const { graph, state, outputs, outputSpecs } = trace(step, spec, target === 'kernels' && !isMixed);
  // An output of its own name each, also where the step returns an input or one tensor twice.
  const named = (prefix: string, values: Readonly<Record<string, Value>>) =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, graph.alias(value, `${prefix}/${name}`)] as const),
    );
  const results = named('output', outputs);
  const next = named('next', state);
  const all = [...Object.values(results), ...Object.values(next)];
  const plain = target === 'webgpu' ? forWebGpu(lowered(graph, all)) : lowered(graph, all);
  const written = isMixed ? mixed(plain, target === 'webgpu' ? 'webgpu' : 'cpu') : plain;
  return { graph: written, outputs: results, next, outputSpecs };
}

/** A step as a session runs it. */
export interface StepModel extends Omit<StepGraph, 'graph'> {
  /** The graph as an ONNX model. */
  readonly bytes: Uint8Array;
  /** The state entries whose next values may be written where the old ones lie. */
  readonly inPlace: readonly string[];
}

export function stepModel(step: Step, spec: ProgramSpec, target: Target): StepModel {
  const { graph, ...names } = stepGraph(step, spec, target);
  // Only where the graph is run as it stands: an optimizer may move a reader behind what it was bound to come before.
  const inPlace = target === 'kernels' ? [...overwritten(graph, names.next)] : [];
  return { ...names, bytes: modelBytes(graph), inPlace };
}

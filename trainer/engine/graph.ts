import { size } from './shapes';
import type { TypedArray } from './types';

/**
 * What a value inside a graph can hold. `int64` only ever holds shapes, axes and other small constants; `float16` what was
 * cast to it (mixed.ts).
 */
export type ElementType = 'float32' | 'float16' | 'int32' | 'bool' | 'int64';

/** A tensor of the graph: the output of a node, a graph input or a constant. */
export interface Value {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: ElementType;
}

/** ONNX tells ints from floats; a bare number is an int. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

export interface Node {
  readonly type: string;
  readonly domain: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface Constant extends Value {
  readonly bytes: Uint8Array;
}

type Like = { readonly shape: readonly number[]; readonly dtype: ElementType };

/** An ONNX graph under construction. Names are given in order, so the same calls give the same graph. */
export interface Graph {
  /** Whether it is run with this engine's own kernels, `KERNELS`, beside the runtime's operators. */
  readonly kernels: boolean;
  readonly nodes: Node[];
  readonly constants: Constant[];
  readonly inputs: Value[];
  input(name: string, like: Like): Value;
  /** Appends a node of ONNX operator `type` with one output of the given shape and dtype. */
  node(type: string, inputs: readonly Value[], output: Like, attributes?: Node['attributes'], domain?: string): Value;
  /** The same for an operator with several outputs. */
  multi(
    type: string,
    inputs: readonly Value[],
    outputs: readonly Like[],
    attributes?: Node['attributes'],
    domain?: string,
  ): Value[];
  constant(values: ArrayLike<number>, shape: readonly number[], dtype: ElementType): Value;
  scalar(value: number, dtype?: ElementType): Value;
  /** float32 of one value throughout; asked for twice, it is stored once. */
  full(value: number, shape: readonly number[]): Value;
  /** The value under a name of its own, as a graph output needs it. */
  alias(value: Value, name: string): Value;
  /** A list of ints as the 1-D int64 tensor that ONNX takes for shapes and axes. */
  ints(values: readonly number[]): Value;
}

/** The domain of the operators that kernels/ops.c adds to ONNX Runtime. */
export const KERNELS = 'tessera';

export interface GraphOptions {
  /** Whether it is run with this engine's own kernels; false by default. */
  readonly kernels?: boolean;
  /** Sets the names of its values apart from those of another graph that they will be part of. */
  readonly prefix?: string;
}

export function createGraph({ kernels = false, prefix = '' }: GraphOptions = {}): Graph {
  let count = 0;
  const nodes: Node[] = [];
  const constants: Constant[] = [];
  const inputs: Value[] = [];
  const known = new Map<string, Value>();

  const graph: Graph = {
    kernels,
    nodes,
    constants,
    inputs,
    input(name, { shape, dtype }) {
      const value = { name, shape, dtype };
      inputs.push(value);
      return value;
    },
    node(type, args, output, attributes, domain) {
      return graph.multi(type, args, [output], attributes, domain)[0]!;
    },
    multi(type, args, outputs, attributes = {}, domain = '') {
      const values = outputs.map(({ shape, dtype }) => ({ name: `${prefix}${type}_${count++}`, shape, dtype }));
      nodes.push({ type, domain, inputs: args, outputs: values, attributes });
      return values;
    },
    constant(values, shape, dtype) {
      // Shapes, axes and scalars repeat hundreds of times in a training step.
      const key =
        values.length <= 16
          ? `${dtype}[${shape.join()}]${Array.from(values, (v) => (Object.is(v, -0) ? '-0' : v)).join()}`
          : undefined;
      const same = key === undefined ? undefined : known.get(key);
      if (same) return same;
      const constant = { name: `${prefix}constant_${count++}`, shape, dtype, bytes: elementBytes(values, dtype) };
      constants.push(constant);
      if (key !== undefined) known.set(key, constant);
      return constant;
    },
    scalar: (value, dtype = 'float32') => graph.constant([value], [], dtype),
    full(value, shape) {
      const key = `${value}[${shape.join()}]`;
      const made = known.get(key) ?? graph.constant(new Float32Array(size(shape)).fill(value), shape, 'float32');
      known.set(key, made);
      return made;
    },
    alias(value, name) {
      const named = { ...value, name };
      nodes.push({ type: 'Identity', domain: '', inputs: [value], outputs: [named], attributes: {} });
      return named;
    },
    ints: (values) => graph.constant(values, [values.length], 'int64'),
  };
  return graph;
}

function elementBytes(values: ArrayLike<number>, dtype: ElementType): Uint8Array {
  if (dtype === 'float16') throw new Error('constants are cast to float16, not written in it');
  const array =
    dtype === 'int64'
      ? BigInt64Array.from(Array.from(values, BigInt))
      : dtype === 'bool'
        ? Uint8Array.from(values, (v) => (v ? 1 : 0))
        : ((dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values)) as TypedArray);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

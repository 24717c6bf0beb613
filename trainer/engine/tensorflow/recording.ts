/** Takes down what tfjs's kernels ask of the library, instead of having it done: the ops of a step, as the nodes of a graph. */
import type { Binding, Handle, OpAttribute } from './binding';
import { attribute, type GraphNode } from './graphdef';
import { resultsOf, type Operand, type Spec } from './results';

export interface Recording {
  readonly nodes: readonly GraphNode[];
  /** A tensor that other nodes will have made: `source` is "node:output". */
  readonly given: (source: string, spec: Spec) => Handle;
  /** Where a tensor comes from, by its number. */
  readonly sourceOf: (id: number) => string;
}

export interface Recorder {
  /** For the kernels. Outside of a recording it does nothing but to say so. */
  readonly binding: Binding;
  record<T>(f: (recording: Recording) => T): T;
}

interface Tensor extends Operand {
  readonly source: string;
}

interface Current {
  readonly nodes: GraphNode[];
  readonly tensors: Map<number, Tensor>;
}

export function createRecorder(library: Binding): Recorder {
  let current: Current | undefined;
  // Below those that the library gives out, and below -1, which the backend gives to a tensor that is on the host.
  let lastId = -1;

  const now = (): Current => {
    if (!current) throw new Error("TensorFlow's kernels run in the steps of the tensorflow engine only");
    return current;
  };
  const tensorOf = (id: number): Tensor => {
    const tensor = now().tensors.get(id);
    if (!tensor)
      throw new Error('a tensor that was made outside the step is used in it; pass it as state or as an input');
    return tensor;
  };
  const keep = (tensor: Tensor): Handle => {
    now().tensors.set(--lastId, tensor);
    return { id: lastId, shape: [...tensor.shape], dtype: tensor.dtype };
  };
  const add = (op: string, inputs: readonly string[], attributes: GraphNode['attributes']): string => {
    const { nodes } = now();
    const name = `op_${nodes.length}`;
    nodes.push({ name, op, inputs, attributes });
    return name;
  };

  const recording: Pick<Binding, 'createTensor' | 'executeOp' | 'tensorDataSync'> = {
    createTensor(shape, dtype, values) {
      const content = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const value = attribute.tensor(dtype, shape, content);
      const name = add('Const', [], { dtype: attribute.type(dtype), value });
      return keep({ source: `${name}:0`, shape, dtype, values }).id;
    },
    executeOp(op, attributes, ids) {
      const inputs = ids.map(tensorOf);
      const results = resultsOf(op, inputs, attributes);
      const encoded = attributes.map((given) => [given.name, encode(given, library)] as const);
      const name = add(op, inputs.map(({ source }) => source), Object.fromEntries(encoded)); // prettier-ignore
      return results.map((spec, i) => keep({ ...spec, source: `${name}:${i}`, values: undefined }));
    },
    tensorDataSync() {
      throw new Error('a kernel of TensorFlow for tfjs reads a value, which is not there when a step is recorded');
    },
  };

  return {
    // Defined anew, since what the library's own has may not be assigned to.
    binding: Object.create(library, Object.getOwnPropertyDescriptors(recording)) as Binding,
    record(f) {
      if (current) throw new Error('a step cannot compile another step');
      try {
        current = { nodes: [], tensors: new Map() };
        const { nodes } = current;
        return f({
          nodes,
          given: (source, spec) => keep({ ...spec, source }),
          sourceOf: (id) => tensorOf(id).source,
        });
      } finally {
        current = undefined;
      }
    },
  };
}

function encode({ name, type, value }: OpAttribute, library: Binding) {
  switch (type) {
    case library.TF_ATTR_STRING:
      return attribute.string(value as string);
    case library.TF_ATTR_INT:
      return attribute.int(value as number | number[]);
    case library.TF_ATTR_FLOAT:
      return attribute.float(value as number);
    case library.TF_ATTR_BOOL:
      return attribute.bool(value as boolean);
    case library.TF_ATTR_TYPE:
      return attribute.type(value as number);
    default:
      throw new Error(`attribute ${name} of an op is of a type, ${type}, that is not known here`);
  }
}

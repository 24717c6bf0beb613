/** Listens to what tfjs's kernels have the library do, so that the ops of a step can be done again as one graph. */
import type { Binding, OpAttribute } from './binding';
import { attribute, type GraphNode } from './graphdef';

/** The ops in the order in which they were run, and where each tensor came from. */
export interface Recording {
  readonly nodes: GraphNode[];
  /** By a tensor's number: "node:output". */
  readonly sources: Map<number, string>;
}

export interface Listener {
  /** The binding for the kernels: it does what it is asked to, and takes it down while there is a recording. */
  readonly binding: Binding;
  record<T>(f: (recording: Recording) => T): T;
}

export function listen(binding: Binding): Listener {
  let current: Recording | undefined;
  const add = (op: string, inputs: readonly string[], attributes: GraphNode['attributes']): string => {
    const name = `op_${current!.nodes.length}`;
    current!.nodes.push({ name, op, inputs, attributes });
    return name;
  };
  const heard: Pick<Binding, 'createTensor' | 'executeOp' | 'tensorDataSync'> = {
    createTensor(shape, dtype, values) {
      const id = binding.createTensor(shape, dtype, values);
      if (!current) return id;
      const content = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const value = attribute.tensor(dtype, shape, content);
      current.sources.set(id, `${add('Const', [], { dtype: attribute.type(dtype), value })}:0`);
      return id;
    },
    executeOp(op, attributes, inputs, count) {
      const results = binding.executeOp(op, attributes, inputs, count);
      if (!current) return results;
      const { sources } = current;
      const from = inputs.map((id) => sources.get(id) ?? outside(op));
      const name = add(op, from, Object.fromEntries(attributes.map((given) => [given.name, encoded(given, binding)])));
      results.forEach(({ id }, i) => sources.set(id, `${name}:${i}`));
      return results;
    },
    tensorDataSync(id) {
      if (current) throw new Error('a kernel of TensorFlow for tfjs reads a value, which a graph cannot wait for');
      return binding.tensorDataSync(id);
    },
  };
  return {
    // Defined anew, since those of the binding may not be assigned to.
    binding: Object.create(binding, Object.getOwnPropertyDescriptors(heard)) as Binding,
    record(f) {
      if (current) throw new Error('a step cannot compile another step');
      try {
        current = { nodes: [], sources: new Map() };
        return f(current);
      } finally {
        current = undefined;
      }
    },
  };
}

function outside(op: string): never {
  throw new Error(`${op} is given a tensor that was made outside the step; pass it as state or as an input`);
}

function encoded({ name, type, value }: OpAttribute, binding: Binding) {
  switch (type) {
    case binding.TF_ATTR_STRING:
      return attribute.string(value as string);
    case binding.TF_ATTR_INT:
      return attribute.int(value as number | number[]);
    case binding.TF_ATTR_FLOAT:
      return attribute.float(value as number);
    case binding.TF_ATTR_BOOL:
      return attribute.bool(value as boolean);
    case binding.TF_ATTR_TYPE:
      return attribute.type(value as number);
    case binding.TF_ATTR_SHAPE:
      return attribute.shape(value as number[]);
    default:
      throw new Error(`attribute ${name} is of type ${type}, which is not known here`);
  }
}

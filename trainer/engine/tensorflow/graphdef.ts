/** TensorFlow's graphs as bytes. Field numbers are those of its .proto files: graph, node_def, attr_value, tensor, saved_model. */
import { bytes, concat, float, int, message, string, type Bytes } from '../protobuf';

/** One op. Inputs are "node:output", or "^node" for one that only has to be done before. */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attributes: Readonly<Record<string, Bytes>>;
}

const shapeFields = (shape: readonly number[]) => shape.map((size) => message(2, [int(1, size)]));
const list = (items: readonly Bytes[]) => message(1, items);
const isList = <T>(value: T | readonly T[]): value is readonly T[] => Array.isArray(value);

/** Values of attributes; types of elements are TensorFlow's numbers. */
export const attribute = {
  string: (value: string) => string(2, value),
  int: (value: number | readonly number[]) => (isList(value) ? list(value.map((item) => int(3, item))) : int(3, value)),
  float: (value: number) => float(4, value),
  bool: (value: boolean) => int(5, value ? 1 : 0),
  type: (value: number) => int(6, value),
  shape: (value: readonly number[]) => message(7, shapeFields(value)),
  tensor: (dtype: number, shape: readonly number[], content: Bytes) =>
    message(8, [int(1, dtype), message(2, shapeFields(shape)), bytes(4, content)]),
};

/** What the graph's ops mean: what they did in the days of TensorFlow 2.9, the oldest library that it is run by. */
const PRODUCER = 1087;
export const TAG = 'serve';

/** A graph as the file saved_model.pb. Its variables are set after it was loaded, so that no other file is needed. */
export const savedModel = (nodes: readonly GraphNode[]): Bytes =>
  concat([
    int(1, 1), // saved_model_schema_version
    message(2, [
      message(1, [string(4, TAG)]),
      message(2, [...nodes.map((node) => message(1, nodeFields(node))), message(4, [int(1, PRODUCER)])]),
    ]),
  ]);

const nodeFields = ({ name, op, inputs, attributes }: GraphNode): Bytes[] => [
  string(1, name),
  string(2, op),
  ...inputs.map((input) => string(3, input)),
  ...Object.entries(attributes).map(([key, value]) => message(5, [string(1, key), bytes(2, value)])),
];

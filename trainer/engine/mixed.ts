/**
 * Mixed precision (Micikevicius et al. 2018), in the spirit of PyTorch's autocast: products of matrices take and give float16,
 * what only moves values moves halves where it can, and all else is float32: norms, softmaxes, losses, sums, the optimizer,
 * and the state above all. So is what no state has a part in, as targets.
 */
import { createGraph, type Node, type Value } from './graph';
import type { LoweredGraph } from './model';
import { isColumnSum, isProduct, rowsOfOnes } from './products';
import { stateName } from './trace';

const FLOAT = 1;
const HALF = 10;

/** Operators that give what they take, in other places. */
const moves = new Set(['Reshape', 'Transpose', 'Gather', 'Slice', 'Concat', 'Split', 'Pad', 'Expand']);
const isMove = ({ type, outputs }: Node) => moves.has(type) && outputs[0]!.dtype === 'float32';
const floatsOf = (values: readonly Value[]) => values.filter(({ dtype }) => dtype === 'float32');
/** Of a move, without what pads. */
const moved = ({ type, inputs }: Node) => (type === 'Concat' ? inputs : inputs.slice(0, 1));

/**
 * On the CPU, where ONNX Runtime has no such products and would drop what rounds their factors, they are of float32 between
 * values that are rounded: slower, and the same but for the rounding of sums.
 */
export function mixed(graph: LoweredGraph, device: 'cpu' | 'webgpu'): LoweredGraph {
  const isHalved = halvedProducts(graph);
  const single = readAsSingle(graph, isHalved);
  const made = createGraph({ prefix: 'mixed/' });
  const halves = new Map<string, Value>();
  /** Values that are there as halves alone, as long as nobody wants more. */
  const onlyHalf = new Set<string>();

  const asHalf = (value: Value): Value => {
    const half = halves.get(value.name) ?? made.node('Cast', [value], { ...value, dtype: 'float16' }, { to: HALF });
    halves.set(value.name, half);
    return half;
  };
  const asSingle = (value: Value): Value => {
    if (onlyHalf.delete(value.name)) {
      const attributes = { to: FLOAT };
      made.nodes.push({ type: 'Cast', domain: '', inputs: [halves.get(value.name)!], outputs: [value], attributes });
    }
    return value;
  };
  const rounded = (value: Value) => made.node('Cast', [asHalf(value)], value, { to: FLOAT });
  const inHalf = (node: Node): void => {
    const outputs = node.outputs.map((value): Value => ({ ...value, name: `${value.name}/half`, dtype: 'float16' }));
    if (isProduct(node) && device === 'cpu') {
      const product = made.node(node.type, node.inputs.map(rounded), node.outputs[0]!, node.attributes, node.domain);
      made.nodes.push({ type: 'Cast', domain: '', inputs: [product], outputs, attributes: { to: HALF } });
    } else {
      const inputs = node.inputs.map((value) => (value.dtype === 'float32' ? asHalf(value) : value));
      made.nodes.push({ ...node, inputs, outputs });
    }
    node.outputs.forEach(({ name }, i) => {
      halves.set(name, outputs[i]!);
      onlyHalf.add(name);
    });
  };

  for (const node of graph.nodes) {
    const [a, b, addend] = node.inputs as [Value, Value, Value?];
    if (isHalved(node) && addend) {
      // Biases and residuals are added in float32.
      const product = { ...node.outputs[0]!, name: `mixed/${node.outputs[0]!.name}` };
      inHalf({ ...node, inputs: [a, b], outputs: [product] });
      const inputs = [asSingle(product), asSingle(addend)];
      made.nodes.push({ type: 'Add', domain: '', inputs, outputs: node.outputs, attributes: {} });
    } else if (isHalved(node)) {
      inHalf(node);
    } else if (isMove(node) && (isWantedAsHalf(node, single) || moved(node).every(({ name }) => onlyHalf.has(name)))) {
      inHalf(node);
    } else {
      made.nodes.push({ ...node, inputs: node.inputs.map(asSingle) });
    }
  }
  graph.outputs.forEach(asSingle);
  return { ...graph, nodes: made.nodes, constants: [...graph.constants, ...made.constants] };
}

const isWantedAsHalf = ({ outputs }: Node, single: ReadonlySet<string>) =>
  outputs.every(({ name }) => !single.has(name));

/** Products of what the state has a part in, sums of columns left out. */
function halvedProducts({ nodes, constants, inputs }: LoweredGraph): (node: Node) => boolean {
  const ones = rowsOfOnes(constants);
  const isState = new Set(inputs.filter(({ name }) => name.startsWith(stateName(''))).map(({ name }) => name));
  const halved = new Set<Node>();
  for (const node of nodes) {
    if (!node.inputs.some(({ name }) => isState.has(name))) continue;
    for (const { name } of node.outputs) isState.add(name);
    if (isProduct(node) && !isColumnSum(node, ones)) halved.add(node);
  }
  return (node) => halved.has(node);
}

/** Names of values that are read by more than products, and than moves of which the same is true. */
function readAsSingle({ nodes, outputs }: LoweredGraph, isHalved: (node: Node) => boolean): ReadonlySet<string> {
  const single = new Set(outputs.map(({ name }) => name));
  for (const node of nodes.toReversed()) {
    if (isHalved(node)) for (const { name } of node.inputs.slice(2)) single.add(name);
    else if (!isMove(node) || !isWantedAsHalf(node, single))
      for (const { name } of floatsOf(node.inputs)) single.add(name);
  }
  return single;
}

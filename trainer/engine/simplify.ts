import { util } from '@tensorflow/tfjs-core';
import { KERNELS, type Constant, type Graph, type Node, type Value } from './graph';
import { size } from './shapes';

/** The nodes that the outputs need, with the few fusions that ONNX Runtime does not find itself. */
export function simplified({ nodes, constants }: Graph, outputs: readonly Value[]): Node[] {
  const needed = withoutAliases(reachable(withoutExpansions(nodes), outputs));
  const scalars = scalarValues(constants);
  const scaledGemms = factorsAfterGemms(factorsBeforeGemms(needed, scalars, outputs), scalars, outputs);
  return residualsIntoKernels(sumsIntoGemms(scaledGemms, outputs), outputs);
}

const elementwise = new Set(['Add', 'Sub', 'Mul', 'Div']);

/** Elementwise ops broadcast by themselves: what was expanded to meet a larger value need not be. */
function withoutExpansions(nodes: readonly Node[]): Node[] {
  const expansions = new Map(
    nodes.filter(({ type }) => type === 'Expand').map((node) => [node.outputs[0]!.name, node]),
  );
  return nodes.map((node) => {
    if (!elementwise.has(node.type)) return node;
    const [a, b] = node.inputs as [Value, Value];
    const whole = size(node.outputs[0]!.shape);
    const from = (value: Value, other: Value) =>
      (size(other.shape) === whole && !expansions.has(other.name) && expansions.get(value.name)?.inputs[0]) || value;
    return { ...node, inputs: [from(a, b), from(b, a)] };
  });
}

/** Drops what no output needs: autodiff also records gradients that nobody asked for. */
function reachable(nodes: readonly Node[], outputs: readonly Value[]): Node[] {
  const needed = new Set(outputs.map(({ name }) => name));
  return nodes
    .toReversed()
    .filter(({ inputs, outputs: made }) => {
      if (!made.some(({ name }) => needed.has(name))) return false;
      for (const { name } of inputs) needed.add(name);
      return true;
    })
    .reverse();
}

/** A graph output that is a node's only name is written under that name, instead of copied to it. */
function withoutAliases(nodes: readonly Node[]): Node[] {
  const made = new Set(nodes.flatMap(({ outputs }) => outputs.map(({ name }) => name)));
  const renamed = new Map<string, Value>();
  const rest = nodes.filter(({ type, inputs: [from], outputs: [to] }) => {
    if (type !== 'Identity' || !made.has(from!.name) || renamed.has(from!.name)) return true;
    renamed.set(from!.name, to!);
    return false;
  });
  const rename = (value: Value) => renamed.get(value.name) ?? value;
  return rest.map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) }));
}

/** How often each value is read, as an input or as an output of the graph. */
function countUses(nodes: readonly Node[], outputs: readonly Value[]): Map<string, number> {
  const uses = new Map<string, number>();
  for (const { name } of [...outputs, ...nodes.flatMap(({ inputs }) => inputs)]) {
    uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  return uses;
}

const scalarValues = (constants: readonly Constant[]): Scalars =>
  new Map(
    constants
      .filter(({ shape, dtype }) => shape.length === 0 && dtype === 'float32')
      .map(({ name, bytes }) => [name, new Float32Array(bytes.slice().buffer)[0]!]),
  );
type Scalars = ReadonlyMap<string, number>;

/** What a node multiplies by a constant, and by which. */
function scaling({ type, inputs: [a, b] }: Node, scalars: Scalars): { of: Value; by: number } | undefined {
  if (type !== 'Mul') return undefined;
  const [left, right] = [scalars.get(a!.name), scalars.get(b!.name)];
  if (right !== undefined) return { of: a!, by: right };
  return left === undefined ? undefined : { of: b!, by: left };
}

function scaled(product: Node, by: number): Node {
  const alpha = product.attributes.alpha as { float: number } | undefined;
  return { ...product, attributes: { ...product.attributes, alpha: { float: (alpha?.float ?? 1) * by } } };
}

const isMatrix = ({ type }: Node, input: number) => type === 'Gemm' && input < 2;

/** A constant factor of what only products read is their alpha, and takes no pass over memory. */
function factorsBeforeGemms(nodes: readonly Node[], scalars: Scalars, outputs: readonly Value[]): readonly Node[] {
  const uses = countUses(nodes, outputs);
  const matrices = nodes.map((node) => ({ ...node, inputs: node.inputs.filter((_, i) => isMatrix(node, i)) }));
  const usesAsMatrix = countUses(matrices, []);
  const factors = new Map(
    nodes.flatMap((node) => {
      const { name } = node.outputs[0]!;
      const factor = uses.get(name) === usesAsMatrix.get(name) ? scaling(node, scalars) : undefined;
      return factor ? [[name, factor] as const] : [];
    }),
  );
  return nodes
    .filter(({ outputs: [made] }) => !factors.has(made!.name))
    .map((node) =>
      node.inputs.reduce((product, { name }, i) => {
        const factor = factors.get(name);
        return factor ? scaled({ ...product, inputs: product.inputs.with(i, factor.of) }, factor.by) : product;
      }, node),
    );
}

/** The same for a constant factor of a product. */
function factorsAfterGemms(nodes: readonly Node[], scalars: Scalars, outputs: readonly Value[]): readonly Node[] {
  const products = readOnce(nodes, outputs, isPlainProduct);
  const absorbed = new Set<Node>();
  const rest = nodes.map((node) => {
    const factor = scaling(node, scalars);
    const product = factor && products.get(factor.of.name);
    if (!factor || product?.type !== 'Gemm') return node;
    absorbed.add(product);
    return { ...scaled(product, factor.by), outputs: node.outputs };
  });
  return rest.filter((node) => !absorbed.has(node));
}

/** Of a product, how many inputs it has without an addend. */
const factorsOf = ({ type }: Node) => ({ Gemm: 2, WindowProduct: 3, WinogradProduct: 2 })[type];

/** The nodes of some kind whose result is read once, by its name. */
function readOnce(
  nodes: readonly Node[],
  outputs: readonly Value[],
  isWanted: (node: Node) => boolean,
): Map<string, Node> {
  const uses = countUses(nodes, outputs);
  const wanted = nodes.filter((node) => isWanted(node) && uses.get(node.outputs[0]!.name) === 1);
  return new Map(wanted.map((node) => [node.outputs[0]!.name, node]));
}

const isPlainProduct = (node: Node) => node.inputs.length === factorsOf(node);

/** A product plus a bias or another matrix is one Gemm, without a pass of its own over memory for the sum. */
function sumsIntoGemms(nodes: readonly Node[], outputs: readonly Value[]): Node[] {
  const products = readOnce(nodes, outputs, isPlainProduct);
  const reshapes = readOnce(nodes, outputs, ({ type }) => type === 'Reshape');
  const absorbed = new Set<Node>();
  const fused = nodes.flatMap((node) => {
    if (node.type !== 'Add') return [node];
    for (const [sum, other] of [node.inputs, node.inputs.toReversed()] as [Value, Value][]) {
      // What a product gives may have got another shape first, if a row is added to it all the same.
      const reshape = other.shape.length === 1 ? reshapes.get(sum.name) : undefined;
      const made = reshape?.inputs[0] ?? sum;
      const product = products.get(made.name);
      if (!product || absorbed.has(product) || !isAddend(product, other, made, sum)) continue;
      absorbed.add(product);
      const whole = { ...product, inputs: [...product.inputs, other] };
      if (!reshape) return [{ ...whole, outputs: node.outputs }];
      absorbed.add(reshape);
      return [whole, { ...reshape, outputs: node.outputs }];
    }
    return [node];
  });
  return fused.filter((node) => !absorbed.has(node));
}

/** A product takes one addend for all its rows, a Gemm a whole matrix too; ONNX broadcasts it one way. */
function isAddend({ type }: Node, { shape }: Value, { shape: [rows, columns] }: Value, sum: Value): boolean {
  if (shape.at(-1) !== columns || sum.shape.at(-1) !== columns) return false;
  return shape.length === 1 || (type === 'Gemm' && shape.length === 2 && shape[0] === rows);
}

/**
 * Kernels of this engine's own add a whole tensor to what they write: the residual of a block to its last product, and its gradient
 * to that of the norm with which the block began.
 */
function residualsIntoKernels(nodes: readonly Node[], outputs: readonly Value[]): Node[] {
  const takers = readOnce(nodes, outputs, takesResidual);
  const absorbed = new Set<Node>();
  const fused = nodes.map((node) => {
    const [a, b] = node.inputs as [Value, Value];
    if (node.type !== 'Add' || !util.arraysEqual([...a.shape], [...b.shape])) return node;
    for (const [sum, residual] of [node.inputs, node.inputs.toReversed()] as [Value, Value][]) {
      const taker = takers.get(sum.name);
      if (!taker) continue;
      absorbed.add(taker);
      return { ...taker, inputs: [...taker.inputs, residual], outputs: node.outputs };
    }
    return node;
  });
  return fused.filter((node) => !absorbed.has(node));
}

function takesResidual({ domain, type, inputs, attributes }: Node): boolean {
  if (domain !== KERNELS || inputs.length !== 3) return false;
  return type === 'StandardizeGrad' || (type === 'Gemm' && attributes.transA !== 1 && inputs[2]!.shape.length === 1);
}

import type { Node, Value } from './graph';

/** The nodes that the outputs need, with the few fusions that ONNX Runtime does not find itself. */
export const simplified = (nodes: readonly Node[], outputs: readonly Value[]): Node[] =>
  sumsIntoGemms(withoutAliases(reachable(nodes, outputs)), outputs);

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

/** A product plus a bias or another matrix is one Gemm, without a pass of its own over memory for the sum. */
function sumsIntoGemms(nodes: readonly Node[], outputs: readonly Value[]): Node[] {
  const uses = new Map<string, number>();
  for (const { name } of [...outputs, ...nodes.flatMap(({ inputs }) => inputs)]) {
    uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  const products = new Map(
    nodes
      .filter(
        ({ type, inputs, outputs: [made] }) => type === 'Gemm' && inputs.length === 2 && uses.get(made!.name) === 1,
      )
      .map((node) => [node.outputs[0]!.name, node]),
  );
  const absorbed = new Set<Node>();
  const fused = nodes.map((node) => {
    if (node.type !== 'Add') return node;
    for (const [sum, other] of [node.inputs, node.inputs.toReversed()] as [Value, Value][]) {
      const product = products.get(sum.name);
      if (!product || absorbed.has(product) || !isAddend(other, sum)) continue;
      absorbed.add(product);
      return { ...product, inputs: [...product.inputs, other], outputs: node.outputs };
    }
    return node;
  });
  return fused.filter((node) => !absorbed.has(node));
}

/** Gemm broadcasts its addend one way: a row or a whole matrix. */
function isAddend({ shape }: Value, { shape: [rows, columns] }: Value): boolean {
  return shape.at(-1) === columns && (shape.length === 1 || (shape.length === 2 && shape[0] === rows));
}

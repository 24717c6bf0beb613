/** Which parts of the state a graph may overwrite while it runs, so that they need not be held twice. */
import type { Node, Value } from './graph';
import type { LoweredGraph } from './model';
import { stateName } from './trace';

/**
 * Of the state entries that a graph has next values for, by name, those whose next value may be written where the old one
 * lies: it is made by an op that reads each element before it writes it, and everything else that reads the old value comes
 * before that op, in whatever order the runtime takes what is independent.
 */
export function overwritten({ nodes }: LoweredGraph, next: Readonly<Record<string, Value>>): Set<string> {
  const makers = new Map(nodes.flatMap((node) => node.outputs.map(({ name }) => [name, node] as const)));
  const readers = new Map<string, Node[]>();
  for (const node of nodes) for (const { name } of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
  const known = new Map<Node, Set<Node>>();
  const before = (node: Node) => known.get(node) ?? known.set(node, ancestors(node, makers)).get(node)!;
  const may = Object.entries(next).filter(([name, value]) => {
    const old = stateName(name);
    const writer = makers.get(value.name);
    if (!writer || !readsBeforeWriting(writer, old, value)) return false;
    const all = everyReader(old, readers);
    // Of AdamW, which goes through its members one by one, nothing else may be the old value.
    if (writer.type === 'Adamw' && all.filter((reader) => reader === writer).length > 1) return false;
    return all.every((reader) => reader === writer || before(writer).has(reader));
  });
  return new Set(may.map(([name]) => name));
}

/** Everything that a node's inputs are made by. */
function ancestors(node: Node, makers: ReadonlyMap<string, Node>): Set<Node> {
  const found = new Set<Node>();
  const open = [node];
  for (let next = open.pop(); next; next = open.pop()) {
    for (const { name } of next.inputs) {
      const maker = makers.get(name);
      if (!maker || found.has(maker)) continue;
      found.add(maker);
      open.push(maker);
    }
  }
  return found;
}

/** Those of a value, and of what is the same memory under another name. */
function everyReader(value: string, readers: ReadonlyMap<string, readonly Node[]>): Node[] {
  return (readers.get(value) ?? []).flatMap((node) =>
    node.type === 'Reshape' ? [node, ...everyReader(node.outputs[0]!.name, readers)] : [node],
  );
}

/** Whether an op has read an element of `old` when it writes the one of `next` at the same place. */
function readsBeforeWriting({ type, inputs, outputs }: Node, old: string, next: Value): boolean {
  const from = inputs.findIndex(({ name }) => name === old);
  const to = outputs.findIndex(({ name }) => name === next.name);
  // Scalars and moments come first; then each parameter is followed by its gradient (lower/own.ts).
  if (type === 'Adamw') return from === (to < 2 ? to + 1 : 3 + 2 * (to - 2));
  return ['Add', 'Sub', 'Mul', 'Div'].includes(type) && from >= 0 && inputs.every(({ shape }) => sameShape(shape, next.shape)); // prettier-ignore
}

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((n, i) => n === b[i]);

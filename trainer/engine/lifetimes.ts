import type { Value } from './graph';
import type { LoweredGraph } from './model';

/** What begins and what ends with a node: the results that it makes, and those that nothing reads after it. */
export interface Lifetime {
  readonly made: readonly Value[];
  readonly done: readonly Value[];
}

/** Of each node, in their order. What the graph is given is not among them, what it returns is never done. */
export function lifetimes({ nodes, outputs }: LoweredGraph): Lifetime[] {
  // A reshaped value is the same memory under another name.
  const owners = new Map<string, Value>();
  const own = (value: Value) => owners.get(value.name) ?? value;
  const results = new Map<string, Value>();
  const lastReader = new Map<string, number>();
  nodes.forEach(({ type, inputs, outputs: made }, i) => {
    if (type === 'Reshape') owners.set(made[0]!.name, own(inputs[0]!));
    for (const value of type === 'Reshape' ? [] : made) results.set(value.name, value);
    for (const value of [...inputs, ...made]) lastReader.set(own(value).name, i);
  });
  for (const value of outputs) lastReader.set(own(value).name, nodes.length);
  return nodes.map(({ type, inputs, outputs: made }, i) => {
    const touched = new Set([...inputs, ...made].map((value) => own(value).name));
    const done = [...touched].filter((name) => lastReader.get(name) === i).flatMap((name) => results.get(name) ?? []);
    return { made: type === 'Reshape' ? [] : made, done };
  });
}

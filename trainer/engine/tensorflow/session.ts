/**
 * A step's graph in a session of TensorFlow. The state is in variables of the session, which are on the device, so that only
 * inputs and outputs cross to it and back. Nodes are called by the places of their entries in the spec, since names of
 * parameters have characters that names of nodes may not have.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostTensor, HostTensors, ProgramSpec, TensorSpec, TypedArray } from '../types';
import { typeOf, type Binding } from './binding';
import { attribute, savedModel, TAG, type GraphNode } from './graphdef';
import { inputSource, stateSource, type StepOps } from './step';

export interface Session {
  /** The state entries that a step replaces. */
  readonly changes: readonly string[];
  /** Sets variables. */
  load(values: HostTensors): void;
  /** One step: replaces variables, and returns the outputs. */
  run(inputs: Readonly<Record<string, TypedArray>>): Readonly<Record<string, TypedArray>>;
  /** Copies of variables. */
  read(names: readonly string[]): HostTensors;
  dispose(): void;
}

const DONE = 'step_done';

export function createSession(binding: Binding, spec: ProgramSpec, { nodes, outputs, next }: StepOps): Session {
  const model = loadGraph(binding, savedModel([...edgeNodes(spec, next, binding), ...nodes]));
  const places = new Map(Object.keys(spec.state).map((name, place) => [name, place]));
  const placeOf = (name: string) => places.get(name)!;

  /** Feeds tensors, by the nodes that take them, and fetches; leaves nothing on the library's side. */
  function call(feeds: readonly (readonly [string, HostTensor])[], fetches: readonly string[]): TypedArray[] {
    const ids = feeds.map(([, { shape, dtype, data }]) => binding.createTensor(shape, typeOf(dtype, binding), data));
    try {
      const results = binding.runSavedModel(model, ids, feeds.map(([name]) => name).join(), fetches.join());
      return results.map(({ id }) => {
        const values = binding.tensorDataSync(id);
        binding.deleteTensor(id);
        return values;
      });
    } finally {
      for (const id of ids) binding.deleteTensor(id);
    }
  }

  return {
    changes: Object.keys(next),
    load(values) {
      const entries = Object.entries(values);
      if (entries.length === 0) return;
      const feeds = entries.map(([name, value]) => [`state_${placeOf(name)}_given:0`, value] as const);
      call(feeds, entries.map(([name]) => `state_${placeOf(name)}_loaded:0`)); // prettier-ignore
    },
    run(inputs) {
      const feeds = Object.entries(spec.inputs).map(
        ([name, like], place) => [`input_${place}_given:0`, { ...like, data: inputs[name]! }] as const,
      );
      const results = call(feeds, [...Object.values(outputs), `${DONE}:0`]);
      return Object.fromEntries(Object.keys(outputs).map((name, i) => [name, results[i]!]));
    },
    read(names) {
      const values = call([], names.map((name) => stateSource(placeOf(name)))); // prettier-ignore
      return Object.fromEntries(names.map((name, i) => [name, { ...spec.state[name]!, data: values[i]! }]));
    },
    dispose: () => binding.deleteSavedModel(model),
  };
}

/** What is around the ops of the step: the variables, what sets them, and the inputs. */
function edgeNodes({ state, inputs }: ProgramSpec, next: StepOps['next'], binding: Binding): GraphNode[] {
  const attributesOf = ({ shape, dtype }: TensorSpec) => ({
    dtype: attribute.type(typeOf(dtype, binding)),
    shape: attribute.shape(shape),
  });
  const updates: string[] = [];
  const variables = Object.entries(state).flatMap(([name, spec], place) => {
    const { dtype, shape } = attributesOf(spec);
    const variable = `state_${place}`;
    const source = stateSource(place);
    const read = nodeOf(source);
    const nodes: GraphNode[] = [
      { name: variable, op: 'VarHandleOp', inputs: [], attributes: { dtype, shape, shared_name: attribute.string(variable) } }, // prettier-ignore
      { name: read, op: 'ReadVariableOp', inputs: [`${variable}:0`], attributes: { dtype } },
      ...fedNodes(`${variable}_given`, `${variable}_copy`, { dtype, shape }),
      { name: `${variable}_load`, op: 'AssignVariableOp', inputs: [`${variable}:0`, `${variable}_copy:0`], attributes: { dtype } }, // prettier-ignore
      afterNode(`${variable}_loaded`, [`${variable}_load`], binding),
    ];
    const value = next[name];
    if (value === undefined) return nodes;
    updates.push(`${variable}_update`);
    // Not before the old value has been read.
    const assigned = [`${variable}:0`, value, `^${read}`];
    return [...nodes, { name: `${variable}_update`, op: 'AssignVariableOp', inputs: assigned, attributes: { dtype } }];
  });
  const fed = Object.values(inputs).flatMap((spec, place) =>
    fedNodes(`input_${place}_given`, nodeOf(inputSource(place)), attributesOf(spec)),
  );
  return [...variables, ...fed, afterNode(DONE, updates, binding)];
}

const nodeOf = (source: string) => source.split(':')[0]!;

/**
 * What is fed is memory of JavaScript's, which only its own thread may let go of. What could be kept in a variable, and be
 * replaced there by any thread, has to be a copy.
 */
const fedNodes = (given: string, copy: string, { dtype, shape }: GraphNode['attributes']): GraphNode[] => [
  { name: given, op: 'Placeholder', inputs: [], attributes: { dtype: dtype!, shape: shape! } },
  { name: copy, op: 'DeepCopy', inputs: [`${given}:0`], attributes: { T: dtype! } },
];

/** A number to be fetched, there when other nodes are done: those that return nothing cannot be asked for by themselves. */
const afterNode = (name: string, nodes: readonly string[], { TF_INT32 }: Binding): GraphNode => ({
  name,
  op: 'Const',
  inputs: nodes.map((node) => `^${node}`),
  attributes: { dtype: attribute.type(TF_INT32), value: attribute.tensor(TF_INT32, [], new Uint8Array(4)) },
});

/** By way of a file, since the library's loader takes nothing else. */
function loadGraph(binding: Binding, model: Uint8Array): number {
  const parent = tmpdir();
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(parent, 'tessera-tensorflow-'));
    writeFileSync(join(folder, 'saved_model.pb'), model);
    return binding.loadSavedModel(folder, TAG);
  } catch (error) {
    const { message, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    const megabytes = Math.ceil(model.length / 1e6);
    throw new Error(`TensorFlow takes its graph from a file, of ${megabytes} MB in ${parent}: ${message}`, { cause: error }); // prettier-ignore
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

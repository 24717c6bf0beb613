import { size, specsOf } from './shapes';
import type { HostTensor, Specs, Step, TensorSpec, TypedArray } from './types';

const list = (names: readonly string[]) => names.map((name) => `"${name}"`).join(', ');
const describe = ({ shape, dtype }: TensorSpec) => `${dtype} [${shape.join(', ')}]`;

/** Throws unless `data` is what `spec` says, by number of elements and type. */
function checkData(what: string, data: TypedArray | undefined, spec: TensorSpec): void {
  const right = spec.dtype === 'float32' ? Float32Array : Int32Array;
  if (!(data instanceof right)) {
    throw new Error(
      `${what} must be a ${right.name} for ${describe(spec)}, not ${data?.constructor.name ?? 'missing'}`,
    );
  }
  if (data.length !== size(spec.shape)) {
    throw new Error(`${what} has ${data.length} elements; ${describe(spec)} needs ${size(spec.shape)}`);
  }
}

export function checkInputs(inputs: Readonly<Record<string, TypedArray>>, specs: Specs): void {
  const missing = Object.keys(specs).filter((name) => !(name in inputs));
  if (missing.length)
    throw new Error(`inputs ${list(missing)} are missing; the program takes ${list(Object.keys(specs))}`);
  const unknown = Object.keys(inputs).filter((name) => !(name in specs));
  if (unknown.length)
    throw new Error(`inputs ${list(unknown)} are unknown; the program takes ${list(Object.keys(specs))}`);
  for (const [name, spec] of Object.entries(specs)) checkData(`input "${name}"`, inputs[name], spec);
}

export function checkHostTensor(name: string, { data, shape, dtype }: HostTensor): void {
  checkData(`state "${name}"`, data, { shape, dtype });
}

export const sameSpec = (a: TensorSpec, b: TensorSpec): boolean =>
  a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((n, i) => n === b.shape[i]);

/** Throws unless the device state has every entry that a program names, of the same shape and type. */
export function checkState(has: Specs, wants: Specs): void {
  for (const [name, spec] of Object.entries(wants)) {
    const entry = has[name];
    if (!entry) throw new Error(`the device state has no "${name}"; the program was compiled with ${describe(spec)}`);
    if (!sameSpec(entry, spec)) {
      throw new Error(`state "${name}" is ${describe(entry)}; the program was compiled with ${describe(spec)}`);
    }
  }
}

/**
 * Throws unless what a step returned can leave it: known state of unchanged shape, float32 or int32 outputs.
 * Returns what the outputs are.
 */
export function checkResult(result: ReturnType<Step>, declared: Specs): Specs {
  // A step that TypeScript did not check may be asynchronous.
  if (!(result as Partial<typeof result> | undefined)?.outputs) {
    throw new Error('the step must return { state?, outputs }, not a promise or nothing');
  }
  for (const [name, returned] of Object.entries(specsOf(result.state ?? {}))) {
    const spec = declared[name];
    if (!spec) throw new Error(`the step returns state "${name}", which its spec does not declare`);
    if (!sameSpec(returned, spec)) {
      throw new Error(`the step returns state "${name}" as ${describe(returned)}; it went in as ${describe(spec)}`);
    }
  }
  for (const [name, { dtype }] of Object.entries(result.outputs)) {
    if (dtype !== 'float32' && dtype !== 'int32') {
      throw new Error(`output "${name}" is ${dtype}; cast it to float32 or int32`);
    }
  }
  return specsOf(result.outputs);
}

/** What a device holds under `name`. */
export function stateEntry<T>(tensors: ReadonlyMap<string, T>, name: string): T {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`the device state has no "${name}"`);
  return tensor;
}

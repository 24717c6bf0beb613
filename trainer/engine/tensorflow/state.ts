/** State of the tensorflow engine. Programs do not share memory: an entry is where it was computed last, until another program needs it. */
import { checkHostTensor, stateEntry } from '../check';
import { promised } from '../promised';
import { specsOf } from '../shapes';
import type { DeviceState, HostTensor, HostTensors } from '../types';
import type { Session } from './session';

/** What an entry is now; when it changes, another object takes its place. It is on the host, or in a session's variable. */
export interface Value {
  host?: HostTensor;
  home?: Session;
}

export interface TensorflowState extends DeviceState {
  readonly values: Map<string, Value>;
}

export function upload(given: HostTensors): TensorflowState {
  for (const [name, value] of Object.entries(given)) checkHostTensor(name, value);
  const values = new Map(Object.entries(given).map(([name, value]): [string, Value] => [name, { host: copy(value) }]));
  return {
    values,
    specs: specsOf(given),
    read: (names = [...values.keys()]) => promised(() => readValues(values, names)),
    dispose() {
      // The sessions need not save what nobody will ask for.
      for (const value of values.values()) value.home = undefined;
      values.clear();
    },
  };
}

/** Copies of values, one call for those of the same session. */
export function readValues(values: ReadonlyMap<string, Value>, names: Iterable<string>): HostTensors {
  const read: Record<string, HostTensor> = {};
  const elsewhere = new Map<Session, string[]>();
  for (const name of names) {
    const { host, home } = stateEntry(values, name);
    if (host) read[name] = copy(host);
    else if (home) elsewhere.set(home, [...(elsewhere.get(home) ?? []), name]);
  }
  for (const [home, own] of elsewhere) Object.assign(read, home.read(own));
  return read;
}

const copy = (value: HostTensor): HostTensor => ({ ...value, data: value.data.slice() });

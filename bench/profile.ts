/** Where a step's time goes, by ONNX Runtime's own profile: `profile [--only TEXT]`. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOwn } from './peer';
import { configs } from './step';
import { measured, THREADS, timesOf } from './turns';

const STEPS = 10;
const SHOWN = 14;

interface Event {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args: { readonly op_name?: string };
}
interface Row {
  readonly op: string;
  readonly msPerStep: number;
  readonly share: number;
  readonly nodes: number;
}

export async function profile({ only = '' }: { only?: string }): Promise<Record<string, Row[]>> {
  const profiles: Record<string, Row[]> = {};
  for (const { name, config } of configs.filter((each) => each.name.includes(only))) {
    const folder = await mkdtemp(join(tmpdir(), 'tessera-profile-'));
    try {
      const own = startOwn({ ...config, threads: THREADS }, { TESSERA_PROFILE: join(folder, 'step') });
      await measured([own], (side) => timesOf(side, 'step', STEPS));
      const [file] = await readdir(folder);
      profiles[name] = summed(JSON.parse(await readFile(join(folder, file!), 'utf8')) as Event[]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    console.log(name);
    console.table(profiles[name].slice(0, SHOWN));
  }
  return profiles;
}

function summed(events: readonly Event[]): Row[] {
  const steps = events.filter(({ name }) => name === 'model_run').length;
  const ops = new Map<string, { us: number; count: number }>();
  for (const { cat, name, dur, args } of events) {
    if (cat !== 'Node' || !name.endsWith('_kernel_time')) continue;
    const { us, count } = ops.get(args.op_name!) ?? { us: 0, count: 0 };
    ops.set(args.op_name!, { us: us + dur, count: count + 1 });
  }
  const total = [...ops.values()].reduce((sum, { us }) => sum + us, 0);
  return [...ops]
    .map(([op, { us, count }]) => ({ op, msPerStep: us / 1e3 / steps, share: us / total, nodes: count / steps }))
    .toSorted((a, b) => b.msPerStep - a.msPerStep);
}

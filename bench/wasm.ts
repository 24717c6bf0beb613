/** The steps of `step` on WebAssembly and on the native library, which take turns. */
import { median } from './median';
import { startOwn } from './peer';
import { configs, ROUNDS, THREADS, timesOf } from './step';

interface Row {
  readonly config: string;
  readonly engine: string;
  readonly ms: number;
  readonly nativeMs: number;
  readonly ratio: number;
  readonly buildMs: number;
}

export async function wasm({ only = '' }: { only?: string }): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, steps, config } of configs.filter((each) => each.name.includes(only))) {
    const given = { ...config, threads: THREADS };
    const [own, native] = [await startOwn({ ...given, device: 'wasm' }), await startOwn(given)];
    const times = { own: [] as number[], native: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      times.own.push(...(await timesOf(own, 'step', steps)));
      times.native.push(...(await timesOf(native, 'step', steps)));
    }
    const [ms, nativeMs] = [median(times.own), median(times.native)];
    rows.push({ config: name, engine: own.name!, ms, nativeMs, ratio: ms / nativeMs, buildMs: own.facts.buildMs! });
    for (const side of [own, native]) await side.stop();
  }
  console.table(rows);
  return rows;
}

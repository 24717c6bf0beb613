/** The steps of `step` on WebAssembly and on the native library, which take turns. */
import { median } from './median';
import { compiled, configs, ROUNDS } from './step';

interface Row {
  config: string;
  engine: string;
  msPerStep: number;
  nativeMsPerStep: number;
  ratio: number;
  buildMs: number;
  nativeBuildMs: number;
}

export async function wasm({ only = '' }: { only?: string }): Promise<Row[]> {
  const rows: Row[] = [];
  for (const config of configs.filter(({ name }) => name.includes(only))) {
    const [own, native] = [await compiled(config, 'wasm'), await compiled(config, 'cpu')];
    const times = { own: [] as number[], native: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      times.own.push(...(await own.run(config.steps)));
      times.native.push(...(await native.run(config.steps)));
    }
    const [msPerStep, nativeMsPerStep] = [median(times.own), median(times.native)];
    rows.push({
      config: config.name,
      engine: own.engine,
      msPerStep,
      nativeMsPerStep,
      ratio: msPerStep / nativeMsPerStep,
      buildMs: own.buildMs,
      nativeBuildMs: native.buildMs,
    });
    for (const used of [own, native]) used.dispose();
  }
  console.table(rows);
  return rows;
}

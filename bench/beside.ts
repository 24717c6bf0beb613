/** The steps of `step` on other engines beside the one that is the default here, onnx on the CPU: they take turns. */
import { startOwn } from './peer';
import { configs } from './step';
import { measured, takeTurns, THREADS } from './turns';

interface Row {
  readonly config: string;
  readonly engine: string;
  readonly ms: number;
  readonly onnxMs: number;
  readonly ratio: number;
  readonly buildMs: number;
  readonly onnxBuildMs: number;
}

const beside =
  (other: { engine?: string; device?: string }) =>
  async ({ only = '' }: { only?: string }): Promise<Row[]> => {
    const rows: Row[] = [];
    for (const { name, steps, config } of configs.filter((each) => each.name.includes(only))) {
      const given = { ...config, threads: THREADS };
      const row = await measured([startOwn({ ...given, ...other }), startOwn(given)], async (...sides) => {
        const [ms, onnxMs] = (await takeTurns(sides, 'step', steps)) as [number, number];
        const [buildMs, onnxBuildMs] = sides.map(({ facts }) => facts.buildMs!) as [number, number];
        return { config: name, engine: sides[0]!.name!, ms, onnxMs, ratio: ms / onnxMs, buildMs, onnxBuildMs };
      });
      if (row) rows.push(row);
    }
    console.table(rows);
    return rows;
  };

export const wasm = beside({ device: 'wasm' });
/** Wants an installed engine (tessera engines install tensorflow), which takes as many threads as there are cores. */
export const tensorflow = beside({ engine: 'tensorflow' });

/** `node dist/bench.mjs <name> [--json FILE] [--images DIR] ...`: measurements, each beside its peer where it has one. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { trainerEnvironment } from '../client/index';
import { agreement } from './agreement';
import { tensorflow, wasm } from './beside';
import { dashboard } from './dashboard';
import { data } from './data';
import { editor } from './editor';
import { health } from './health';
import { enginesTable, withSoftwareGpu } from './engines';
import { launch } from './launch';
import { map } from './map';
import { methods } from './methods';
import { own } from './own';
import { plan } from './plan';
import { products } from './products';
import { profile } from './profile';
import { step } from './step';

const benches: Record<string, (options: Record<string, string | undefined>) => Promise<unknown>> = {
  step,
  own,
  products,
  profile,
  data,
  map,
  agreement,
  health,
  launch,
  plan,
  methods,
  editor,
  dashboard,
  engines: enginesTable,
  tensorflow,
  wasm,
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    images: { type: 'string' },
    out: { type: 'string' },
    budget: { type: 'string' },
    seeds: { type: 'string' },
    only: { type: 'string' },
    config: { type: 'string' },
    embeddings: { type: 'string' },
    run: { type: 'string' },
  },
});
const bench = benches[positionals[0] ?? ''];
const forTrainer = trainerEnvironment(process.env);
const environment = positionals[0] === 'engines' ? withSoftwareGpu(forTrainer) : forTrainer;
if (!bench) {
  console.error(`Which one? ${Object.keys(benches).join(', ')}`);
  process.exitCode = 2;
} else if (environment !== process.env) {
  // What a trainer is given counts from the start of a process.
  const again = spawnSync(process.execPath, process.argv.slice(1), { env: environment, stdio: 'inherit' });
  process.exitCode = again.status ?? 1;
} else {
  const figures = await bench(values);
  if (values.json) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`);
}

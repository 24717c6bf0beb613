/** `node dist/bench.mjs <name> [--json FILE]`: measurements, each beside its peer where it has one. */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { editor } from './editor';
import { step } from './step';

const benches: Record<string, () => Promise<unknown>> = { step, editor };

const { positionals, values } = parseArgs({ allowPositionals: true, options: { json: { type: 'string' } } });
const bench = benches[positionals[0] ?? ''];
if (!bench) {
  console.error(`Which one? ${Object.keys(benches).join(', ')}`);
  process.exitCode = 2;
} else {
  const figures = await bench();
  if (values.json) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`);
}

/** `node dist/bench.mjs <name> [--json FILE]`: measurements, each beside its peer. */
import { parseArgs } from 'node:util';
import { editor } from './editor';
import { step } from './step';

const benches: Record<string, (options: { json?: string }) => Promise<void>> = { step, editor };

const { positionals, values } = parseArgs({ allowPositionals: true, options: { json: { type: 'string' } } });
const bench = benches[positionals[0] ?? ''];
if (!bench) {
  console.error(`Which one? ${Object.keys(benches).join(', ')}`);
  process.exitCode = 2;
} else {
  await bench(values);
}

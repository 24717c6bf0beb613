/**
 * Measures a GPU machine: every op against the reference, training steps here and in PyTorch, each part in a process of its own.
 * `gpu-bench --out FILE [--quick] [--only TEXT] [--gpu NAME] [--limit SECONDS]`: with small sizes, those parts whose name has the
 * text, on that GPU, each part for so long at most. What FILE has already is not done again. scripts/gpu-bench.mjs packs it with
 * all that it needs.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { trainerEnvironment } from '../client/index';
import { probeDevice } from '../trainer/engine/index';
import { vulkanAdapters } from '../trainer/engine/vulkan';
import { runChild, say, type Row } from './gpu/child';
import { vulkanSetup } from './gpu/driver';
import { facts } from './gpu/facts';
import { checkOps } from './gpu/ops';
import { idOf, ladderOf, limitOf, plan, type Part } from './gpu/parts';
import { measureStep, measureTorch } from './gpu/step';
import { table, type Report, type Result } from './gpu/table';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'gpu-bench.json' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    gpu: { type: 'string' },
    limit: { type: 'string', default: 'Infinity' },
    part: { type: 'string' },
  },
});

/** In the process of one part. */
async function alone(part: Part): Promise<void> {
  const tell = (name: string, row: Row) => say({ name, row });
  try {
    if (part.kind === 'adapters') tell('adapters', { ...(await probeDevice('webgpu')), all: vulkanAdapters() });
    else if (part.kind === 'ops') await checkOps(part, values.gpu, tell);
    else tell('step', part.kind === 'step' ? await measureStep(part, values.gpu) : await measureTorch(part));
    say({ done: true });
  } catch (error) {
    say({ error: (error as Error).message.slice(0, 2000) });
  }
  process.exit(); // What a driver has left running does not keep it.
}

async function all(): Promise<void> {
  const { env, notes } = vulkanSetup(trainerEnvironment(process.env));
  const machine = facts(env);
  const torch = typeof machine.torch === 'string' ? undefined : machine.torch.device;
  const parts = plan(values.quick, torch).filter((part) => idOf(part).includes(values.only));
  const known = earlier(values.out);
  const report: Report & { results: Result[] } = {
    ...{ startedAt: new Date().toISOString(), isQuick: values.quick, facts: machine, notes },
    results: known.filter(({ id }) => !parts.some((part) => idOf(part) === id)),
  };
  const stopped = new Map<string, Result>();
  for (const [i, part] of parts.entries()) {
    const id = idOf(part);
    const ladder = part.kind === 'step' || part.kind === 'torch' ? ladderOf(part) : undefined;
    const below = stopped.get(ladder ?? '');
    const result =
      known.find((one) => one.id === id) ??
      (below
        ? skipped(part, below)
        : { id, part, ...(await runChild(argumentsOf(part), env, Math.min(limitOf(part), Number(values.limit)))) });
    if (ladder && result.state === 'failed') stopped.set(ladder, result);
    report.results.push(result);
    write(values.out, report);
    const { state, reason = '', seconds } = result;
    console.log(`[${i + 1}/${parts.length}] ${id}: ${state} ${reason.split('\n')[0]} (${seconds.toFixed(1)} s)`);
  }
  console.log(`\n${table(report)}\nAll of it is in ${values.out}.`);
}

const argumentsOf = (part: Part) => [
  ...[process.argv[1]!, '--part', JSON.stringify(part)],
  ...(values.gpu === undefined ? [] : ['--gpu', values.gpu]),
];

/** What does not fit, or is not there, is not tried with a larger batch. */
const skipped = (part: Part, below: Result): Result => ({
  ...{ id: idOf(part), part, state: 'skipped', seconds: 0, rows: {} },
  reason: `since "${below.id}" failed`,
});

function earlier(file: string): Result[] {
  if (!existsSync(file)) return [];
  const { results, isQuick } = JSON.parse(readFileSync(file, 'utf8')) as Report;
  if (isQuick !== values.quick) throw new Error(`${file} is of a run ${isQuick ? 'with' : 'without'} --quick.`);
  return [...results];
}

/** Whole or not at all, since a run may be ended at any time. */
function write(file: string, report: Report): void {
  writeFileSync(`${file}.part`, `${JSON.stringify(report, null, 2)}\n`);
  renameSync(`${file}.part`, file);
}

if (values.part === undefined) await all();
else await alone(JSON.parse(values.part) as Part);

/** The quickstart without an editor. */
import * as jsonc from 'jsonc-parser';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatDuration, formatPercent } from '../../protocol/format';
import { evaluateRun, launch, watchTraining, type EvaluationEvent } from './jobs';
import { createOutput, table } from './output';

export interface DemoScores {
  readonly seconds: number;
  readonly seeds: readonly {
    readonly probe: { readonly pretrained: number; readonly random: number };
    readonly finetune10: { readonly pretrained: number; readonly scratch: number };
  }[];
}

/** Pretrains, probes and fine-tunes the quickstart with each seed, then prints a table and writes it to `file`. */
export async function demo(seeds: number, file?: string): Promise<void> {
  const startedAt = performance.now();
  const text = await readFile(new URL('../examples/quickstart.tessera.jsonc', import.meta.url), 'utf8');
  const folder = await mkdtemp(join(tmpdir(), 'tessera-demo-'));
  const scores: DemoScores['seeds'][number][] = [];
  for (let seed = 0; seed < seeds; seed++) {
    // Only this row of the report is shown, so only it is computed.
    const config = changed(
      changed(changed(text, ['seed'], seed), ['probe', 'labels'], [1]),
      ['finetune', 'labels'],
      [0.1],
    );
    const configFile = join(folder, `quickstart-${seed}.tessera.jsonc`);
    await writeFile(configFile, config);
    process.stdout.write(`\nSeed ${seed}: pretraining without labels\n`);
    const directory = await launch(['pretrain', configFile]);
    if ((await watchTraining(directory, false)) !== 0)
      throw new Error(`The pretraining did not finish; see ${directory}.`);
    process.stdout.write('Linear probe\n');
    const probed = await evaluateRun(directory, { kinds: ['probe'] }, createOutput(false));
    process.stdout.write('Fine-tuning with 10% of the labels\n');
    const tuned = await evaluateRun(directory, { kinds: ['finetune'] }, createOutput(false));
    const probe = row(probed, 'probe');
    const finetune = row(tuned, 'finetune');
    scores.push({
      probe: { pretrained: probe.score.value, random: probe.baseline.value },
      finetune10: { pretrained: finetune.score.value, scratch: finetune.baseline.value },
    });
  }
  const result: DemoScores = { seconds: (performance.now() - startedAt) / 1000, seeds: scores };
  process.stdout.write(`\n${demoTable(result)}\n\nThe runs are in ${folder}.\n`);
  if (file) await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
}

function demoTable({ seconds, seeds }: DemoScores): string {
  const rows = seeds.map(({ probe, finetune10 }, seed) => [
    String(seed),
    formatPercent(probe.pretrained),
    formatPercent(probe.random),
    formatPercent(finetune10.pretrained),
    formatPercent(finetune10.scratch),
  ]);
  const header = ['seed', 'linear probe', 'random init', 'fine-tuned, 10% labels', 'from scratch, 10% labels'];
  return `${table([header, ...rows])}\n${formatDuration(seconds)}`;
}

function row(events: readonly EvaluationEvent[], kind: string) {
  return events.find(({ evaluation }) => evaluation.kind === kind)!.evaluation.comparison!;
}

function changed(text: string, path: jsonc.JSONPath, value: unknown): string {
  return jsonc.applyEdits(text, jsonc.modify(text, path, value, {}));
}

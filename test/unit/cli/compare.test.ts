import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { journalPath, manifestPath, type ListedRun } from '../../../client/index';
import { ExperimentConfig } from '../../../protocol/config';
import type { Evaluation, EventBody } from '../../../protocol/events';
import { compareRuns, comparisonMarkdown, comparisonText, missingCosts } from '../../../trainer/cli/compare';
import { manifest } from '../manifest';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'tessera-compare-'))));
afterEach(async () => await rm(folder, { recursive: true, force: true }));

/** A run whose events lie ten seconds apart. */
async function written(runId: string, pretrain: object, events: readonly EventBody[]): Promise<ListedRun> {
  const directory = await mkdtemp(join(folder, 'run-'));
  const config = ExperimentConfig.parse({ data: { source: 'builtin:shapes' }, pretrain });
  const own = { ...manifest, version: 1 as const, runId, config };
  await writeFile(manifestPath(directory), JSON.stringify(own));
  const lines = events.map((event, seq) => JSON.stringify({ ...event, seq, time: 1e12 + seq * 10_000 }));
  await writeFile(journalPath(directory), lines.map((line) => `${line}\n`).join(''));
  return { directory, manifest: own };
}

const launched: EventBody = { type: 'launched', job: 'pretrain', pid: 1, fromStep: 0, totalSteps: 20, engine: 'one' };
const row = (step: number, knn: number, memory: number): EventBody => ({
  ...{ type: 'metrics', step, values: { 'eval/knn_top1': knn, 'perf/memory_mb': memory } },
});
const scored = (step: number, of: Pick<Evaluation, 'kind'> & Partial<Evaluation>): EventBody => ({
  type: 'evaluation',
  step,
  evaluation: { protocol: 'as usual', labels: 1, trainImages: 9, testImages: 9, classes: 3, seconds: 1, ...of },
});
const accuracy = (value: number): Pick<Evaluation, 'comparison'> => {
  const score = { value, interval: [value, value] as const };
  return { comparison: { metric: 'accuracy', score, baseline: { ...score, name: 'random init' }, gain: score } };
};

const mae = () =>
  written('quick', { method: 'mae' }, [
    launched,
    row(10, 0.3, 100),
    row(20, 0.5, 90),
    scored(10, { kind: 'probe', ...accuracy(0.2) }),
    scored(20, { kind: 'probe', ...accuracy(0.6) }),
    scored(20, { kind: 'probe', labels: 0.1, ...accuracy(0.4) }),
    scored(20, { kind: 'probe', variant: 'MLP head', ...accuracy(0.7) }),
    scored(20, {
      kind: 'efficiency',
      labels: 0,
      measures: { parameters: { score: 1234 }, step_flops: { score: 5e9 } },
    }),
  ]);
const simclr = () =>
  written('slow', { method: 'simclr', backbone: { type: 'resnet18' } }, [launched, row(10, 0.2, 50), row(20, 0.4, 60)]);

describe('runs side by side', () => {
  it('have what the newest evaluations say, with all labels', async () => {
    const { runs } = await compareRuns([await mae()]);
    expect(runs[0]).toMatchObject({ method: 'mae', backbone: 'vit', parameters: 1234, stepFlops: 5e9, linear: 0.6 });
    expect(runs[0]).toMatchObject({ peakMemory: 100e6, knn: undefined });
  });

  it('are timed until the best score that all of them reached', async () => {
    const { target, runs } = await compareRuns([await mae(), await simclr()]);
    expect(target).toBe(0.4);
    expect(runs.map(({ secondsToTarget }) => secondsToTarget)).toEqual([20, 20]);
  });

  it('are timed until a score that is asked for, which some may never have reached', async () => {
    const comparison = await compareRuns([await mae(), await simclr()], 0.45);
    expect(comparison.runs.map(({ secondsToTarget }) => secondsToTarget)).toEqual([20, null]);
    expect(comparisonText(comparison)).toMatch(/time to kNN 45\.0%/);
    expect(comparisonText(comparison).split('\n')[2]).toMatch(/^slow .*never/);
  });

  it('make a table with a line for each, also in Markdown', async () => {
    const comparison = await compareRuns([await mae(), await simclr()]);
    const lines = comparisonMarkdown(comparison).split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[2]).toContain('| quick | mae | vit | 20 |');
    expect(lines[2]).toContain('5.00 G');
    const columns = lines.map((line) => line.split('|').length);
    expect(new Set(columns).size).toBe(1);
  });

  it('tell which were not measured', async () => {
    const comparison = await compareRuns([await mae(), await simclr()]);
    expect(missingCosts(comparison)).toMatch(/^Not measured yet: slow\./);
    expect(missingCosts(await compareRuns([await mae()]))).toBeUndefined();
  });
});

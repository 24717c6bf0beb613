import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRunStore, type RunStore, type StoreChange } from '../../../extension/run-store';
import type { EventBody } from '../../../protocol/events';
import { checkpoint, finished, launched, manifest, row } from './runs';

describe('the run store', () => {
  let folder: string;
  let store: RunStore;
  let changes: StoreChange[];
  const warnings: string[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tessera-store-'));
    store = createRunStore((message) => warnings.push(message));
    changes = [];
    store.onDidChange((change) => changes.push(change));
  });
  afterEach(async () => {
    store.dispose();
    await rm(folder, { recursive: true });
  });

  async function writeRun(runId: string, events: readonly EventBody[], createdAt = 1): Promise<string> {
    const directory = join(folder, '.tessera', 'runs', runId);
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'run.json'), JSON.stringify(manifest({ runId, createdAt })));
    const lines = events.map((body, seq) => `${JSON.stringify({ ...body, seq, time: seq })}\n`);
    await writeFile(join(directory, 'events.jsonl'), lines.join(''));
    return directory;
  }

  it('sees a finished run as its journal tells it, under its config file', async () => {
    const directory = await writeRun('a', [launched, row(4000, 0.04), checkpoint(4000), finished]);
    const found = await store.addRun(directory);
    expect(found).toMatchObject({
      liveStatus: 'finished',
      alive: false,
      configFile: join(folder, 'mae.tessera.jsonc'),
    });
    expect(found?.run.step).toBe(4000);
    expect(changes.map(({ kind }) => kind)).toEqual(['structure', 'run']);
  });

  it('reads a run once, however often it is found', async () => {
    const directory = await writeRun('a', [launched, finished]);
    await Promise.all([store.addRun(directory), store.addRun(directory), store.addRun(directory)]);
    expect(changes).toHaveLength(2);
  });

  it('lists the runs of an experiment, newest first', async () => {
    for (const [id, createdAt] of [
      ['old', 1],
      ['new', 3],
      ['mid', 2],
    ] as const) {
      await store.addRun(await writeRun(id, [launched, finished], createdAt));
    }
    const runs = store.runsOf(join(folder, 'mae.tessera.jsonc'));
    expect(runs.map(({ run }) => run.manifest.runId)).toEqual(['new', 'mid', 'old']);
  });

  it('takes in what is appended to the journal of a run that nobody owns', async () => {
    const directory = await writeRun('a', [launched, row(10, 0.5)]);
    await store.addRun(directory);
    await appendFile(join(directory, 'events.jsonl'), `${JSON.stringify({ ...row(20, 0.4), seq: 2, time: 5 })}\n`);
    await store.refresh();
    await expect.poll(() => store.runs.get(directory)?.run.step).toBe(20);
  });

  it.each([
    ['no run.json', undefined],
    ['a run.json that is not JSON', '{'],
    ['a run.json of something else', '{"version": 7}'],
  ])('keeps a folder with %s as broken, and says why', async (_, text) => {
    const directory = join(folder, '.tessera', 'runs', 'bad');
    await mkdir(directory, { recursive: true });
    if (text !== undefined) await writeFile(join(directory, 'run.json'), text);
    expect(await store.addRun(directory)).toBeUndefined();
    expect(store.broken.get(directory)).toContain('run.json');
    expect(warnings.at(-1)).toContain('run.json');
  });

  it('reads a broken run when it is found whole again', async () => {
    const directory = join(folder, '.tessera', 'runs', 'late');
    await mkdir(directory, { recursive: true });
    await store.addRun(directory);
    await writeRun('late', [launched, finished]);
    expect(await store.addRun(directory)).toMatchObject({ liveStatus: 'finished' });
    expect(store.broken.size).toBe(0);
  });

  it('forgets a run that is removed, and tells', async () => {
    const directory = await writeRun('a', [launched, finished]);
    await store.addRun(directory);
    store.removeRun(directory);
    expect(store.runs.size).toBe(0);
    expect(changes.slice(2).map(({ kind }) => kind)).toEqual(['lost', 'structure']);
  });

  it('refuses to ask a run that nobody owns', async () => {
    const directory = await writeRun('a', [launched]);
    await store.addRun(directory);
    await expect(store.request(directory, 'pause', null)).rejects.toThrow(/No trainer is at work/);
  });

  it('tells every view, also when one of them fails', async () => {
    const seen: string[] = [];
    store.onDidChange(() => {
      throw new Error('broken view');
    });
    store.onDidChange(({ kind }) => seen.push(kind));
    store.addExperiment('/a.tessera.jsonc');
    expect(seen).toEqual(['structure']);
    expect(warnings.at(-1)).toContain('broken view');
    await Promise.resolve();
  });

  it('reads a hundred runs', async () => {
    const directories = await Promise.all(
      Array.from({ length: 100 }, (_, i) => writeRun(`run-${i}`, [launched, row(i, 0.1), finished], i)),
    );
    await Promise.all(directories.map((directory) => store.addRun(directory)));
    expect(store.runs.size).toBe(100);
  });
});

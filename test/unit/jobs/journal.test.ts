import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  followRun,
  journalPath,
  listRuns,
  manifestPath,
  readJournal,
  readManifest,
  readRun,
} from '../../../client/index';
import type { EventBody } from '../../../protocol/events';
import { openJournal } from '../../../trainer/jobs/journal';
import { manifest } from '../manifest';

const row = (step: number): EventBody => ({ type: 'metrics', step, values: { 'train/loss': step } });

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tessera-journal-'));
  await writeFile(manifestPath(directory), JSON.stringify(manifest));
});
afterEach(async () => await rm(directory, { recursive: true, force: true }));

describe('the journal', () => {
  it('gives what was appended, numbered without a gap across processes', async () => {
    const first = await openJournal(directory);
    first.append(row(1));
    first.append(row(2));
    first.close();
    const second = await openJournal(directory);
    second.append(row(3));
    second.close();
    const { events, problems } = await readJournal(directory);
    expect(events.map(({ seq }) => seq)).toEqual([0, 1, 2]);
    expect(events.map((event) => event.type === 'metrics' && event.step)).toEqual([1, 2, 3]);
    expect(problems).toEqual([]);
    expect(await readRun(directory)).toMatchObject(second.run());
  });

  it('is read on from any place, and a line that is being written is left for later', async () => {
    const journal = await openJournal(directory);
    journal.append(row(1));
    const first = await readJournal(directory);
    const line = JSON.stringify({ ...row(2), seq: 1, time: 0 });
    await appendFile(journalPath(directory), line.slice(0, 10));
    expect(await readJournal(directory, first.offset)).toEqual({ events: [], offset: first.offset, problems: [] });
    await appendFile(journalPath(directory), `${line.slice(10)}\n`);
    expect((await readJournal(directory, first.offset)).events).toEqual([JSON.parse(line)]);
    journal.close();
  });

  it('has what a crash tore cut off before the next process writes', async () => {
    const journal = await openJournal(directory);
    journal.append(row(1));
    journal.close();
    await appendFile(journalPath(directory), '{"type":"metr');
    const resumed = await openJournal(directory);
    resumed.append(row(2));
    resumed.close();
    const { events, problems } = await readJournal(directory);
    expect(events).toHaveLength(2);
    expect(problems).toEqual([]);
  });

  it.each([
    ['not JSON', 'garbage'],
    ['an unknown type', '{"type":"future","seq":1,"time":0}'],
    ['a wrong type of a value', '{"type":"metrics","step":"1","values":{},"seq":1,"time":0}'],
    ['a path that leaves the run', '{"type":"pictures","step":1,"file":"../../etc/passwd","seq":1,"time":0}'],
    ['an absolute path', '{"type":"pictures","step":1,"file":"C:\\\\x","seq":1,"time":0}'],
    ['a map with a name like a method', '{"type":"metrics","step":1,"values":{"toString":"x"},"seq":1,"time":0}'],
  ])('skips a line that is no event and says where it is: %s', async (_, line) => {
    const good = JSON.stringify({ ...row(1), seq: 2, time: 0 });
    await writeFile(journalPath(directory), `${line}\n${good}\n`);
    const { events, problems } = await readJournal(directory);
    expect(events).toHaveLength(1);
    expect(problems).toEqual([expect.stringMatching(/events\.jsonl, byte 0: ./)]);
  });
});

describe('run.json', () => {
  it.each([
    ['not JSON', '{', 'is not valid JSON'],
    ['another version', JSON.stringify({ ...manifest, version: 2 }), 'version: '],
    ['a wrong type', JSON.stringify({ ...manifest, versions: [] }), 'versions: '],
    ['nothing', '', 'is not valid JSON'],
  ])('that will not do is refused by name: %s', async (_, text, problem) => {
    await writeFile(manifestPath(directory), text);
    await expect(readManifest(directory)).rejects.toThrow(`${manifestPath(directory)}: ${problem}`);
  });

  it('that is not there means no run', async () => {
    await rm(manifestPath(directory));
    await expect(readManifest(directory)).rejects.toThrow(/run\.json: does not exist/);
  });

  it('one bad run does not hide the others', async () => {
    const folder = join(directory, '..');
    const { runs } = await listRuns(folder);
    expect(runs.map((run) => run.directory)).toContain(directory);
    expect((await listRuns(join(directory, 'no such folder'))).runs).toEqual([]);
  });
});

describe('following a run that nobody owns', () => {
  it('shows its end, and tells when it is deleted and looked for again', async () => {
    const journal = await openJournal(directory);
    journal.append({ type: 'status', status: 'finished' });
    journal.close();
    let lost = '';
    const feed = await followRun(directory, () => {}, { onLost: (message) => (lost = message) });
    expect(feed.current()).toMatchObject({ liveStatus: 'finished', alive: false, events: [{ type: 'status' }] });
    await expect(feed.request('pause', null)).rejects.toThrow(/No trainer is at work on a-run/);
    await rm(directory, { recursive: true });
    await feed.refresh();
    expect(lost).toMatch(/run\.json: does not exist/);
    feed.dispose();
  });
});

it('lines in the file are the events, nothing more', async () => {
  const journal = await openJournal(directory);
  const event = journal.append(row(1));
  journal.close();
  expect(await readFile(journalPath(directory), 'utf8')).toBe(`${JSON.stringify(event)}\n`);
});

/** A run directory comes with a clone or an archive: nothing in it may harm, stall or blow up who merely looks. */
import { execFileSync } from 'node:child_process';
import { appendFile, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { journalPath, listRuns, manifestPath, ownerPath, readJournal, readOwner, readRun } from '../../../client/index';
import { manifest } from '../manifest';

const row = (values: string, seq = 0) =>
  `{"type":"metrics","step":${seq + 1},"values":${values},"seq":${seq},"time":0}\n`;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tessera-hostile-'));
  await writeFile(manifestPath(directory), JSON.stringify(manifest));
});
afterEach(async () => await rm(directory, { recursive: true, force: true }));

describe.runIf(process.platform === 'linux')('what is no file is refused by name, at once', () => {
  const files = [
    ['run.json', manifestPath],
    ['events.jsonl', journalPath],
  ] as const;

  it.each(files)('a link to an endless device for %s', async (name, path) => {
    await rm(path(directory), { force: true });
    await symlink('/dev/zero', path(directory));
    await expect(readRun(directory)).rejects.toThrow(`${join(directory, name)}: is not a file`);
  });

  it.each(files)('a pipe that nobody writes to for %s', async (name, path) => {
    await rm(path(directory), { force: true });
    execFileSync('mkfifo', [path(directory)]);
    await expect(readRun(directory)).rejects.toThrow(`${join(directory, name)}: is not a file`);
  });

  it('a pipe for owner.json is nobody', async () => {
    execFileSync('mkfifo', [ownerPath(directory)]);
    expect(await readOwner(directory)).toBeUndefined();
  });
});

describe('a journal that others made', () => {
  it('metrics called like what every object has are metrics', async () => {
    const names = ['constructor', 'toString', 'hasOwnProperty', '__proto__', 'train/loss'];
    const values = `{${names.map((name) => `"${name}":1`).join(',')}}`;
    await writeFile(journalPath(directory), row(values) + row(values, 1));
    const { metrics } = await readRun(directory);
    for (const name of names.filter((name) => name !== '__proto__')) {
      expect(Object.entries(metrics).find(([key]) => key === name)?.[1]).toEqual({ steps: [1, 2], values: [1, 1] });
    }
    expect(Object.keys({})).toEqual([]);
    expect(({} as { steps?: unknown }).steps).toBeUndefined();
  });

  it('a line of 100 MB is passed over by name without being held, and the next one counts', async () => {
    const first = row('{"train/loss":1}');
    await writeFile(journalPath(directory), first);
    await truncate(journalPath(directory), first.length + 100e6);
    await appendFile(journalPath(directory), `\n${row('{"train/loss":2}', 1)}`);
    const before = process.memoryUsage();
    const { events, problems, offset } = await readJournal(directory);
    const after = process.memoryUsage();
    expect(events.map(({ seq }) => seq)).toEqual([0, 1]);
    expect(problems).toEqual([`${journalPath(directory)}, byte ${first.length}: longer than 16777216 bytes`]);
    expect(offset).toBe(2 * first.length + 100e6 + 1);
    expect(after.heapUsed - before.heapUsed).toBeLessThan(50e6);
    expect((await readJournal(directory, offset)).events).toEqual([]);
  });

  it('a value nested a million deep is a line like any other', async () => {
    const deep = '['.repeat(1e6) + ']'.repeat(1e6);
    await writeFile(journalPath(directory), row(deep) + row('{"train/loss":2}', 1));
    const { events, problems } = await readJournal(directory);
    expect(events).toHaveLength(1);
    expect(problems).toEqual([expect.stringMatching(/byte 0: ./)]);
  });

  it.each([
    ['a time that no clock shows', '{"type":"status","status":"finished","seq":1,"time":1e300}'],
    ['a number that is none', '{"type":"metrics","step":1,"values":{"a":1e999},"seq":1,"time":0}'],
    ['a step that cannot be counted to', '{"type":"metrics","step":1e300,"values":{},"seq":1,"time":0}'],
    ['a number below the first', '{"type":"metrics","step":1,"values":{},"seq":-1,"time":0}'],
  ])('skips %s', async (_, line) => {
    await writeFile(journalPath(directory), `${line}\n`);
    expect(await readJournal(directory)).toMatchObject({ events: [], problems: [expect.stringMatching(/byte 0: ./)] });
  });
});

describe('a run.json that others made', () => {
  it.each([
    ['a config file outside of the project', { configFile: '../../.ssh/config' }, 'configFile: a path that leads out'],
    ['a config file on another machine', { configFile: '\\\\host\\share' }, 'configFile: a path that leads out'],
    ['a time that no clock shows', { createdAt: 1e300 }, 'createdAt: '],
  ])('is refused: %s', async (_, change, problem) => {
    await writeFile(manifestPath(directory), JSON.stringify({ ...manifest, ...change }));
    await expect(readRun(directory)).rejects.toThrow(`${manifestPath(directory)}: ${problem}`);
  });

  it('is refused when it is larger than any, without being read', async () => {
    await truncate(manifestPath(directory), 1e9);
    await expect(readRun(directory)).rejects.toThrow(/run\.json: is larger than 16777216 bytes/);
  });

  it('is refused when its config is nested a hundred thousand deep, and hides no other run', async () => {
    const deep = '['.repeat(1e5) + ']'.repeat(1e5);
    await writeFile(manifestPath(directory), JSON.stringify(manifest).replace('"config":{}', `"config":${deep}`));
    const { broken } = await listRuns(join(directory, '..'));
    expect(broken.find((run) => run.directory === directory)?.message).toMatch(/run\.json: config: .*nested/);
  });
});

import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Data } from '../../../trainer/data';
import { bundleWorker, open, png, temporaryFolder, write, writeClasses } from './helpers';

async function images(): Promise<{ source: string; cacheFolder: string }> {
  const source = temporaryFolder();
  await writeClasses(join(source, 'train'), ['a', 'b'], 4);
  await writeClasses(join(source, 'test'), ['a', 'b'], 1);
  return { source, cacheFolder: join(temporaryFolder(), 'cache') };
}

/** Opens the data and tells whether anything had to be decoded. */
async function openCounting(options: {
  source: string;
  cacheFolder: string;
}): Promise<{ data: Data; decoded: number }> {
  let decoded = 0;
  const data = await open({ ...options, onProgress: ({ done }) => (decoded = Math.max(decoded, done)) });
  return { data, decoded };
}

test('the second opening decodes nothing and gives the same', async () => {
  const options = await images();
  const first = await openCounting(options);
  const second = await openCounting(options);
  expect([first.decoded, second.decoded]).toEqual([8, 0]);
  expect(second.data.mean).toEqual(first.data.mean);
  expect(second.data.train.pixels(5)).toEqual(first.data.train.pixels(5));
});

test('skipped files are remembered', async () => {
  const options = await images();
  await write(options.source, { 'train/a/bad.png': 'x' });
  const first = await open({ ...options, maxBadFiles: 0.5 });
  const second = await open({ ...options, maxBadFiles: 0.5 });
  expect(second.skipped).toEqual(first.skipped);
  expect(second.train.size).toBe(8);
  await expect(open(options)).rejects.toThrow('train/a/bad.png');
});

test('a file changed in place, even with its old time and size, is decoded again', async () => {
  const options = await images();
  const first = await open(options);
  const file = join(options.source, 'train/a/0.png');
  const before = statSync(file);
  const changed = await png(10, 10, 'rgb(1, 0, 99)');
  writeFileSync(file, changed);
  if (changed.length < before.size)
    writeFileSync(file, Buffer.concat([changed, Buffer.alloc(before.size - changed.length)]));
  utimesSync(file, before.atime, before.mtime);
  const second = await open(options);
  expect(Array.from(second.train.pixels(0).slice(0, 3))).toEqual([1, 0, 99]);
  expect(second.train.file).not.toBe(first.train.file);
});

test.each([
  ['pixels cut short', (folder: string) => truncateSync(join(folder, 'pixels.bin'), 100)],
  ['a flipped pixel byte', (folder: string) => flip(join(folder, 'pixels.bin'), 50)],
  ['a flipped index byte', (folder: string) => flip(join(folder, 'index.json'), 150)],
  ['an empty index', (folder: string) => writeFileSync(join(folder, 'index.json'), '')],
  ['an index that is not ours', (folder: string) => writeFileSync(join(folder, 'index.json'), 'x\n{}')],
])('a damaged cache is rebuilt: %s', async (_, damage) => {
  const options = await images();
  const first = await open(options);
  const pixels = first.train.pixels(3);
  first.dispose();
  damage(join(first.train.file, '..'));
  const again = await openCounting(options);
  expect(again.decoded).toBe(8);
  expect(again.data.train.pixels(3)).toEqual(pixels);
});

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at]! ^= 1;
  writeFileSync(file, bytes);
}

test('processes that build the same set at once all end up with it, and leave no temporary folder', async () => {
  const options = await images();
  const all = await Promise.all([open(options), open(options), open(options)]);
  for (const data of all) expect(data.train.pixels(2)).toEqual(all[0].train.pixels(2));
  expect(readdirSync(options.cacheFolder).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('a cancelled opening throws the reason and leaves nothing behind', async () => {
  const options = await images();
  const stop = new AbortController();
  const opening = open({ ...options, signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) });
  await expect(opening).rejects.toThrow('enough');
  expect(readdirSync(options.cacheFolder)).toHaveLength(1); // the training images were complete
});

test('a cache folder that cannot be written names itself', async () => {
  const { source } = await images();
  const blocked = join(temporaryFolder(), 'file');
  writeFileSync(blocked, '');
  await expect(open({ source, cacheFolder: join(blocked, 'cache') })).rejects.toThrow(
    `cannot keep the decoded images in ${join(blocked, 'cache')}: not a folder. Make room there, or make it writable`,
  );
});

test('sets that nobody opened for a month are removed, others stay', async () => {
  const options = await images();
  const old = join(options.cacheFolder, '0123456789abcdef0123456789abcdef');
  const foreign = join(options.cacheFolder, 'notes');
  for (const folder of [old, foreign]) {
    mkdirSync(folder, { recursive: true });
    utimesSync(folder, new Date(0), new Date(0));
  }
  await open(options);
  expect(readdirSync(options.cacheFolder)).not.toContain('0123456789abcdef0123456789abcdef');
  expect(readdirSync(options.cacheFolder)).toContain('notes');
});

test('threads decode the same pixels', async () => {
  const options = await images();
  const here = await open(options);
  const there = await open({ ...options, cacheFolder: join(temporaryFolder(), 'cache'), threads: 2, workerFile });
  expect(readFileSync(there.train.file)).toEqual(readFileSync(here.train.file));
});
const workerFile = await bundleWorker();

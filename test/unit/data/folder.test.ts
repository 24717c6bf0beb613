import { mkdirSync, symlinkSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { ImageSet } from '../../../trainer/data';
import { open, png, temporaryFolder, write, writeClasses } from './helpers';

const ids = (set: ImageSet | undefined) => (set ? Array.from({ length: set.size }, (_, i) => set.id(i)) : []);

test('class folders with train and test', async () => {
  const folder = temporaryFolder();
  await writeClasses(join(folder, 'train'), ['cat', 'dog'], 3);
  await writeClasses(join(folder, 'test'), ['dog', 'cat'], 2);
  const data = await open({ source: folder });
  expect(data.classes).toEqual(['cat', 'dog']);
  expect(ids(data.train)).toEqual(['cat', 'dog'].flatMap((c) => [0, 1, 2].map((i) => `train/${c}/${i}.png`)));
  expect(Array.from(data.train.labels!)).toEqual([0, 0, 0, 1, 1, 1]);
  expect(ids(data.test)).toEqual(['cat', 'dog'].flatMap((c) => [0, 1].map((i) => `test/${c}/${i}.png`)));
  expect(Array.from(data.test!.labels!)).toEqual([0, 0, 1, 1]);
  expect(data.notes).toEqual([]);
});

test('a val folder serves as test; what is used of neither is said', async () => {
  const folder = temporaryFolder();
  await writeClasses(join(folder, 'train'), ['a', 'b'], 2);
  await writeClasses(join(folder, 'val'), ['a', 'b'], 1);
  await write(folder, { 'extra/x.png': await png(5, 5, '#fff') });
  const data = await open({ source: folder });
  expect(ids(data.test)).toEqual(['val/a/0.png', 'val/b/0.png']);
  expect(data.notes).toEqual(['1 image outside of train/ and val/ not used']);
});

test('a separate test source is matched by class name', async () => {
  const folder = temporaryFolder();
  await writeClasses(join(folder, 'images'), ['a', 'b', 'c'], 2);
  await writeClasses(join(folder, 'held'), ['c', 'b'], 1);
  const data = await open({ source: 'images', testSource: 'held', baseFolder: folder });
  expect(ids(data.test)).toEqual(['b/0.png', 'c/0.png']);
  expect(Array.from(data.test!.labels!)).toEqual([1, 2]);
  expect(data.train.size).toBe(6);
});

test('without test images a fifth of each class is held out, by seed, and said', async () => {
  const folder = temporaryFolder();
  await writeClasses(folder, ['a', 'b'], 10);
  const data = await open({ source: folder });
  expect([data.train.size, data.test!.size]).toEqual([16, 4]);
  expect(Array.from(data.test!.labels!).sort()).toEqual([0, 0, 1, 1]);
  expect(ids(data.test).some((id) => ids(data.train).includes(id))).toBe(false);
  expect(data.notes[0]).toContain('no test images given: 4 images of 20 held out');
  expect(ids((await open({ source: folder })).test)).toEqual(ids(data.test));
  expect(ids((await open({ source: folder, seed: 1 })).test)).not.toEqual(ids(data.test));
});

test('a single class folder gives no labels, and its name', async () => {
  const folder = temporaryFolder();
  await writeClasses(folder, ['herons'], 6);
  const { classes, onlyClass, train } = await open({ source: folder });
  expect([classes, onlyClass, train.labels]).toEqual([undefined, 'herons', undefined]);
});

test('loose images have no labels and still serve pretraining', async () => {
  const folder = temporaryFolder();
  for (let i = 0; i < 10; i++) await write(folder, { [`${i}.png`]: await png(9, 9, `rgb(${i}, 0, 0)`) });
  const data = await open({ source: folder });
  expect(data.classes).toBeUndefined();
  expect(data.train.labels).toBeUndefined();
  expect([data.train.size, data.test!.size]).toEqual([8, 2]);
});

test('loose images beside class folders make the set unlabelled, and that is said', async () => {
  const folder = temporaryFolder();
  await writeClasses(folder, ['a', 'b'], 2);
  await write(folder, { 'stray.png': await png(5, 5, '#fff') });
  const data = await open({ source: folder });
  expect(data.classes).toBeUndefined();
  expect(data.notes[0]).toBe('1 image in no class folder, so the set has no labels');
});

test('train and test limits are a seeded choice', async () => {
  const folder = temporaryFolder();
  await writeClasses(join(folder, 'train'), ['a', 'b'], 10);
  await writeClasses(join(folder, 'test'), ['a', 'b'], 5);
  const data = await open({ source: folder, train: 7, test: 3 });
  expect([data.train.size, data.test!.size]).toEqual([7, 3]);
  expect(ids((await open({ source: folder, train: 7, seed: 5 })).train)).not.toEqual(ids(data.train));
});

test('the centre view is the middle square at the size the encoder sees', async () => {
  const folder = temporaryFolder();
  const raw = { width: 4, height: 2, channels: 1 } as const;
  await write(folder, {
    'wide.png': await sharp(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), { raw })
      .png()
      .toBuffer(),
  });
  const { train } = await open({ source: folder, imageSize: 2 });
  expect(Array.from(train.pixels(0))).toEqual([2, 2, 2, 3, 3, 3, 6, 6, 6, 7, 7, 7]);
});

test('a missing folder, a file for a folder, an empty folder', async () => {
  const folder = temporaryFolder();
  await expect(open({ source: 'images', baseFolder: folder })).rejects.toThrow(
    `data.source: cannot read ${join(folder, 'images')}: no such file. Give a folder of images`,
  );
  await write(folder, { 'notes.txt': 'none here' });
  await expect(open({ source: join(folder, 'notes.txt') })).rejects.toThrow('not a folder');
  await expect(open({ source: folder })).rejects.toThrow(`data.source: no images in ${folder}`);
  await mkdir(join(folder, 'train'));
  await expect(open({ source: folder })).rejects.toThrow(`data.source: no images in ${folder}`);
  const images = temporaryFolder();
  await writeClasses(images, ['a', 'b'], 2);
  await expect(open({ source: images, testSource: folder })).rejects.toThrow(`data.testSource: no images in ${folder}`);
});

test('a test class that training lacks', async () => {
  const folder = temporaryFolder();
  await writeClasses(join(folder, 'train'), ['a', 'b'], 2);
  await writeClasses(join(folder, 'test'), ['a', 'x'], 1);
  await expect(open({ source: folder })).rejects.toThrow(
    'data.source: test/x/0.png is in no class folder of the training images (a, b). Move or remove it',
  );
});

test('more classes than images', async () => {
  const folder = temporaryFolder();
  await writeClasses(join(folder, 'train'), ['a', 'b', 'c'], 2);
  await writeClasses(join(folder, 'test'), ['a'], 1);
  await expect(open({ source: folder, train: 2 })).rejects.toThrow('data.train: 2 training images for 3 classes');
});

test('one image opens, and is what a batch of two complains about', async () => {
  const folder = temporaryFolder();
  await write(folder, { 'only.png': await png(9, 9, '#808080') });
  const data = await open({ source: folder });
  expect([data.train.size, data.test]).toEqual([1, undefined]);
  // Nothing to divide by: the deviation is one grey level at least.
  expect(data.std.every((s) => s >= 1 / 255)).toBe(true);
});

test('unreadable files are skipped up to the share, listed, and named in the error above it', async () => {
  const folder = temporaryFolder();
  await writeClasses(join(folder, 'train'), ['a', 'b'], 9);
  const jpeg = await sharp({ create: { width: 99, height: 99, channels: 3, background: '#123' } })
    .jpeg()
    .toBuffer();
  await write(folder, {
    'train/a/empty.png': '',
    'train/b/cut.jpg': jpeg.subarray(0, 300),
    'train/b/text.webp': 'not an image',
  });
  symlinkSync(join(folder, 'nowhere.png'), join(folder, 'train/a/dangling.png'));
  symlinkSync('loop.png', join(folder, 'train/a/loop.png'));
  const data = await open({ source: folder, maxBadFiles: 0.3 });
  expect(data.train.size + data.test!.size).toBe(18);
  expect([...data.skipped].sort((x, y) => x.file.localeCompare(y.file))).toEqual([
    { file: 'train/a/dangling.png', reason: 'no such file' },
    { file: 'train/a/empty.png', reason: 'the file is empty' },
    { file: 'train/a/loop.png', reason: 'a symbolic link that leads back to itself' },
    { file: 'train/b/cut.jpg', reason: expect.stringContaining('damaged or truncated') as string },
    { file: 'train/b/text.webp', reason: 'not a JPEG, PNG, WebP, GIF or TIFF image' },
  ]);
  expect(Array.from(data.train.labels!).length).toBe(data.train.size);

  const refused = open({ source: folder, maxBadFiles: 0.1 });
  await expect(refused).rejects.toThrow('more than data.maxBadFiles (0.1) lets pass');
  await expect(refused).rejects.toThrow(/\n {2}train\/.*: /);
});

test('when every file is bad the share does not matter', async () => {
  const folder = temporaryFolder();
  await write(folder, { 'a.png': 'x', 'b.png': 'y' });
  await expect(open({ source: folder, maxBadFiles: 1 })).rejects.toThrow('at least 2 of 2 image files');
});

test('what is wrong is told of the value of the config that names the images', async () => {
  const folder = temporaryFolder();
  const [good, bad] = [join(folder, 'good'), join(folder, 'bad')];
  await writeClasses(good, ['a', 'b'], 5);
  await write(bad, { 'a/1.png': 'x', 'b/1.png': 'y' });
  const message = (field: string) => `${field}: at least 2 of 2 image files in ${bad} cannot be read`;
  await expect(open({ source: good, testSource: bad })).rejects.toThrow(message('data.testSource'));
  await expect(open({ source: bad, block: 'transfer' })).rejects.toThrow(message('transfer.source'));
  await expect(open({ source: good, testSource: bad, block: 'transfer' })).rejects.toThrow(
    message('transfer.testSource'),
  );
  await expect(open({ source: join(folder, 'none'), block: 'transfer' })).rejects.toThrow(/^transfer\.source: cannot/);
  await expect(open({ source: good, train: 1, block: 'transfer' })).rejects.toThrow(/^transfer\.train: 1 training/);
});

test('a folder link that leads back up is followed once', async () => {
  const folder = temporaryFolder();
  await writeClasses(join(folder, 'train'), ['a', 'b'], 2);
  symlinkSync(folder, join(folder, 'train', 'a', 'again'));
  const { train, test: held } = await open({ source: folder });
  expect(train.size + (held?.size ?? 0)).toBe(4);
});

test.runIf(process.platform === 'linux')('a name that is not UTF-8 is read, and escaped for people', async () => {
  const folder = temporaryFolder();
  const name = Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.from([0xe9]), Buffer.from('.png')]);
  await writeFile(name, await png(6, 6, '#ff0000'));
  const { train, skipped } = await open({ source: folder });
  expect(skipped).toEqual([]);
  expect(train.id(0)).toBe('caf\\xe9.png');
  expect(Array.from(train.pixels(0).slice(0, 3))).toEqual([255, 0, 0]);
});

test('hidden files and other files are passed over', async () => {
  const folder = temporaryFolder();
  await writeClasses(folder, ['a', 'b'], 1);
  await write(folder, { '.hidden/x.png': 'x', 'a/.DS_Store': 'x', 'a/readme.md': 'x' });
  mkdirSync(join(folder, 'a', 'folder.png'));
  expect((await open({ source: folder })).train.size).toBe(2);
});

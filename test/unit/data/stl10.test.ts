import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readPixels } from '../../../trainer/data/tasks';
import { open, temporaryFolder, write } from './helpers';

const side = 96;
const value = (image: number, row: number, column: number, colour: number) =>
  (29 * image + row + 7 * column + 100 * colour) % 256;

/** As published: planes of red, green and blue, each column after column. */
function images(first: number, count: number): Buffer {
  const bytes = Buffer.alloc(count * 3 * side * side);
  let at = 0;
  for (let image = first; image < first + count; image++) {
    for (let colour = 0; colour < 3; colour++) {
      for (let column = 0; column < side; column++) {
        for (let row = 0; row < side; row++) bytes[at++] = value(image, row, column, colour);
      }
    }
  }
  return bytes;
}

const names = ['airplane', 'bird', 'car', 'cat', 'deer', 'dog', 'horse', 'monkey', 'ship', 'truck'];
const files = () => ({
  'train_X.bin': images(0, 10),
  'train_y.bin': Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
  'test_X.bin': images(50, 2),
  'test_y.bin': Buffer.from([10, 1]),
  'unlabeled_X.bin': images(100, 5),
  'class_names.txt': `${names.join('\n')}\n`,
  'fold_indices.txt': '0 1 2\n',
});

async function stl10(changed: Record<string, Uint8Array | string> = {}): Promise<string> {
  const folder = temporaryFolder();
  await write(join(folder, 'stl10_binary'), { ...files(), ...changed });
  return folder;
}

test('columns become rows, labels count from 0, classes have their names', async () => {
  const folder = await stl10();
  const data = await open({ source: folder, imageSize: side });
  expect(data.classes).toEqual(names);
  expect(Array.from(data.train.labels!)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(Array.from(data.test!.labels!)).toEqual([9, 0]);
  const pixels = data.train.pixels(3);
  for (const [row, column] of [
    [0, 0],
    [0, 95],
    [95, 0],
    [17, 40],
  ] as const) {
    const at = (row * side + column) * 3;
    expect(Array.from(pixels.subarray(at, at + 3))).toEqual([0, 1, 2].map((c) => value(3, row, column, c)));
  }
  expect(data.unlabelled).toBeUndefined();
  expect(data.notes).toEqual([
    `STL-10 binary files in ${join(folder, 'stl10_binary')}: pretraining takes the unlabelled and the training images, evaluations the training and test images`,
  ]);
});

test('asked for, the unlabelled set is those images and the training images, and nothing of it has a label', async () => {
  const data = await open({ source: await stl10(), imageSize: side, unlabelled: true });
  expect(data.unlabelled!.labels).toBeUndefined();
  expect(Array.from({ length: 15 }, (_, i) => data.unlabelled!.id(i))).toEqual([
    ...Array.from({ length: 5 }, (_, i) => `unlabeled_X.bin#${i}`),
    ...Array.from({ length: 10 }, (_, i) => `train_X.bin#${i}`),
  ]);
  expect(data.unlabelled!.pixels(1)[0]).toBe(value(101, 0, 0, 0));
  expect(data.unlabelled!.pixels(5)).toEqual(data.train.pixels(0));
  expect([data.train.size, data.train.labels!.length]).toEqual([10, 10]);
});

test('test images never are among those to pretrain on, also where none are given', async () => {
  const folder = temporaryFolder();
  const train = { 'train_X.bin': images(0, 20), 'train_y.bin': Buffer.alloc(20, 2).fill(1, 0, 10) };
  await write(folder, { ...train, 'unlabeled_X.bin': images(100, 5) });
  const data = await open({ source: folder, imageSize: 8, unlabelled: true });
  expect([data.train.size, data.test!.size, data.unlabelled!.size]).toEqual([16, 4, 21]);
  const held = new Set(Array.from({ length: 4 }, (_, i) => data.test!.id(i)));
  expect(Array.from({ length: 21 }, (_, i) => data.unlabelled!.id(i)).filter((id) => held.has(id))).toEqual([]);
});

test('data.train limits both: a seeded choice', async () => {
  const source = await stl10();
  const data = await open({ source, imageSize: 8, unlabelled: true, train: 10 });
  expect([data.train.size, data.unlabelled!.size]).toEqual([10, 10]);
});

test('larger pictures than an encoder sees are kept smaller', async () => {
  const { train } = await open({ source: await stl10(), imageSize: 32 });
  expect(train.place(0)).toMatchObject({ width: 48, height: 48 });
  // Each stored pixel is about the mean of four.
  const pixels = readPixels(train.file, train.place(0));
  const mean = [0, 1].flatMap((row) => [0, 1].map((column) => value(0, 20 + row, 10 + column, 0)));
  expect(Math.abs(pixels[(10 * 48 + 5) * 3]! - mean.reduce((sum, v) => sum + v, 0) / 4)).toBeLessThan(4);
});

test.each([
  [
    'cut short',
    { 'train_X.bin': images(0, 2).subarray(0, 50_000) },
    'train_X.bin has 50,000 bytes, not a whole number',
  ],
  ['an empty file', { 'unlabeled_X.bin': '' }, 'unlabeled_X.bin has 0 bytes'],
  ['a label of 0', { 'test_y.bin': Buffer.from([0, 1]) }, "test_y.bin is 0, STL-10's go from 1 to 10"],
  ['a label of 11', { 'train_y.bin': Buffer.alloc(10, 11) }, "train_y.bin is 11, STL-10's go from 1 to 10"],
  ['fewer labels', { 'test_y.bin': Buffer.from([3]) }, 'test_X.bin holds 2 images, but there is 1 label for them'],
  ['a short list of names', { 'class_names.txt': 'airplane\n' }, 'names 1 classes, STL-10 has 10'],
])('%s', async (_, changed, message) => {
  const opening = open({ source: await stl10(changed), imageSize: 8, unlabelled: true });
  await expect(opening).rejects.toThrow(/^data\.source: /);
  await expect(opening).rejects.toThrow(message);
});

test('missing labels are named', async () => {
  const folder = temporaryFolder();
  await write(folder, { 'train_X.bin': images(0, 2) });
  await expect(open({ source: folder })).rejects.toThrow(
    `data.source: ${join(folder, 'train_y.bin')} is missing, it has the labels of train_X.bin. Unpack the archive again`,
  );
});

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { open, temporaryFolder, write } from './helpers';

/** A record: label bytes, then planes of constant red, green and blue with a marker in the first pixel's red. */
function record(labels: readonly number[], [red, green, blue]: readonly [number, number, number]): Buffer {
  const planes = [red, green, blue].map((value) => Buffer.alloc(1024, value));
  planes[0]![1] = 200;
  return Buffer.concat([Buffer.from(labels), ...planes]);
}

const names = 'airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n';

async function cifar10(): Promise<string> {
  const folder = temporaryFolder();
  const batch = (first: number) =>
    Buffer.concat(Array.from({ length: 5 }, (_, i) => record([first + i], [first + i, 20, 30])));
  await write(folder, {
    'data_batch_1.bin': batch(0),
    'data_batch_2.bin': batch(5),
    'test_batch.bin': record([9], [1, 2, 3]),
    'batches.meta.txt': names,
  });
  return folder;
}

test('CIFAR-10: planes become pixels, labels and names are read', async () => {
  const data = await open({ source: await cifar10(), imageSize: 32 });
  expect(data.classes?.slice(0, 2)).toEqual(['airplane', 'automobile']);
  expect([data.train.size, data.test!.size]).toEqual([10, 1]);
  expect(Array.from(data.train.labels!)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(data.train.id(6)).toBe('data_batch_2.bin#1');
  expect(Array.from(data.train.pixels(6).slice(0, 9))).toEqual([6, 20, 30, 200, 20, 30, 6, 20, 30]);
  expect(Array.from(data.test!.pixels(0).slice(0, 3))).toEqual([1, 2, 3]);
});

test('the folder that the archive unpacks to is found inside the source', async () => {
  const folder = temporaryFolder();
  const files = { 'data_batch_1.bin': Buffer.concat(Array.from({ length: 10 }, (_, i) => record([i], [0, 0, 0]))) };
  await write(join(folder, 'cifar-10-batches-bin'), files);
  const data = await open({ source: folder, imageSize: 32 });
  expect(data.train.size).toBe(10);
  expect(data.classes).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
});

test('CIFAR-100: the fine label counts', async () => {
  const folder = temporaryFolder();
  await write(folder, {
    'train.bin': Buffer.concat(Array.from({ length: 100 }, (_, i) => record([i % 20, i], [i, 0, 0]))),
    'test.bin': record([3, 42], [0, 0, 0]),
    'fine_label_names.txt': Array.from({ length: 100 }, (_, i) => `class ${i}\n`).join(''),
  });
  const data = await open({ source: folder, imageSize: 32 });
  expect(data.classes).toHaveLength(100);
  expect(data.train.labels![57]).toBe(57);
  expect(Array.from(data.test!.labels!)).toEqual([42]);
});

test.each([
  ['CIFAR-10', 'cifar-10-batches-py', ['data_batch_1', 'batches.meta']],
  ['CIFAR-100', 'cifar-100-python', ['train', 'meta']],
])('the version of %s for Python is known, and refused', async (name, inside, files) => {
  const folder = temporaryFolder();
  await write(join(folder, inside), Object.fromEntries(files.map((file) => [file, '\x80\x02}q'])));
  const message = `data.source: ${join(folder, inside)} has ${name}'s version for Python`;
  await expect(open({ source: folder })).rejects.toThrow(message);
  await expect(open({ source: join(folder, inside) })).rejects.toThrow(message);
});

test('a truncated file, a wrong label and a wrong list of names are named', async () => {
  const cut = await cifar10();
  await write(cut, { 'data_batch_2.bin': record([1], [0, 0, 0]).subarray(0, 3000) });
  await expect(open({ source: cut, imageSize: 32 })).rejects.toThrow(
    `data.source: ${join(cut, 'data_batch_2.bin')} has 3,000 bytes, not a whole number of 3073-byte CIFAR-10 records`,
  );
  const empty = await cifar10();
  await write(empty, { 'test_batch.bin': '' });
  await expect(open({ source: empty, imageSize: 32 })).rejects.toThrow('test_batch.bin has 0 bytes');
  const wrong = await cifar10();
  await write(wrong, { 'test_batch.bin': record([77], [0, 0, 0]) });
  await expect(open({ source: wrong, imageSize: 32 })).rejects.toThrow('has label 77, CIFAR-10 has 10 classes');
  const few = await cifar10();
  await write(few, { 'batches.meta.txt': 'airplane\n' });
  await expect(open({ source: few, imageSize: 32 })).rejects.toThrow('names 1 classes, CIFAR-10 has 10');
});

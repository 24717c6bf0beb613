import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { open, temporaryFolder, write } from './helpers';

/** An IDX file as LeCun describes it: two zeros, the type, the number of dimensions, their sizes, the values. */
function idx(shape: readonly number[], values: ArrayLike<number>, type = 8): Buffer {
  const head = Buffer.alloc(4 + 4 * shape.length);
  head[2] = type;
  head[3] = shape.length;
  for (const [i, size] of shape.entries()) head.writeUInt32BE(size, 4 + 4 * i);
  return Buffer.concat([head, Uint8Array.from(values)]);
}

const height = 5;
const width = 4;
const value = (image: number, row: number, column: number) => (50 * image + 10 * row + column) % 256;

/** `count` images from number `first` on, rows one after another. */
const images = (first: number, count: number) =>
  idx(
    [count, height, width],
    Array.from({ length: count * height * width }, (_, i) =>
      value(first + Math.floor(i / 20), Math.floor(i / width) % height, i % width),
    ),
  );
const labels = (...values: number[]) => idx([values.length], values);

const mnist = () => ({
  'train-images-idx3-ubyte': images(0, 10),
  'train-labels-idx1-ubyte': labels(0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
  't10k-images-idx3-ubyte': images(100, 2),
  't10k-labels-idx1-ubyte': labels(7, 2),
});

async function folderOf(files: Record<string, Uint8Array | string>): Promise<string> {
  const folder = temporaryFolder();
  await write(folder, files);
  return folder;
}

/** The decoded pixels of an image, before any view of them. */
const grey = (first: number) =>
  Array.from({ length: height * width }, (_, i) => value(first, Math.floor(i / width), i % width)).flatMap((v) => [
    v,
    v,
    v,
  ]);

/** What the cache keeps of image `index`: the centre view would cut a picture that is not square. */
async function stored(data: Awaited<ReturnType<typeof open>>, index: number): Promise<number[]> {
  const { readPixels } = await import('../../../trainer/data/tasks');
  const place = data.train.place(index);
  return Array.from(readPixels(data.train.file, place).subarray(0, place.width * place.height * 3));
}

test('MNIST: grey becomes three equal channels, classes are called by their digits', async () => {
  const folder = await folderOf(mnist());
  const data = await open({ source: folder });
  expect(data.classes).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  expect(Array.from(data.train.labels!)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(Array.from(data.test!.labels!)).toEqual([7, 2]);
  expect(data.train.place(3)).toMatchObject({ width, height });
  for (const index of [0, 3, 9]) expect(await stored(data, index)).toEqual(grey(index));
  expect(data.train.id(3)).toBe('train-images-idx3-ubyte#3');
  expect(data.notes).toEqual([`IDX files in ${folder}`]);
});

test('gzipped files, some or all, and the other way to write the names', async () => {
  const files = Object.entries(mnist());
  const packed = Object.fromEntries(files.map(([name, bytes]) => [`${name}.gz`, gzipSync(bytes)]));
  const data = await open({ source: await folderOf(packed) });
  for (const index of [0, 9]) expect(await stored(data, index)).toEqual(grey(index));
  expect(Array.from(data.test!.labels!)).toEqual([7, 2]);

  const dotted = Object.fromEntries(files.map(([name, bytes]) => [name.replace('-idx', '.idx'), bytes]));
  expect((await open({ source: await folderOf(dotted) })).train.size).toBe(10);
  // Some browsers unpack on the way and keep the name, others pack and drop it.
  const misnamed = { ...mnist(), 'train-images-idx3-ubyte': gzipSync(images(0, 10)) };
  expect(await stored(await open({ source: await folderOf(misnamed) }), 9)).toEqual(grey(9));
});

test('classes.txt, or the class map of KMNIST, names the classes', async () => {
  const fashion = ['T-shirt', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Boot'];
  const named = await open({ source: await folderOf({ ...mnist(), 'classes.txt': `${fashion.join('\n')}\n` }) });
  expect(named.classes).toEqual(fashion);
  const map = ['index,codepoint,char', ...[...'おきすつなはまやれを'].map((char, i) => `${i},U+304A,${char}`)].join(
    '\n',
  );
  const kmnist = await open({ source: await folderOf({ ...mnist(), 'kmnist_classmap.csv': map }) });
  expect(kmnist.classes).toEqual([...'おきすつなはまやれを']);
  await expect(open({ source: await folderOf({ ...mnist(), 'classes.txt': 'a\nb\n' }) })).rejects.toThrow(
    /^data\.source: the label of image 2 of .*train-images-idx3-ubyte is 2, but there are 2 class names\. Number the classes from 0, and name each$/,
  );
});

test('EMNIST: images are turned upright, letters are numbered from 0', async () => {
  // As published: what is written is column after column, so the file's rows are the picture's columns.
  const transposed = (first: number, count: number) =>
    idx(
      [count, width, height],
      Array.from({ length: count * height * width }, (_, i) =>
        value(first + Math.floor(i / 20), i % height, Math.floor(i / height) % width),
      ),
    );
  const folder = await folderOf({
    'emnist-letters-train-images-idx3-ubyte.gz': gzipSync(transposed(0, 26)),
    'emnist-letters-train-labels-idx1-ubyte.gz': gzipSync(labels(...Array.from({ length: 26 }, (_, i) => i + 1))),
    'emnist-letters-test-images-idx3-ubyte': transposed(100, 1),
    'emnist-letters-test-labels-idx1-ubyte': labels(26),
    'emnist-digits-train-images-idx3-ubyte': transposed(50, 10),
    'emnist-digits-train-labels-idx1-ubyte': labels(0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
  });
  const data = await open({ source: join(folder, 'emnist-letters-train-images-idx3-ubyte.gz') });
  expect(data.classes).toEqual([...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']);
  expect(Array.from(data.train.labels!.slice(0, 3))).toEqual([0, 1, 2]);
  expect(Array.from(data.test!.labels!)).toEqual([25]);
  for (const index of [0, 1, 25]) expect(await stored(data, index)).toEqual(grey(index));

  await expect(open({ source: folder })).rejects.toThrow(
    `data.source: ${folder} holds 2 IDX data sets (emnist-digits, emnist-letters). Name the training images of one, such as "emnist-`,
  );
});

test('without test files a fifth is held out; one class says nothing and is no label', async () => {
  const { 'train-images-idx3-ubyte': train } = mnist();
  const alone = await open({
    source: await folderOf({
      'train-images-idx3-ubyte': train,
      'train-labels-idx1-ubyte': labels(...Array<number>(5).fill(0), ...Array<number>(5).fill(1)),
    }),
  });
  expect([alone.train.size, alone.test!.size]).toEqual([8, 2]);
  const folder = await folderOf({
    'train-images-idx3-ubyte': train,
    'train-labels-idx1-ubyte': labels(...Array<number>(10).fill(4)),
  });
  const single = await open({ source: folder });
  expect([single.classes, single.train.labels]).toEqual([undefined, undefined]);
  expect(single.notes[1]).toBe(
    `all images of ${join(folder, 'train-images-idx3-ubyte')} have the label 4: one class, so the set has no labels`,
  );
});

test('a second set is matched by the names of its classes', async () => {
  const shifted = mnist();
  const data = await open({ source: await folderOf(mnist()), testSource: await folderOf(shifted) });
  expect(Array.from(data.test!.labels!)).toEqual([7, 2]);
});

const image = 'train-images-idx3-ubyte';
const label = 'train-labels-idx1-ubyte';

test.each<[string, Record<string, Buffer>, string]>([
  ['cut short', { [image]: images(0, 10).subarray(0, 100) }, `${image} says that it holds 216 bytes, which its 100`],
  ['too long', { [image]: Buffer.concat([images(0, 10), Buffer.alloc(9)]) }, `${image} says that it holds 216 bytes`],
  ['an empty file', { [image]: Buffer.alloc(0) }, `${image} is no IDX file: it does not begin as one. Download it`],
  ['a web page', { [image]: Buffer.from('<!doctype html>not found') }, `${image} is no IDX file`],
  ['a cut header', { [image]: images(0, 10).subarray(0, 9) }, `${image} was cut short. Download it again`],
  ['16 bits', { [image]: idx([10, 5, 4], Array<number>(400).fill(1), 0x0b) }, `${image} holds 16-bit integers. Conv`],
  ['labels for images', { [image]: mnist()[label] }, `${image} has 1 dimension, not the three of grey images`],
  ['images for labels', { [label]: mnist()[image] }, `${label} has 3 dimensions, not the one of labels`],
  ['fewer labels', { [label]: labels(1, 2) }, `${image} holds 10 images, but there are 2 labels for them. Give the`],
  ['no images', { [image]: images(0, 0), [label]: labels() }, `${image} holds 0 images of 5 x 4 px`],
  [
    'more images than bytes',
    { [image]: idx([4e9, 4e9, 4e9], []) },
    'It was cut short or is damaged: download it again',
  ],
])('%s', async (_, files, message) => {
  const opening = open({ source: await folderOf({ ...mnist(), ...files }) });
  await expect(opening).rejects.toThrow(/^data\.source: /);
  await expect(opening).rejects.toThrow(message);
  await expect(opening).rejects.toHaveProperty('name', 'DataError');
});

test('a missing file of labels is named', async () => {
  const { [label]: _, ...others } = mnist();
  const folder = await folderOf(others);
  await expect(open({ source: folder })).rejects.toThrow(
    `data.source: ${join(folder, image)} has no labels beside it. Put train-labels-idx1-ubyte there, plain or .gz`,
  );
});

test('gzipped files that are damaged, cut short, or say less or far more than they hold', async () => {
  const packed = gzipSync(images(0, 10));
  const damaged = Buffer.from(packed);
  damaged[packed.length - 6]! ^= 1; // of the checksum
  const opening = async (bytes: Buffer) => open({ source: await folderOf({ ...mnist(), [image]: bytes }) });
  await expect(opening(damaged)).rejects.toThrow(
    /^data\.source: cannot unpack .*train-images-idx3-ubyte: .*Download it again$/,
  );
  await expect(opening(packed.subarray(0, 60))).rejects.toThrow(/unexpected end of file\. Download it again$/);
  const more = gzipSync(Buffer.concat([images(0, 10), Buffer.alloc(1 << 20)]));
  await expect(opening(more)).rejects.toThrow('it holds more than it says. Download it again');
  await expect(opening(gzipSync(idx([60_000, 280, 280], [1, 2])))).rejects.toThrow('bytes cannot be');
});

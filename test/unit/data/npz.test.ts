import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { DataError, type Data, type ImageSet } from '../../../trainer/data';
import { decode } from '../../../trainer/data/decode';
import { listNpz } from '../../../trainer/data/npz';
import { unpack } from '../../../trainer/data/packed';
import { readPixels } from '../../../trainer/data/tasks';
import { open, temporaryFolder, write } from './helpers';

const fixtures = join(import.meta.dirname, '../../fixtures/sets');
const fixture = (name: string) => join(fixtures, name);

const height = 5;
const width = 4;

/** What generate.py writes: image number `image`, in colour or grey. */
const expected = (image: number, colours: 1 | 3) =>
  Array.from({ length: height * width * 3 }, (_, i) => {
    const [row, column, colour] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width, i % 3];
    return (53 * image + 17 * row + 5 * column + (colours === 3 ? 101 * colour : 0)) % 256;
  });

const stored = (set: ImageSet, index: number) =>
  Array.from(readPixels(set.file, set.place(index)).subarray(0, height * width * 3));

function expectImages(data: Data, colours: 1 | 3): void {
  expect(data.train.place(1)).toMatchObject({ width, height });
  for (let i = 0; i < 6; i++) expect(stored(data.train, i)).toEqual(expected(i, colours));
  for (let i = 0; i < 3; i++) expect(stored(data.test!, i)).toEqual(expected(100 + i, colours));
  expect(Array.from(data.train.labels!)).toEqual([0, 1, 2, 0, 1, 2]);
  expect(Array.from(data.test!.labels!)).toEqual([2, 0, 1]);
}

test.each([
  ['MedMNIST: deflated, three colours, labels in a column', 'medmnist.npz', 3],
  ['Keras: stored, grey, labels of 8 bytes and of 2, big end first', 'keras.npz', 1],
  ['KMNIST: one array a file', 'kmnist-train-imgs.npz', 1],
  ['validation images where there are no test images', 'validation.npz', 1],
  ['Fortran order, colours last and first', 'fortran.npz', 3],
  ['Fortran order, deflated', 'fortran-packed.npz', 3],
] as const)('%s', async (_, name, colours) => {
  const data = await open({ source: fixture(name) });
  expect(data.classes).toEqual(['0', '1', '2']);
  expectImages(data, colours);
});

test('a folder with one set of an array a file is that set, with two it must be said which', async () => {
  expectImages(await open({ source: fixtures }), 1);
  const folder = temporaryFolder();
  for (const set of ['kmnist', 'k49']) {
    for (const part of ['train-imgs', 'train-labels']) {
      await copyFile(fixture(`kmnist-${part}.npz`), join(folder, `${set}-${part}.npz`));
    }
  }
  await expect(open({ source: folder })).rejects.toThrow(
    'holds 2 data sets (k49, kmnist). Name the training images of one',
  );
  await write(folder, { 'kmnist_classmap.csv': 'index,codepoint,char\n0,U+304A,お\n1,U+304D,き\n2,U+3059,す\n' });
  const data = await open({ source: join(folder, 'k49-train-imgs.npz') });
  expect(data.classes).toEqual(['お', 'き', 'す']);
});

test('channels before height and width; the wide fields of large files', async () => {
  for (const [name, colours] of [
    ['planes.npz', 3],
    ['zip64.npz', 1],
  ] as const) {
    const { train, test: held } = await open({ source: fixture(name) });
    expect(held).toBeUndefined();
    for (let i = 0; i < 6; i++) expect(stored(train, i)).toEqual(expected(i, colours));
  }
});

test('interleaved images are put in order a few at a time', async () => {
  const source = fixture('fortran.npz');
  const { train } = (await listNpz(source, 'data.source'))!;
  const origins = await unpack(
    train.map(({ origin }) => origin),
    temporaryFolder(),
    { field: 'data.source', blockBytes: 4 * height * width * 3 },
  );
  const pictures = await Promise.all(origins.map((origin) => decode(origin, 64)));
  expect(pictures.map(({ pixels }) => Array.from(pixels))).toEqual([0, 1, 2, 3, 4, 5].map((i) => expected(i, 3)));
});

test('nothing unpacked is left behind, and the second opening unpacks nothing', async () => {
  const source = fixture('fortran-packed.npz');
  const cacheFolder = join(temporaryFolder(), 'cache');
  const first = await open({ source, cacheFolder });
  expect((await readdir(dirname(first.train.file))).sort()).toEqual(['index.json', 'pixels.bin']);
  let decoded = 0;
  const second = await open({ source, cacheFolder, onProgress: ({ done }) => (decoded = done) });
  expect([decoded, second.train.file]).toEqual([0, first.train.file]);
  expect(await readdir(cacheFolder)).toHaveLength(2);
});

test('validation images are not used beside test images, and that is said', async () => {
  const data = await open({ source: fixture('medmnist.npz') });
  expect(data.notes).toEqual([
    `NumPy archive ${fixture('medmnist.npz')}`,
    '2 validation images not used: evaluations choose by training images',
  ]);
});

test('classes are named by a list beside the file', async () => {
  const folder = temporaryFolder();
  await copyFile(fixture('keras.npz'), join(folder, 'digits.npz'));
  await write(folder, { 'digits.classes.txt': 'zero\none\ntwo\n' });
  expect((await open({ source: 'digits.npz', baseFolder: folder })).classes).toEqual(['zero', 'one', 'two']);
});

test('images without labels serve pretraining, and that is said; so does one class', async () => {
  const unlabelled = await open({ source: fixture('unlabelled.npz') });
  expect([unlabelled.classes, unlabelled.train.size + unlabelled.test!.size]).toEqual([undefined, 6]);
  expect(unlabelled.notes).toContain('no labels in it, so there is nothing to judge an encoder by');
  const single = await open({ source: fixture('one-class.npz') });
  expect([single.classes, single.onlyClass, unlabelled.onlyClass]).toEqual([undefined, '3', undefined]);
  expect(single.notes).toContain(
    `all images of images in ${fixture('one-class.npz')} have the label 3: one class, so the set has no labels`,
  );
});

test.each([
  ['objects', 'labels.npy in FILE holds Python objects: reading those can run any code, so they are refused'],
  [
    'floats',
    'images.npy in FILE holds values of type <f8, images are uint8. For floats from 0 to 1, save (images * 255)',
  ],
  ['wide', 'images.npy in FILE holds values of type <u2, images are uint8. Save it as uint8, 0 to 255'],
  ['flat', 'images.npy in FILE has the shape (6, 20), images are (count, height, width)'],
  ['volumes', 'images.npy in FILE has the shape (6, 5, 4, 5)'],
  [
    'onehot',
    'labels.npy in FILE has the shape (6, 3): several labels an image, one is wanted. For one-hot labels save',
  ],
  ['float-labels', 'labels.npy in FILE holds values of type <f8, labels are integers'],
  ['negative', 'the label of image 0 of images in FILE is -1, but they go from 0 to 65535. Number the classes from 0'],
  ['few-labels', 'images in FILE holds 6 images, but there are 4 labels for them'],
  ['half-labelled', 'FILE has no labels for test_images, it has for train_images. Save both, or neither'],
  ['records', 'images.npy in FILE is an array of records, or has a damaged header'],
  ['other-names', 'FILE has the arrays pictures, targets. Wanted are train_images and train_labels, or'],
])('refused: %s', async (name, message) => {
  const source = fixture(`refused/${name}.npz`);
  await expect(open({ source })).rejects.toThrow(`data.source: ${message.replace('FILE', source)}`);
});

test('missing files are named', async () => {
  const folder = temporaryFolder();
  await copyFile(fixture('kmnist-train-imgs.npz'), join(folder, 'kmnist-train-imgs.npz'));
  await expect(open({ source: folder })).rejects.toThrow(
    `data.source: ${join(folder, 'kmnist-train-imgs.npz')} has no labels beside it. Put kmnist-train-labels.npz there`,
  );
  await expect(open({ source: join(folder, 'none.npz') })).rejects.toThrow('none.npz: no such file');
});

test('what is no archive, or was cut short anywhere, is refused with the file and the fix', async () => {
  const bytes = await readFile(fixture('medmnist.npz'));
  const file = join(temporaryFolder(), 'cut.npz');
  for (let size = 0; size < bytes.length; size += 41) {
    await writeFile(file, bytes.subarray(0, size));
    await expect(open({ source: file })).rejects.toThrow(
      `data.source: cannot read ${file}: it is no ZIP archive, or was cut short. Download or save it again`,
    );
  }
});

test('an archive with any byte changed opens to the same images or is refused in words, never otherwise', async () => {
  const bytes = await readFile(fixture('medmnist.npz'));
  const original = await open({ source: fixture('medmnist.npz') });
  const file = join(temporaryFolder(), 'damaged.npz');
  let refused = 0;
  for (let at = 0; at < bytes.length; at += 29) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1 << (at % 8);
    await writeFile(file, damaged);
    const opened: Data | Error = await open({ source: file }).catch((error: Error) => error);
    if (opened instanceof Error) {
      expect(opened).toBeInstanceOf(DataError);
      expect(opened.message).toContain(file);
      refused++;
      continue;
    }
    for (let i = 0; i < 6; i++) expect(stored(opened.train, i), `byte ${at}`).toEqual(stored(original.train, i));
    expect(opened.train.labels, `byte ${at}`).toEqual(original.train.labels);
  }
  expect(refused).toBeGreaterThan(20);
});

test('an entry that says to be far larger than its bytes can hold is refused before it is unpacked', async () => {
  const bytes = await readFile(fixture('medmnist.npz'));
  const row = bytes.indexOf('PK\x01\x02', undefined, 'latin1');
  bytes.writeUInt32LE(0x7fffffff, row + 24);
  const file = join(temporaryFolder(), 'bomb.npz');
  await writeFile(file, bytes);
  await expect(open({ source: file })).rejects.toThrow('says that it holds 2,147,483,647 bytes, which its');
});

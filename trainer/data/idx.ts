/**
 * IDX files, plain or gzipped: MNIST (LeCun et al. 1998), Fashion-MNIST, KMNIST and EMNIST. Which of the first three
 * it is their files do not tell, so classes are called by their numbers unless a list of names lies beside them.
 *
 * EMNIST's images (Cohen et al. 2017) are published transposed, as MATLAB keeps them: row and column are swapped in
 * every split, its "mnist" and "digits" included. Here they stand upright. Its letters are numbered from 1.
 */
import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DataError, plural, reasonOf } from './errors';
import type { Listing, Part, Records } from './item';
import { checkPart, readHead, readPart } from './packed';
import { checkShape, listSplits, namesBeside, type Split } from './records';

const trainImages = /^(.*)train-images[-.]idx3-ubyte(\.gz)?$/;
const digits = [...'0123456789'];
const capitals = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
const balanced = [...digits, ...capitals, ...'abdefghnqrt'];

/** By the name of the split. The 15 letters whose two forms look alike are one class in `balanced` and `bymerge`. */
const emnistClasses = new Map<string, readonly string[]>([
  ['byclass', [...digits, ...capitals, ...capitals.map((letter) => letter.toLowerCase())]],
  ['bymerge', balanced],
  ['balanced', balanced],
  ['letters', capitals],
  ['digits', digits],
  ['mnist', digits],
]);

const types: Readonly<Record<number, string>> = {
  0x08: 'unsigned bytes',
  0x09: 'signed bytes',
  0x0b: '16-bit integers',
  0x0c: '32-bit integers',
  0x0d: '32-bit floats',
  0x0e: '64-bit floats',
};

/** The listing when `source` is a folder with IDX files or one's training images; else undefined. */
export async function listIdx(source: string, field: string): Promise<Listing | undefined> {
  const named = trainImages.exec(basename(source));
  const folder = named ? dirname(source) : source;
  const files = await readdir(folder).catch(() => []);
  const prefixes = named
    ? [named[1]!]
    : [...new Set(files.flatMap((name) => trainImages.exec(name)?.[1] ?? []))].sort();
  if (prefixes.length > 1) {
    throw new DataError(
      `${field}: ${folder} holds ${prefixes.length} IDX data sets (${prefixes.map((prefix) => prefix.replace(/-$/, '') || 'no prefix').join(', ')}). Name the training images of one, such as "${files.find((name) => trainImages.test(name))}" in it`,
    );
  }
  if (prefixes.length === 0 || !files.some((name) => trainImages.exec(name)?.[1] === prefixes[0])) return undefined;
  try {
    return await listFiles(folder, files, prefixes[0]!, field);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${field}: cannot read ${folder}: ${reasonOf(error)}. Make its files readable`);
  }
}

async function listFiles(folder: string, files: readonly string[], prefix: string, field: string): Promise<Listing> {
  const emnist = emnistClasses.get(/^emnist-(\w+)-$/.exec(prefix)?.[1] ?? '');
  const first = prefix === 'emnist-letters-' ? 1 : 0;
  const find = (start: string, end: string) =>
    ['-', '.']
      .flatMap((dot) => [`${start}${dot}${end}`, `${start}${dot}${end}.gz`])
      .find((name) => files.includes(name));

  const read = async (split: string): Promise<Split | undefined> => {
    const name = find(`${prefix}${split}-images`, 'idx3-ubyte');
    if (name === undefined) return undefined;
    const path = join(folder, name);
    const beside = find(`${prefix}${split}-labels`, 'idx1-ubyte');
    if (beside === undefined) {
      throw new DataError(
        `${field}: ${path} has no labels beside it. Put ${prefix}${split}-labels-idx1-ubyte there, plain or .gz`,
      );
    }
    const images = await readIdx(path, 3, field);
    const [count, height, width] = images.shape as [number, number, number];
    checkShape(path, [count, height, width], field);
    const records: Records = {
      path,
      modified: images.modified,
      changed: images.changed,
      start: images.start,
      step: height * width,
      // Where rows and columns are swapped, a row of the file is a column of the picture.
      ...(emnist
        ? { height: width, width: height, strides: [1, width, 0] as const }
        : { height, width, strides: [width, 1, 0] as const }),
      ...(images.part.method === 'gzip' ? { packed: images.part } : {}),
    };
    const labels = await readIdx(join(folder, beside), 1, field);
    const values = (await readPart(labels.part, field)).subarray(labels.start);
    return { name, records, count, labels: Int32Array.from(values, (label) => label - first) };
  };

  const train = (await read('train'))!;
  const test = (await read('t10k')) ?? (await read('test'));
  const names = (await namesBeside(folder, files)) ?? emnist;
  const listing = listSplits({ train, test }, names, field);
  const kind = emnist ? 'EMNIST files, turned upright,' : 'IDX files';
  return { ...listing, notes: [`${kind} in ${folder}`, ...listing.notes] };
}

/** What an IDX file says of itself, checked against its size. `start` is where its values begin, once unpacked. */
async function readIdx(path: string, dimensions: number, field: string) {
  const { size: bytes, mtimeMs, ctimeMs } = await stat(path);
  const method = (await startsAs(path, [0x1f, 0x8b])) ? 'gzip' : 'stored';
  const start = 4 + 4 * dimensions;
  const packed: Part = { path, method, offset: 0, bytes, size: bytes, name: path };
  const head = await readHead(packed, start, field);
  const fail = (what: string) => new DataError(`${field}: ${path} ${what}`);
  const type = types[head[2] ?? 0];
  if (head.length < 4 || head[0] !== 0 || head[1] !== 0 || type === undefined) {
    throw fail(`is no IDX file: it does not begin as one. Download it again`);
  }
  if (head[2] !== 0x08) throw fail(`holds ${type}. Convert them to unsigned bytes, 0 to 255`);
  if (head[3] !== dimensions) {
    throw fail(
      `has ${plural(head[3]!, 'dimension')}, not ${dimensions === 3 ? 'the three of grey images' : 'the one of labels'}. Give the file that its name promises`,
    );
  }
  if (head.length < start) throw fail('was cut short. Download it again');
  const shape = Array.from({ length: dimensions }, (_, i) => head.readUInt32BE(4 + 4 * i));
  const part = { ...packed, size: start + shape.reduce((product, size) => product * size, 1) };
  checkPart(part, field);
  return { part, shape, start, modified: mtimeMs, changed: ctimeMs };
}

async function startsAs(path: string, bytes: readonly number[]): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes.length), 0, bytes.length, 0);
    return bytesRead === bytes.length && bytes.every((byte, i) => buffer[i] === byte);
  } finally {
    await file.close();
  }
}

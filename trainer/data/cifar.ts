/**
 * The CIFAR-10 and CIFAR-100 binary files (Krizhevsky 2009): records of one or two label bytes and 3,072 pixel
 * bytes, three 32x32 planes.
 */
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, reasonOf } from './errors';
import type { Item, Listing, Records } from './item';
import { lines, splitItems } from './records';

interface Layout {
  readonly name: string;
  readonly folder: string;
  readonly train: RegExp;
  readonly test: string;
  /** Label bytes before the pixels; the last one is the class. */
  readonly labelBytes: number;
  readonly classes: number;
  readonly namesFile: string;
  /** Of the version for Python: the folder that it unpacks to, and two files that are in it. */
  readonly python: { readonly folder: string; readonly files: readonly [string, string] };
}

const pixelBytes = 3072;
/** Read at once to see their labels. */
const blockRecords = 512;
const layouts: readonly Layout[] = [
  {
    name: 'CIFAR-10',
    folder: 'cifar-10-batches-bin',
    train: /^data_batch_\d+\.bin$/,
    test: 'test_batch.bin',
    labelBytes: 1,
    classes: 10,
    namesFile: 'batches.meta.txt',
    python: { folder: 'cifar-10-batches-py', files: ['data_batch_1', 'batches.meta'] },
  },
  {
    name: 'CIFAR-100',
    folder: 'cifar-100-binary',
    train: /^train\.bin$/,
    test: 'test.bin',
    labelBytes: 2,
    classes: 100,
    namesFile: 'fine_label_names.txt',
    python: { folder: 'cifar-100-python', files: ['train', 'meta'] },
  },
];

/** The listing when `source`, or the folder its archive unpacks to inside it, has CIFAR files; else undefined. */
export async function listCifar(source: string, field: string): Promise<Listing | undefined> {
  for (const layout of layouts) {
    for (const folder of [source, join(source, layout.folder)]) {
      const names = await readdir(folder).catch(() => []);
      const train = names.filter((name) => layout.train.test(name)).sort();
      if (train.length > 0) return listFiles(folder, train, names, layout, field);
    }
  }
  for (const { name, python } of layouts) {
    for (const folder of [source, join(source, python.folder)]) {
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
      const isThere = (file: string) => entries.some((entry) => entry.name === file && entry.isFile());
      if (!python.files.every(isThere)) continue;
      throw new DataError(
        `${field}: ${folder} has ${name}'s version for Python: reading that can run any code, so it is refused. Download the binary version`,
      );
    }
  }
  return undefined;
}

async function listFiles(
  folder: string,
  train: readonly string[],
  names: readonly string[],
  layout: Layout,
  field: string,
): Promise<Listing> {
  const records = async (file: string) => listRecords(folder, file, layout, field);
  const classes = names.includes(layout.namesFile)
    ? lines(await readFile(join(folder, layout.namesFile), 'utf8'))
    : Array.from({ length: layout.classes }, (_, i) => String(i));
  if (classes.length !== layout.classes) {
    throw new DataError(
      `${field}: ${join(folder, layout.namesFile)} names ${classes.length} classes, ${layout.name} has ${layout.classes}. Unpack the archive again`,
    );
  }
  return {
    train: (await Promise.all(train.map(records))).flat(),
    ...(names.includes(layout.test) ? { test: await records(layout.test) } : {}),
    classes,
    notes: [`${layout.name} binary files in ${folder}`],
  };
}

async function listRecords(folder: string, file: string, layout: Layout, field: string): Promise<Item[]> {
  const path = join(folder, file);
  const recordBytes = layout.labelBytes + pixelBytes;
  try {
    const handle = await open(path, 'r');
    try {
      const { size, mtimeMs, ctimeMs } = await handle.stat();
      if (size === 0 || size % recordBytes !== 0) {
        throw new DataError(
          `${field}: ${path} has ${size.toLocaleString('en-US')} bytes, not a whole number of ${recordBytes}-byte ${layout.name} records: it was cut short, or is another format. Download or unpack it again`,
        );
      }
      const count = size / recordBytes;
      const labels = new Uint8Array(count);
      const block = Buffer.alloc(recordBytes * blockRecords);
      for (let first = 0; first < count; first += blockRecords) {
        const { bytesRead } = await handle.read(block, 0, block.length, first * recordBytes);
        for (let i = 0; i < bytesRead / recordBytes; i++) {
          labels[first + i] = block[i * recordBytes + layout.labelBytes - 1]!;
        }
      }
      const wrong = labels.findIndex((label) => label >= layout.classes);
      if (wrong >= 0) {
        throw new DataError(
          `${field}: record ${wrong} of ${path} has label ${labels[wrong]}, ${layout.name} has ${layout.classes} classes. Download or unpack it again`,
        );
      }
      const records: Records = {
        path,
        modified: mtimeMs,
        changed: ctimeMs,
        start: layout.labelBytes,
        step: recordBytes,
        height: 32,
        width: 32,
        strides: [32, 1, 1024],
      };
      return splitItems({ name: file, records, count, labels });
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw error instanceof DataError
      ? error
      : new DataError(
          `${field}: cannot read ${path}: ${reasonOf(error)}. Make it readable, or unpack the archive again`,
        );
  }
}

/**
 * The STL-10 binary files (Coates et al. 2011): images of 96x96 px as three planes, each column after column;
 * labels 1 to 10; and 100,000 images without labels, which are for pretraining.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, reasonOf } from './errors';
import type { Listing } from './item';
import { lines, listSplits, splitItems, type Split } from './records';

const side = 96;
const imageBytes = 3 * side * side;
const classCount = 10;
const namesFile = 'class_names.txt';

/** The listing when `source`, or the folder its archive unpacks to inside it, has STL-10's files; else undefined. */
export async function listStl10(source: string, field: string): Promise<Listing | undefined> {
  for (const folder of [source, join(source, 'stl10_binary')]) {
    const files: string[] = await readdir(folder).catch(() => []);
    if (!files.includes('train_X.bin')) continue;
    try {
      return await listFiles(folder, files, field);
    } catch (error) {
      if (error instanceof DataError) throw error;
      throw new DataError(`${field}: cannot read ${folder}: ${reasonOf(error)}. Make its files readable`);
    }
  }
  return undefined;
}

async function listFiles(folder: string, files: readonly string[], field: string): Promise<Listing> {
  const labelled = async (split: 'train' | 'test'): Promise<Split> => {
    const file = `${split}_y.bin`;
    const path = join(folder, file);
    if (!files.includes(file)) {
      throw new DataError(
        `${field}: ${path} is missing, it has the labels of ${split}_X.bin. Unpack the archive again`,
      );
    }
    const images = await readSplit(folder, `${split}_X.bin`, field);
    const labels = await readFile(path);
    const wrong = labels.findIndex((label) => label < 1 || label > classCount);
    if (wrong >= 0) {
      throw new DataError(
        `${field}: label ${wrong} of ${path} is ${labels[wrong]}, STL-10's go from 1 to ${classCount}. Unpack the archive again`,
      );
    }
    return { ...images, labels: labels.map((label) => label - 1) };
  };
  const names = files.includes(namesFile)
    ? lines(await readFile(join(folder, namesFile), 'utf8'))
    : Array.from({ length: classCount }, (_, i) => String(i + 1));
  if (names.length !== classCount) {
    throw new DataError(
      `${field}: ${join(folder, namesFile)} names ${names.length} classes, STL-10 has ${classCount}. Unpack the archive again`,
    );
  }
  const train = await labelled('train');
  const test = files.includes('test_X.bin') ? await labelled('test') : undefined;
  const unlabelled = files.includes('unlabeled_X.bin') ? await readSplit(folder, 'unlabeled_X.bin', field) : undefined;
  const listing = listSplits({ train, test }, names, field);
  const kind = `STL-10 binary files in ${folder}`;
  return {
    ...listing,
    ...(unlabelled ? { unlabelled: splitItems(unlabelled) } : {}),
    notes: [
      unlabelled
        ? `${kind}: pretraining takes the unlabelled and the training images, evaluations the training and test images`
        : `${kind}, without unlabeled_X.bin: pretraining takes the training images`,
      ...listing.notes,
    ],
  };
}

async function readSplit(folder: string, name: string, field: string): Promise<Split> {
  const path = join(folder, name);
  const { size, mtimeMs, ctimeMs } = await stat(path);
  if (size === 0 || size % imageBytes !== 0) {
    throw new DataError(
      `${field}: ${path} has ${size.toLocaleString('en-US')} bytes, not a whole number of ${imageBytes}-byte STL-10 images: it was cut short, or is another format. Unpack the archive again`,
    );
  }
  const records = {
    path,
    modified: mtimeMs,
    changed: ctimeMs,
    start: 0,
    step: imageBytes,
    height: side,
    width: side,
    strides: [1, side, side * side],
  } as const;
  return { name, records, count: size / imageBytes };
}

/**
 * NumPy archives (.npz): several arrays in one ZIP file, as MedMNIST and Keras publish their sets, or one array a
 * file, as KMNIST and Kuzushiji-49 do.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DataError, plural, reasonOf } from './errors';
import type { Listing, Part } from './item';
import { imagesOf, labelsOf, readNpy } from './npy';
import { checkPart } from './packed';
import { checkShape, listSplits, namesBeside, type Split } from './records';
import { readZip } from './zip';

/** What publishers call images and labels. The first that is there is taken. */
const arrays = {
  train: [
    ['train_images', 'train_labels'],
    ['x_train', 'y_train'],
    ['images', 'labels'],
  ],
  test: [
    ['test_images', 'test_labels'],
    ['x_test', 'y_test'],
  ],
  val: [
    ['val_images', 'val_labels'],
    ['x_val', 'y_val'],
  ],
} as const;
const aFileEach = /^(.+)-train-imgs\.npz$/;

/** The listing when `source` is an .npz file, or a folder with one set of an array a file; else undefined. */
export async function listNpz(source: string, field: string): Promise<Listing | undefined> {
  try {
    if (/\.npz$/i.test(source) && (await stat(source)).isFile()) {
      const set = aFileEach.exec(basename(source))?.[1];
      return await (set === undefined ? listArchive(source, field) : listFiles(dirname(source), set, field));
    }
    const sets = (await readdir(source).catch(() => [])).flatMap((name) => aFileEach.exec(name)?.[1] ?? []);
    if (sets.length > 1) {
      throw new DataError(
        `${field}: ${source} holds ${sets.length} data sets (${sets.join(', ')}). Name the training images of one, such as "${sets[0]}-train-imgs.npz" in it`,
      );
    }
    return sets[0] === undefined ? undefined : await listFiles(source, sets[0], field);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${field}: cannot read ${source}: ${reasonOf(error)}. Download or save it again`);
  }
}

async function listArchive(path: string, field: string): Promise<Listing> {
  const entries = await openArchive(path, field);
  const read = async (split: keyof typeof arrays) => {
    const [images, labels] = arrays[split].find(([images]) => entries.has(images)) ?? [];
    return images === undefined ? undefined : readSplit(entries.get(images)!, entries.get(labels), images, field);
  };
  const train = await read('train');
  if (!train) {
    const wanted = arrays.train.map((names) => names.join(' and ')).join(', or ');
    throw new DataError(
      `${field}: ${path} has the arrays ${[...entries.keys()].join(', ')}. Wanted are ${wanted}, and the same for test`,
    );
  }
  const given = await read('test');
  const val = await read('val');
  const test = given ?? val;
  if (test && !train.labels !== !test.labels) {
    const missing = train.labels ? test : train;
    throw new DataError(
      `${field}: ${path} has no labels for ${missing.name}, it has for ${train.labels ? train.name : test.name}. Save both, or neither`,
    );
  }
  const folder = dirname(path);
  const names = await namesBeside(folder, await readdir(folder), basename(path).replace(/npz$/i, 'classes.txt'));
  const listing = listSplits({ train, test }, names, field);
  const notes = [`NumPy archive ${path}`, ...listing.notes];
  if (!train.labels) notes.push('no labels in it, so there is nothing to judge an encoder by');
  if (val && given)
    notes.push(`${plural(val.count, 'validation image')} not used: evaluations choose by training images`);
  return { ...listing, notes };
}

/** One array a file: `kmnist-train-imgs.npz`, `kmnist-train-labels.npz`, and the same for test. */
async function listFiles(folder: string, set: string, field: string): Promise<Listing> {
  const files = await readdir(folder);
  const only = async (name: string) => {
    const [array] = (await openArchive(join(folder, name), field)).values();
    if (array) return array;
    throw new DataError(`${field}: ${join(folder, name)} holds no array. Download or save it again`);
  };
  const read = async (split: 'train' | 'test') => {
    const images = `${set}-${split}-imgs.npz`;
    const labels = `${set}-${split}-labels.npz`;
    if (files.includes(labels)) return readSplit(await only(images), await only(labels), images, field);
    throw new DataError(`${field}: ${join(folder, images)} has no labels beside it. Put ${labels} there`);
  };
  const train = await read('train');
  const test = files.includes(`${set}-test-imgs.npz`) ? await read('test') : undefined;
  const listing = listSplits({ train, test }, await namesBeside(folder, files), field);
  return { ...listing, notes: [`NumPy files ${set}-*.npz in ${folder}`, ...listing.notes] };
}

/** The arrays of an archive, by name. */
async function openArchive(path: string, field: string): Promise<Map<string, Part>> {
  const entries = await readZip(path).catch((error: unknown) => {
    throw new DataError(`${field}: cannot read ${path}: ${reasonOf(error)}. Download or save it again`);
  });
  return new Map([...entries].map(([name, part]) => [name.replace(/\.npy$/, ''), part]));
}

async function readSplit(images: Part, labels: Part | undefined, name: string, field: string): Promise<Split> {
  const open = async (part: Part) => {
    checkPart(part, field);
    return readNpy(part, field);
  };
  const { count, layout } = imagesOf(await open(images), field);
  checkShape(images.name, [count, layout.height, layout.width], field);
  const { mtimeMs, ctimeMs } = await stat(images.path);
  // What is stored in the archive as it is can be read where it lies.
  const inPlace = images.method === 'stored';
  const records = {
    ...layout,
    path: images.path,
    modified: mtimeMs,
    changed: ctimeMs,
    start: layout.start + (inPlace ? images.offset : 0),
    ...(inPlace ? {} : { packed: images }),
  };
  return { name, records, count, ...(labels ? { labels: await labelsOf(await open(labels), field) } : {}) };
}

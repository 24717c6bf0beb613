/** From what the config says of the data to sets of images that are ready to load. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { random } from '../random/random';
import { badOf, openStore } from './cache';
import { listCifar } from './cifar';
import { DataError, plural } from './errors';
import { listFolder } from './folder';
import { listIdx } from './idx';
import type { Item, Listing } from './item';
import { listNpz } from './npz';
import { createPool, type Pool } from './pool';
import { imageSet, type ImageSet, type Statistics } from './set';
import { shapeClasses, shapeLabel, shapeSizes, shapesVersion } from './shapes';
import { listStl10 } from './stl10';
import { releaseFile } from './tasks';

export interface DataOptions {
  /** A folder or a data set's file, relative to `baseFolder`, or `builtin:shapes`. */
  readonly source: string;
  readonly testSource?: string;
  /** The block of the config that names them, for messages; `data` by default. */
  readonly block?: 'data' | 'transfer';
  readonly imageSize: number;
  /** At most this many images of each set, a seeded choice. */
  readonly train?: number;
  readonly test?: number;
  /** Also open the images that the source has no labels for. */
  readonly unlabelled?: boolean;
  /** Share of a set's files that may be unreadable. */
  readonly maxBadFiles: number;
  readonly seed: number;
  readonly baseFolder: string;
  /** Where decoded images are kept between runs. */
  readonly cacheFolder: string;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  /** Threads that decode; 0 decodes in the calling thread. All cores, at most 8, by default. */
  readonly threads?: number;
  /** The bundled worker.ts; beside this bundle by default. */
  readonly workerFile?: string | URL;
}

export interface Progress {
  readonly message: string;
  readonly done: number;
  readonly total: number;
}

export interface Data extends Statistics {
  readonly train: ImageSet;
  /** Absent when there are too few images to hold any out. */
  readonly test?: ImageSet;
  /**
   * What to pretrain on when the publisher gave more images than labels: those, and the training images without
   * theirs. Absent otherwise, and unless asked for.
   */
  readonly unlabelled?: ImageSet;
  /** How many images a pretraining goes through in an epoch, whether those without labels were opened or not. */
  readonly pretrainImages: number;
  /** Absent for data without labels. */
  readonly classes?: readonly string[];
  /** The class of all images, where there is but one: it tells nothing apart, so they have no labels. */
  readonly onlyClass?: string;
  /** Files that could not be read, and why. */
  readonly skipped: readonly { readonly file: string; readonly reason: string }[];
  /** How the source was understood, for people: what was held out, what was left out. */
  readonly notes: readonly string[];
  dispose(): void;
}

/** Photos are kept this much larger than `imageSize`, so that a crop of them is still made of real pixels. */
const detail = 1.5;
const heldOutShare = 0.2;
const shapeCounts = { train: 10_000, test: 2_000 } as const;
/** Test shapes are far from any training shape: no config reaches this index. */
const firstTestShape = 1_000_000_000;

/**
 * Opens the data of an experiment. Throws a DataError whose message names the file, the config field and the fix
 * when something is wrong with the images, or the signal's reason when aborted.
 */
export async function openData(options: DataOptions): Promise<Data> {
  const { block = 'data' } = options;
  const { listing, trainItems, testItems, allUnlabelled } = await chosenItems(options);
  const { classes, onlyClass } = listing;
  const unlabelledItems = options.unlabelled ? allUnlabelled : [];
  if (trainItems.length === 0)
    throw new DataError(`${block}.source: no training images in ${options.source}. Give a folder that holds some`);
  if (classes && classes.length > trainItems.length) {
    const field = options.train === undefined ? `${block}.source` : `${block}.train`;
    throw new DataError(
      `${field}: ${plural(trainItems.length, 'training image')} for ${classes.length} classes. Give at least one image of each, or point ${block}.source at a folder without class subfolders`,
    );
  }

  const { read, close } = createReader(options);
  const own: Place = { source: options.source, field: `${block}.source` };
  const testPlace =
    options.testSource === undefined ? own : { source: options.testSource, field: `${block}.testSource` };
  try {
    const train = await read(trainItems, 'training', own);
    const test = testItems.length === 0 ? undefined : await read(testItems, 'test', testPlace);
    const unlabelled = unlabelledItems.length === 0 ? undefined : await read(unlabelledItems, 'unlabelled', own);
    const sets = [train, test, unlabelled].filter((set) => set !== undefined);
    return {
      train: train.set,
      ...(test ? { test: test.set } : {}),
      ...(unlabelled ? { unlabelled: unlabelled.set } : {}),
      pretrainImages: unlabelled?.set.size ?? (allUnlabelled.length || train.set.size),
      ...(classes ? { classes } : {}),
      ...(onlyClass === undefined ? {} : { onlyClass }),
      ...train.statistics,
      skipped: sets.flatMap(({ bad }) => bad),
      notes: listing.notes,
      dispose() {
        for (const { set } of sets) releaseFile(set.file);
      },
    };
  } finally {
    await close();
  }
}

/** How many images a pretraining goes through in an epoch, and how many are held out, as far as files tell: none is read. */
export async function countImages(
  options: CountOptions,
): Promise<{ readonly pretrain: number; readonly test: number }> {
  const { trainItems, testItems, allUnlabelled } = await chosenItems(options);
  return { pretrain: allUnlabelled.length || trainItems.length, test: testItems.length };
}

type CountOptions = Pick<
  DataOptions,
  'source' | 'testSource' | 'block' | 'imageSize' | 'train' | 'test' | 'seed' | 'baseFolder' | 'signal'
>;

async function chosenItems(options: CountOptions) {
  const { seed } = options;
  const listing = holdOut(await list(options), seed);
  return {
    listing,
    trainItems: choose(listing.train, options.train, seed, 'train'),
    testItems: choose(listing.test ?? [], options.test, seed, 'test'),
    allUnlabelled: withoutLabels(listing, options.train, seed),
  };
}

/**
 * Opens labelled images from elsewhere to test on what was trained on others: those that `source` has for tests, else all
 * of it, at most `test` of them. Their classes are found by name among `classes`. Throws as `openData` does.
 *
 * @param field of the config, that named the source.
 */
export async function openTestImages(
  options: Omit<DataOptions, 'testSource' | 'block' | 'train' | 'unlabelled'>,
  field: string,
  classes: readonly string[],
): Promise<Pick<Data, 'skipped' | 'notes' | 'dispose'> & { readonly test: ImageSet }> {
  const { source, test, seed, baseFolder, signal } = options;
  const listing = source === shapesSource ? listShapes(options) : await listPath(source, field, baseFolder, signal);
  const items = matched(listing.test ?? listing.train, listing.classes, classes, { source, field });
  const { read, close } = createReader(options);
  try {
    const { set, bad } = await read(choose(items, test, seed, 'test'), 'test', { source, field });
    return { test: set, skipped: bad, notes: listing.notes, dispose: () => releaseFile(set.file) };
  } finally {
    await close();
  }
}

/** Where images come from, and which value of the config says so. */
interface Place {
  readonly source: string;
  readonly field: string;
}

/** Decodes listed images with threads that are started when the first must be. */
function createReader(options: DataOptions) {
  const { imageSize, signal, workerFile } = options;
  const side = options.source === shapesSource ? imageSize : Math.ceil(imageSize * detail);
  const pools: Pool[] = [];
  const threads = options.threads ?? Math.min(8, availableParallelism());
  const pool = () => {
    if (pools.length === 0) pools.push(createPool({ threads, workerFile }));
    return pools[0]!;
  };
  return {
    read: async (items: readonly Item[], name: string, place: Place) => {
      const check = (bad: readonly Bad[]) => refuse(bad, items.length, options, place);
      const onProgress = (done: number, total: number) =>
        options.onProgress?.({ message: `Decoding ${name} images`, done, total });
      const { field } = place;
      const store = await openStore({
        items,
        side,
        folder: options.cacheFolder,
        field,
        pool,
        check,
        onProgress,
        signal,
      });
      const { set, statistics } = imageSet(items, store, imageSize, workerFile);
      return { set, statistics, bad: badOf(items, store.images) };
    },
    close: async () => {
      for (const started of pools) await started.dispose();
    },
  };
}

const shapesSource = 'builtin:shapes';

async function list(options: CountOptions): Promise<Listing> {
  const { source, testSource, block = 'data', signal } = options;
  if (source === shapesSource) return listShapes(options);
  const listing = await listPath(source, `${block}.source`, options.baseFolder, signal);
  if (testSource === undefined) return listing;
  if (testSource === shapesSource)
    throw new DataError(
      `${block}.testSource: ${shapesSource} draws test images for itself alone. Remove it, or give a folder`,
    );
  const other = await listPath(testSource, `${block}.testSource`, options.baseFolder, signal);
  const from = { source: testSource, field: `${block}.testSource` };
  return { ...listing, test: matched(other.test ?? other.train, other.classes, listing.classes, from) };
}

async function listPath(source: string, field: string, base: string, signal?: AbortSignal): Promise<Listing> {
  if (source.startsWith('builtin:')) throw new DataError(`${field}: there is no ${source}, only ${shapesSource}`);
  const path = resolve(base, source);
  for (const list of [listCifar, listIdx, listStl10, listNpz]) {
    const listing = await list(path, field);
    if (listing) return listing;
  }
  return listFolder(path, field, signal);
}

/** Test items with the training set's label numbers. */
function matched(
  items: readonly Item[],
  from: readonly string[] | undefined,
  to: readonly string[] | undefined,
  { source, field }: Place,
): readonly Item[] {
  if (to === undefined) return items.map(({ id, origin }) => ({ id, origin }));
  if (from === undefined)
    throw new DataError(
      `${field}: ${source} has no classes, data.source has. Sort the test images into folders of the same names`,
    );
  const numbers = from.map((name) => to.indexOf(name));
  const unknown = from.find((_, i) => numbers[i]! < 0);
  if (unknown !== undefined) {
    throw new DataError(
      `${field}: class ${unknown} of ${source} is not among the training classes. Remove or rename its folder`,
    );
  }
  return items.map((item) => ({ ...item, label: numbers[item.label!]! }));
}

function listShapes({
  imageSize,
  train = shapeCounts.train,
  test = shapeCounts.test,
}: Pick<DataOptions, 'imageSize' | 'train' | 'test'>): Listing {
  const { min, max } = shapeSizes;
  if (imageSize < min || imageSize > max) {
    throw new DataError(
      `data.imageSize: ${shapesSource} draws images of ${min} to ${max} px, not ${imageSize}. Set it to a size in between`,
    );
  }
  const items = (name: string, count: number, first: number) =>
    Array.from({ length: count }, (_, i): Item => {
      const index = first + i;
      return {
        id: `${name} ${i}`,
        label: shapeLabel(index),
        origin: { kind: 'shape', index, version: shapesVersion },
      };
    });
  return {
    train: items('shape', train, 0),
    test: items('test shape', test, firstTestShape),
    classes: shapeClasses,
    notes: [],
  };
}

/** Without test images, a seeded fifth of each class is held out; with fewer than five of a class, none of it. */
function holdOut(listing: Listing, seed: number): Listing {
  if (listing.test) return listing;
  const byClass = new Map<number | undefined, Item[]>();
  for (const item of listing.train) {
    const members = byClass.get(item.label) ?? [];
    byClass.set(item.label, members);
    members.push(item);
  }
  const held = new Set<Item>();
  for (const [label, members] of byClass) {
    const order = random(seed, 'held out', label ?? 'all').permutation(members.length);
    for (const i of order.subarray(0, Math.floor(members.length * heldOutShare))) held.add(members[i]!);
  }
  if (held.size === 0) return listing;
  const note = `no test images given: ${plural(held.size, 'image')} of ${listing.train.length.toLocaleString('en-US')} held out of training as test images (a fifth of each class, by seed)`;
  return {
    ...listing,
    train: listing.train.filter((item) => !held.has(item)),
    test: [...held],
    notes: [...listing.notes, note],
  };
}

/** The unlabelled and the training images, which are never test images; none when the source has no unlabelled ones. */
function withoutLabels({ unlabelled, train }: Listing, limit: number | undefined, seed: number): readonly Item[] {
  if (!unlabelled) return [];
  const all = [...unlabelled, ...train.map(({ id, origin }) => ({ id, origin }))];
  return choose(all, limit, seed, 'unlabelled');
}

function choose(items: readonly Item[], limit: number | undefined, seed: number, name: string): readonly Item[] {
  if (limit === undefined || limit >= items.length) return items;
  const chosen = random(seed, 'choose', name).permutation(items.length).subarray(0, limit).sort();
  return Array.from(chosen, (i) => items[i]!);
}

interface Bad {
  readonly file: string;
  readonly reason: string;
}

/** Throws when more files are bad than the config lets pass. */
function refuse(bad: readonly Bad[], total: number, { maxBadFiles }: DataOptions, { source, field }: Place): void {
  if (bad.length === 0 || (bad.length <= maxBadFiles * total && bad.length < total)) return;
  const shown = bad.slice(0, 5).map(({ file, reason }) => `\n  ${file}: ${reason}`);
  const more = bad.length > 5 ? `\n  and ${bad.length - 5} more` : '';
  throw new DataError(
    `${field}: at least ${bad.length} of ${plural(total, 'image file')} in ${source} cannot be read, more than data.maxBadFiles (${maxBadFiles}) lets pass:${shown.join('')}${more}\nRepair or remove them, or raise data.maxBadFiles`,
  );
}

/** Images of one size in one file: how data sets are published. What their readers share. */
import { closeSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DataError, plural, reasonOf } from './errors';
import type { Item, Listing, Records } from './item';

/** Images of one file, and their labels if it has them. */
export interface Split {
  /** The file's name, for people. */
  readonly name: string;
  readonly records: Records;
  readonly count: number;
  /** From 0, one an image. */
  readonly labels?: ArrayLike<number>;
}

const maxClasses = 65_536;
/** An item is a small object, and all of them are in memory. */
const maxImages = 10_000_000;

/** One image as pixels [height, width, 3]. Throws a DataError that says why it cannot be read. */
export function readRecord({ path, start, step, height, width, strides }: Records, index: number) {
  const [row, column, colour] = strides;
  const bytes = new Uint8Array(1 + (height - 1) * row + (width - 1) * column + 2 * colour);
  let got: number;
  try {
    const file = openSync(path, 'r');
    try {
      got = readSync(file, bytes, 0, bytes.length, start + index * step);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new DataError(reasonOf(error));
  }
  if (got !== bytes.length) throw new DataError('the file was cut short');
  const pixels = new Uint8Array(height * width * 3);
  let out = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * row + x * column;
      pixels[out++] = bytes[at]!;
      pixels[out++] = bytes[at + colour]!;
      pixels[out++] = bytes[at + 2 * colour]!;
    }
  }
  return { width, height, pixels };
}

/** Refuses what no image set is: no images, images without pixels, more than memory has room for. */
export function checkShape(name: string, [count, height, width]: readonly [number, number, number], field: string) {
  if (count === 0 || height === 0 || width === 0) {
    throw new DataError(`${field}: ${name} holds ${count} images of ${height} x ${width} px. Give a file with images`);
  }
  if (count > maxImages) {
    throw new DataError(
      `${field}: ${name} holds ${plural(count, 'image')}, the limit is ${maxImages.toLocaleString('en-US')}. Give fewer`,
    );
  }
}

/** What the splits of a data set offer. `names` are its classes' names; their numbers by default. */
export function listSplits(
  { train, test }: { readonly train: Split; readonly test?: Split },
  names: readonly string[] | undefined,
  field: string,
): Listing {
  const splits = test ? [train, test] : [train];
  for (const split of splits) checkLabels(split, names, field);
  const notes: string[] = [];
  let labelled = splits.every(({ labels }) => labels);
  let onlyClass: string | undefined;
  if (labelled && new Set(Array.from(train.labels!)).size === 1) {
    labelled = false;
    onlyClass = names?.[train.labels![0]!] ?? String(train.labels![0]);
    notes.push(
      `all images of ${placeOf(train)} have the label ${train.labels![0]}: one class, so the set has no labels`,
    );
  }
  const items = (split: Split) => splitItems(labelled ? split : { ...split, labels: undefined });
  const count = 1 + splits.reduce((most, { labels }) => Math.max(most, labels ? highest(labels) : 0), 0);
  return {
    train: items(train),
    ...(test ? { test: items(test) } : {}),
    ...(labelled ? { classes: names ?? Array.from({ length: count }, (_, i) => String(i)) } : {}),
    ...(onlyClass === undefined ? {} : { onlyClass }),
    notes,
  };
}

export function splitItems({ name, records, count, labels }: Split): Item[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${name}#${index}`,
    ...(labels ? { label: labels[index]! } : {}),
    origin: { kind: 'record', records, index },
  }));
}

function checkLabels(split: Split, names: readonly string[] | undefined, field: string): void {
  const { labels, count } = split;
  if (!labels) return;
  const name = placeOf(split);
  if (labels.length !== count) {
    throw new DataError(
      `${field}: ${name} holds ${plural(count, 'image')}, but there ${labels.length === 1 ? 'is' : 'are'} ${plural(labels.length, 'label')} for them. Give the two files of one set, or download them again`,
    );
  }
  const limit = names?.length ?? maxClasses;
  for (let i = 0; i < count; i++) {
    const label = labels[i]!;
    if (label >= 0 && label < limit) continue;
    const wanted = names ? `there are ${limit} class names` : `they go from 0 to ${maxClasses - 1}`;
    throw new DataError(
      `${field}: the label of image ${i} of ${name} is ${label}, but ${wanted}. Number the classes from 0${names ? ', and name each' : ''}`,
    );
  }
}

/** Where the images are, for people: the file, and which of its arrays. */
function placeOf({ name, records: { path } }: Split): string {
  return basename(path) === name ? path : `${name} in ${path}`;
}

function highest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, values[i]!);
  return most;
}

/**
 * The names of classes 0, 1, ... that lie beside the images: `classes.txt`, one a line, or else the class map that
 * KMNIST is published with, `index,codepoint,char`. Undefined when `files` has neither.
 */
export async function namesBeside(
  folder: string,
  files: readonly string[],
  list = 'classes.txt',
): Promise<readonly string[] | undefined> {
  const map = files.find((name) => /^k(mnist|49)_classmap\.csv$/.test(name));
  if (files.includes(list)) return lines(await readFile(join(folder, list), 'utf8'));
  if (map === undefined) return undefined;
  const [, ...rows] = lines(await readFile(join(folder, map), 'utf8'));
  return rows.map((row) => row.split(',').at(-1)!);
}

export function lines(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line !== '');
}

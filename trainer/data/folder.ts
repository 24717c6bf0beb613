/** A folder of images: with or without one subfolder per class, with or without `train` and `test` subfolders. */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { DataError, plural, reasonOf } from './errors';
import type { Item, Listing, Origin } from './item';

const extensions = /\.(jpe?g|jfif|png|webp|gif|tiff?)$/i;
const trainNames = ['train', 'training'];
const testNames = ['test', 'testing', 'val', 'valid', 'validation'];

/** An image file below a root: the folders that lead to it, and its place on disk. */
interface Found {
  readonly segments: readonly string[];
  readonly path: string | Uint8Array;
}

/**
 * Lists the images below `folder`, sorted by name. The first level of subfolders names the classes; deeper levels
 * do not matter. `field` is the config value to blame.
 */
export async function listFolder(folder: string, field: string, signal?: AbortSignal): Promise<Listing> {
  const found = await walk(folder, field, signal);
  const top = [...new Set(found.filter((f) => f.segments.length > 1).map((f) => f.segments[0]!))];
  const named = (names: readonly string[]) =>
    names.map((name) => top.find((t) => t.toLowerCase() === name)).find((name) => name !== undefined);
  const train = named(trainNames);
  if (train === undefined) {
    if (found.length === 0) throw new DataError(`${field}: no images in ${folder}. ${wanted}`);
    const { items, ...named } = await label(found, field);
    return { train: items, ...named };
  }

  const test = named(testNames);
  const under = (name: string) => found.filter((f) => f.segments.length > 1 && f.segments[0] === name);
  const trainSet = await label(under(train), field, 1);
  const { classes, onlyClass } = trainSet;
  const notes = [...trainSet.notes];
  const unused = found.filter((f) => f.segments[0] !== train && f.segments[0] !== test).length;
  if (unused > 0) notes.push(`${plural(unused, 'image')} outside of ${train}/ and ${test ?? 'test'}/ not used`);
  if (test === undefined) return { train: trainSet.items, classes, onlyClass, notes };
  const testSet = await label(under(test), field, 1, classes);
  return { train: trainSet.items, test: testSet.items, classes, onlyClass, notes: [...notes, ...testSet.notes] };
}

const wanted = 'It wants .jpg, .png, .webp, .gif or .tiff files, or subfolders of them';

/** Items with the labels that their folders give, `depth` levels down. Given `classes`, the folders must be among them. */
async function label(found: readonly Found[], field: string, depth = 0, classes?: readonly string[]) {
  const folders = [
    ...new Set(found.filter((f) => f.segments.length > depth + 1).map((f) => f.segments[depth]!)),
  ].sort();
  const loose = found.filter((f) => f.segments.length <= depth + 1).length;
  const notes: string[] = [];
  let names = classes;
  if (classes === undefined && folders.length > 1) {
    if (loose === 0) names = folders;
    else notes.push(`${plural(loose, 'image')} in no class folder, so the set has no labels`);
  }
  const items: Item[] = [];
  const origins = await fileOrigins(found);
  for (const [i, { segments }] of found.entries()) {
    const folder = segments.length > depth + 1 ? segments[depth] : undefined;
    const index = names === undefined || folder === undefined ? -1 : names.indexOf(folder);
    if (names !== undefined && index < 0) {
      throw new DataError(
        `${field}: ${segments.join('/')} is in no class folder of the training images (${listed(names)}). Move or remove it`,
      );
    }
    items.push({ id: segments.join('/'), ...(index < 0 ? {} : { label: index }), origin: origins[i]! });
  }
  const onlyClass = classes === undefined && folders.length === 1 && loose === 0 ? folders[0] : undefined;
  return { items, classes: names, onlyClass, notes };
}

/** A few hundred questions to the file system at once are far faster than one after another. */
async function fileOrigins(found: readonly Found[]): Promise<Origin[]> {
  const origins: Origin[] = [];
  for (let start = 0; start < found.length; start += 256) {
    origins.push(...(await Promise.all(found.slice(start, start + 256).map(({ path }) => fileOrigin(path)))));
  }
  return origins;
}

async function fileOrigin(path: string | Uint8Array): Promise<Origin> {
  try {
    const { size, mtimeMs, ctimeMs } = await stat(toPath(path));
    return { kind: 'file', path, bytes: size, modified: mtimeMs, changed: ctimeMs };
  } catch {
    // A dangling or circular link, or gone since: decoding says so in the list of bad files.
    return { kind: 'file', path, bytes: -1, modified: 0, changed: 0 };
  }
}

async function walk(root: string, field: string, signal?: AbortSignal): Promise<Found[]> {
  const found: Found[] = [];
  const visited = new Set<string>();

  async function enter(folder: string | Uint8Array, segments: readonly string[]): Promise<void> {
    signal?.throwIfAborted();
    // A link back to a folder above would never end.
    const real = await realpath(toPath(folder), 'latin1');
    if (visited.has(real)) return;
    visited.add(real);
    const entries = await readdir(toPath(folder), { withFileTypes: true, encoding: 'buffer' });
    for (const entry of entries.sort((a, b) => Buffer.compare(a.name, b.name))) {
      const { text, path } = join(folder, entry.name);
      if (text.startsWith('.')) continue;
      const kind = await kindOf(entry, path);
      if (kind === 'folder') await enter(path, [...segments, text]);
      else if (kind === 'file' && extensions.test(text)) found.push({ segments: [...segments, text], path });
    }
  }

  try {
    await enter(root, []);
  } catch (error) {
    signal?.throwIfAborted();
    throw new DataError(`${field}: cannot read ${root}: ${reasonOf(error)}. Give a folder of images`);
  }
  return found;
}

async function kindOf(entry: Dirent<Buffer>, path: string | Uint8Array): Promise<'folder' | 'file' | 'other'> {
  if (entry.isDirectory()) return 'folder';
  if (entry.isFile()) return 'file';
  if (!entry.isSymbolicLink()) return 'other';
  try {
    const target = await stat(toPath(path));
    return target.isDirectory() ? 'folder' : target.isFile() ? 'file' : 'other';
  } catch {
    return 'file'; // leads nowhere: listed, so that it is reported
  }
}

/** Names that are not UTF-8 stay bytes on the way to the disk and are escaped where a person reads them. */
function join(folder: string | Uint8Array, name: Buffer): { text: string; path: string | Uint8Array } {
  const text = name.toString('utf8');
  const faithful = Buffer.from(text, 'utf8').equals(name);
  if (faithful && typeof folder === 'string') return { text, path: folder + sep + text };
  const path = Buffer.concat([typeof folder === 'string' ? Buffer.from(folder) : folder, Buffer.from(sep), name]);
  return { text: faithful ? text : escaped(name), path };
}

function escaped(name: Buffer): string {
  return name.toString('latin1').replace(/[^\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function toPath(path: string | Uint8Array): string | Buffer {
  return typeof path === 'string' ? path : Buffer.from(path);
}

function listed(names: readonly string[]): string {
  return names.length > 6 ? `${names.slice(0, 6).join(', ')}, ...` : names.join(', ');
}

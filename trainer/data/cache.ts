/**
 * Decoded images on disk: decoded once, then read from there by every thread. The file is the store, the system's
 * page cache keeps what fits in memory, so a set of any size needs no memory of ours; the limit is the disk.
 *
 * One folder per set, named by the key, with `pixels.bin` (8-bit RGB, one image after another) and `index.json`. The
 * key hashes what decides the pixels: every origin (for a file its path, size, modification and change time; no tool
 * sets the change time, so an edited or replaced file always gives another key), the stored size and this format's
 * version. A folder is built under a temporary name and renamed when complete; both files carry a checksum that
 * is verified on opening, and a folder that fails it is built anew.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, reasonOf } from './errors';
import type { Item } from './item';
import { unpack } from './packed';
import type { Pool } from './pool';
import { releaseFile, type Decoded } from './tasks';

/** Raise it when the same origin would give other pixels. */
const formatVersion = 1;
const pixelsFile = 'pixels.bin';
const indexFile = 'index.json';
const unpackedFolder = 'unpacked';
const chunk = 64;
/** Of decoded images that may wait for their turn. */
const windowBytes = 1 << 25;
const unusedDays = 30;

export interface Store {
  /** Of `pixels.bin`. */
  readonly file: string;
  /** One entry per item, in order. */
  readonly images: readonly Decoded[];
}

export interface StoreOptions {
  readonly items: readonly Item[];
  /** Images are kept with a shorter side of at most this, px. */
  readonly side: number;
  readonly folder: string;
  /** The config value to blame for files that are damaged. */
  readonly field: string;
  /** Started only when something must be decoded. */
  readonly pool: () => Pool;
  /** Called while decoding with what could not be read so far; throws to give up early. */
  readonly check: (bad: readonly { readonly file: string; readonly reason: string }[]) => void;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** The decoded images, from the cache if they are there and intact. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { items, side, folder, signal } = options;
  const key = cacheKey(items, side);
  const home = join(folder, key);
  const known = await readStore(home);
  if (known) {
    options.check(badOf(items, known.images));
    return known;
  }
  let temporary: string | undefined;
  try {
    await mkdir(folder, { recursive: true });
    await removeUnused(folder);
    temporary = await mkdtemp(join(folder, `.${key}-`));
    const images = await build(temporary, options);
    await publish(temporary, home);
    return { file: join(home, pixelsFile), images };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DataError || !(error as NodeJS.ErrnoException).code) throw error;
    throw new DataError(
      `cannot keep the decoded images in ${folder}: ${reasonOf(error)}. Make room there, or make it writable`,
    );
  } finally {
    if (temporary) await rm(temporary, { recursive: true, force: true });
  }
}

/** Renames a complete folder to its name, unless another process was faster: what that one built is as good. */
async function publish(temporary: string, home: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await rename(temporary, home);
    } catch (error) {
      if (await readStore(home)) return;
      if (attempt === 3) throw error;
      releaseFile(join(home, pixelsFile));
      await rm(home, { recursive: true, force: true });
    }
  }
}

export function badOf(items: readonly Item[], images: readonly Decoded[]): { file: string; reason: string }[] {
  return images.flatMap((image, i) => ('reason' in image ? [{ file: items[i]!.id, reason: image.reason }] : []));
}

function cacheKey(items: readonly Item[], side: number): string {
  const hash = createHash('sha256').update(JSON.stringify([formatVersion, side]));
  for (const { origin } of items) hash.update(JSON.stringify(origin));
  return hash.digest('hex').slice(0, 32);
}

async function build(folder: string, options: StoreOptions): Promise<Decoded[]> {
  const { items, side, field, pool: start, check, onProgress, signal } = options;
  const pool = start();
  const unpacked = join(folder, unpackedFolder);
  await mkdir(unpacked);
  const origins = await unpack(
    items.map(({ origin }) => origin),
    unpacked,
    { field, signal },
  );
  const file = await open(join(folder, pixelsFile), 'wx');
  const hash = createHash('sha256');
  const images: Decoded[] = [];
  const bad: { file: string; reason: string }[] = [];
  let bytes = 0;
  try {
    // A window of chunks is under way at once; their results are written in order. It is wide where images are
    // small, so that the threads have work while this one is busy with something else for a moment.
    const ahead = Math.max(2 * Math.max(1, pool.threads), Math.floor(windowBytes / (chunk * side * side * 3)));
    const pending: ReturnType<typeof decodeChunk>[] = [];
    const decodeChunk = (from: number) => {
      const result = pool.run({ kind: 'decode', origins: origins.slice(from, from + chunk), side });
      result.catch(() => undefined); // awaited below, unless an earlier one fails first
      return result;
    };
    let next = 0;
    while (images.length < items.length) {
      signal?.throwIfAborted();
      for (; pending.length < ahead && next < items.length; next += chunk) pending.push(decodeChunk(next));
      const result = await pending.shift()!;
      hash.update(result.pixels);
      await file.writeFile(result.pixels);
      bytes += result.pixels.length;
      for (const image of result.images) {
        if ('reason' in image) bad.push({ file: items[images.length]!.id, reason: image.reason });
        images.push(image);
      }
      check(bad);
      onProgress?.(images.length, items.length);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await rm(unpacked, { recursive: true });
  const body = JSON.stringify({ bytes, checksum: hash.digest('hex'), images });
  const index = await open(join(folder, indexFile), 'wx');
  try {
    await index.writeFile(`${sha256(body)}\n${body}`);
    await index.sync();
  } finally {
    await index.close();
  }
  return images;
}

/** The store in `home`, or undefined when there is none or it is not what was written. */
async function readStore(home: string): Promise<Store | undefined> {
  const file = join(home, pixelsFile);
  try {
    const [checksum, body = ''] = split(await readFile(join(home, indexFile), 'utf8'));
    if (checksum !== sha256(body)) return undefined;
    const index = JSON.parse(body) as { bytes: number; checksum: string; images: Decoded[] };
    if ((await stat(file)).size !== index.bytes) return undefined;
    const hash = createHash('sha256');
    for await (const part of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
    if (hash.digest('hex') !== index.checksum) return undefined;
    const now = new Date();
    await utimes(home, now, now).catch(() => undefined); // a read-only cache is still a cache
    return { file, images: index.images };
  } catch {
    return undefined;
  }
}

function split(text: string): [string, string] {
  const end = text.indexOf('\n');
  return [text.slice(0, end), text.slice(end + 1)];
}

/** Sets that nobody opened for a month, and what killed processes left behind. */
async function removeUnused(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/^\.?[0-9a-f]{32}(-|$)/.test(name)) continue;
    const days = name.startsWith('.') ? 1 : unusedDays;
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
    if (Date.now() - mtimeMs > days * 86_400_000) await rm(path, { recursive: true, force: true });
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

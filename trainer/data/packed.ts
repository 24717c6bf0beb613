/** Bytes that lie compressed in a file: read a piece at a time, and never more of them than the file admits to. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { crc32, createGunzip, createInflateRaw } from 'node:zlib';
import { DataError } from './errors';
import type { Origin, Part, Records } from './item';

/** No deflated byte stands for more bytes than this: what promises more is damaged, or a trap. */
const maxRatio = 1032;
/** Refuses a part that promises more than its bytes can hold. */
export function checkPart({ name, method, bytes, size }: Part, field: string): void {
  if (method === 'stored' ? size !== bytes : size > bytes * maxRatio) {
    throw new DataError(
      `${field}: ${name} says that it holds ${size.toLocaleString('en-US')} bytes, which its ${bytes.toLocaleString('en-US')} ${method === 'stored' ? '' : 'packed '}bytes cannot be. It was cut short or is damaged: download it again`,
    );
  }
}

/** The first `count` bytes of a part, fewer when it is shorter. `field` is the config value to blame. */
export async function readHead(part: Part, count: number, field: string): Promise<Buffer> {
  const found: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks(part, field)) {
    found.push(chunk);
    size += chunk.length;
    if (size >= count) break;
  }
  return Buffer.concat(found).subarray(0, count);
}

/** All bytes of a part that is known to be small. */
export async function readPart(part: Part, field: string): Promise<Buffer> {
  const found: Buffer[] = [];
  for await (const chunk of checked(part, { field })) found.push(chunk);
  return Buffer.concat(found);
}

/** Writes all bytes of a part to a new file. */
export const unpackPart = (part: Part, path: string, options: Omit<UnpackOptions, 'blockBytes'>): Promise<void> =>
  writeAll(path, checked(part, options));

export interface UnpackOptions {
  /** The config value to blame. */
  readonly field: string;
  readonly signal?: AbortSignal;
  /** Of images that are put in order at once. */
  readonly blockBytes?: number;
}

/** The origins with every image readable in place: what lies packed or interleaved is written to `folder` as it is. */
export async function unpack(origins: readonly Origin[], folder: string, options: UnpackOptions): Promise<Origin[]> {
  const plain = new Map<Records, Records>();
  for (const origin of origins) {
    if (origin.kind !== 'record' || plain.has(origin.records)) continue;
    plain.set(origin.records, await unpackRecords(origin.records, `${folder}/${plain.size}`, options));
  }
  return origins.map((origin) =>
    origin.kind === 'record' ? { ...origin, records: plain.get(origin.records)! } : origin,
  );
}

async function unpackRecords(packed: Records, file: string, options: UnpackOptions): Promise<Records> {
  let records = packed;
  if (records.packed) {
    const part = records.packed;
    await writeAll(`${file}.bytes`, checked(part, options));
    records = { ...records, path: `${file}.bytes`, packed: undefined };
  }
  if (records.interleaved !== undefined) {
    await writeAll(`${file}.ordered`, ordered(records, records.interleaved, options));
    records = { ...records, path: `${file}.ordered`, start: 0, interleaved: undefined };
  }
  return records;
}

async function writeAll(path: string, content: AsyncIterable<Buffer>): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for await (const chunk of content) await file.writeFile(chunk);
  } finally {
    await file.close();
  }
}

/** Interleaved images, one after another: as many at once as memory is given for. */
async function* ordered(
  { path, start, step }: Records,
  count: number,
  { field, signal, blockBytes = 1 << 26 }: UnpackOptions,
): AsyncGenerator<Buffer> {
  const atOnce = Math.max(1, Math.floor(blockBytes / step));
  const file = await open(path, 'r');
  try {
    for (let first = 0; first < count; first += atOnce) {
      const size = Math.min(atOnce, count - first);
      const images = Buffer.alloc(size * step);
      const values = Buffer.alloc(size);
      for (let k = 0; k < step; k++) {
        signal?.throwIfAborted();
        const { bytesRead } = await file.read(values, 0, size, start + k * count + first);
        if (bytesRead !== size) throw new DataError(`${field}: ${path} was cut short. Download it again`);
        for (let i = 0; i < size; i++) images[i * step + k] = values[i]!;
      }
      yield images;
    }
  } finally {
    await file.close();
  }
}

/** All bytes of a part. Throws when they are not as many as it says, or not those that its checksum is of. */
async function* checked(part: Part, { field, signal }: Omit<UnpackOptions, 'blockBytes'>): AsyncGenerator<Buffer> {
  let size = 0;
  let crc = 0;
  for await (const chunk of chunks(part, field)) {
    signal?.throwIfAborted();
    size += chunk.length;
    if (size > part.size) throw damaged(part, field, 'it holds more than it says');
    if (part.crc !== undefined) crc = crc32(chunk, crc);
    yield chunk;
  }
  if (size !== part.size) throw damaged(part, field, 'it was cut short');
  if (part.crc !== undefined && crc !== part.crc) throw damaged(part, field, 'its checksum is another');
}

async function* chunks(part: Part, field: string): AsyncGenerator<Buffer> {
  const { path, method, offset, bytes } = part;
  if (bytes === 0) return;
  const file = createReadStream(path, { start: offset, end: offset + bytes - 1, highWaterMark: 1 << 18 });
  if (method === 'stored') {
    for await (const chunk of file) yield chunk as Buffer;
    return;
  }
  const unzip = method === 'gzip' ? createGunzip({ chunkSize: 1 << 18 }) : createInflateRaw({ chunkSize: 1 << 18 });
  // What goes wrong in one stream ends the other, and is thrown by the loop.
  pipeline(file, unzip, () => undefined);
  try {
    for await (const chunk of unzip) yield chunk as Buffer;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw code?.startsWith('Z_') ? damaged(part, field, message) : error;
  }
}

function damaged({ name }: Part, field: string, reason: string): DataError {
  return new DataError(`${field}: cannot unpack ${name}: ${reason}. Download it again`);
}

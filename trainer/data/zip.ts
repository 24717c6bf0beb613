/** The table of contents of a ZIP archive (PKWARE's APPNOTE 6.3), zip64 included: where each entry lies in the file. */
import { open, type FileHandle } from 'node:fs/promises';
import type { Part } from './item';

/** Bytes after the end record: a comment of at most 64 KiB. */
const maxTail = 22 + 65_535;
const maxDirectoryOfData = 1 << 20;
const end64Bytes = 56;
const locatorBytes = 20;

/**
 * The entries of the archive by name. Throws an Error that says in a few words why it cannot be read. A table of more than
 * `maxDirectory` bytes is refused.
 */
export async function readZip(path: string, maxDirectory = maxDirectoryOfData): Promise<Map<string, Part>> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { offset, bytes } = await findDirectory(file, size);
    if (offset + bytes > size) throw damaged();
    if (bytes > maxDirectory) throw new Error('it has too many entries');
    const directory = await readAt(file, offset, bytes);
    const entries = new Map<string, Part>();
    for (let at = 0; at < directory.length;) {
      const entry = parseEntry(directory, at);
      at += entry.length;
      entries.set(entry.name, await locate(file, path, entry, offset));
    }
    return entries;
  } finally {
    await file.close();
  }
}

async function findDirectory(file: FileHandle, size: number): Promise<{ offset: number; bytes: number }> {
  const tail = await readAt(file, Math.max(0, size - maxTail), Math.min(size, maxTail));
  const at = tail.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (at < 0 || at + 22 > tail.length) throw new Error('it is no ZIP archive, or was cut short');
  const offset = tail.readUInt32LE(at + 16);
  const bytes = tail.readUInt32LE(at + 12);
  if (offset !== 0xffffffff && bytes !== 0xffffffff) return { offset, bytes };
  const locator = at - locatorBytes;
  if (locator < 0 || tail.toString('latin1', locator, locator + 4) !== 'PK\x06\x07') throw damaged();
  const end = await readAt(file, Number(tail.readBigUInt64LE(locator + 8)), end64Bytes);
  if (end.toString('latin1', 0, 4) !== 'PK\x06\x06') throw damaged();
  return { offset: Number(end.readBigUInt64LE(48)), bytes: Number(end.readBigUInt64LE(40)) };
}

interface Entry {
  readonly name: string;
  readonly method: Part['method'];
  readonly crc: number;
  readonly bytes: number;
  readonly size: number;
  /** Of its local header. */
  readonly offset: number;
  /** Of its row in the table. */
  readonly length: number;
}

function parseEntry(directory: Buffer, at: number): Entry {
  if (at + 46 > directory.length || directory.toString('latin1', at, at + 4) !== 'PK\x01\x02') throw damaged();
  const nameBytes = directory.readUInt16LE(at + 28);
  const extraBytes = directory.readUInt16LE(at + 30);
  const length = 46 + nameBytes + extraBytes + directory.readUInt16LE(at + 32);
  if (at + length > directory.length) throw damaged();
  const name = directory.toString('utf8', at + 46, at + 46 + nameBytes);
  if (directory.readUInt16LE(at + 8) & 1) throw new Error(`its entry ${name} is encrypted`);
  const code = directory.readUInt16LE(at + 10);
  if (code !== 0 && code !== 8) throw new Error(`its entry ${name} is packed in another way than deflate`);

  // Sizes of 4 GB and more stand in the extra field, in this order, those that are needed.
  const wide = wideField(directory.subarray(at + 46 + nameBytes, at + 46 + nameBytes + extraBytes));
  let next = 0;
  const number = (from: number) => {
    const value = directory.readUInt32LE(at + from);
    if (value !== 0xffffffff || wide === undefined) return value;
    if (next + 8 > wide.length) throw damaged();
    next += 8;
    return Number(wide.readBigUInt64LE(next - 8));
  };
  const size = number(24);
  const bytes = number(20);
  const offset = number(42);
  const crc = directory.readUInt32LE(at + 16);
  return { name, method: code === 0 ? 'stored' : 'deflate', crc, bytes, size, offset, length };
}

/** The zip64 field among an entry's extra fields. */
function wideField(extra: Buffer): Buffer | undefined {
  for (let at = 0; at + 4 <= extra.length;) {
    const bytes = extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === 1) return extra.subarray(at + 4, at + 4 + bytes);
    at += 4 + bytes;
  }
  return undefined;
}

/** An entry's bytes follow its local header, whose length only the header itself tells. */
async function locate(file: FileHandle, path: string, entry: Entry, directory: number): Promise<Part> {
  const { name, method, bytes, size, crc } = entry;
  const header = await readAt(file, entry.offset, 30);
  if (header.toString('latin1', 0, 4) !== 'PK\x03\x04') throw damaged();
  const offset = entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (offset + bytes > directory) throw new Error(`its entry ${name} does not fit into it`);
  return { path, method, offset, bytes, size, crc, name: `${name} in ${path}` };
}

async function readAt(file: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  const { bytesRead } = await file.read(buffer, 0, bytes, offset);
  if (bytesRead !== bytes) throw new Error('it was cut short');
  return buffer;
}

const damaged = () => new Error('its table of contents is damaged');

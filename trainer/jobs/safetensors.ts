/**
 * The safetensors format (https://github.com/huggingface/safetensors): 8 bytes of header length, a JSON
 * header, then the tensors' bytes, little-endian. The reader trusts nothing that the file says.
 */
import { createHash } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as jsonc from 'jsonc-parser';
import type { DType, HostTensor, HostTensors } from '../engine/types';
import { describeDiskError, makeFolder } from './synced';

export interface WrittenFile {
  readonly bytes: number;
  readonly sha256: string;
}

const dtypes: Readonly<Record<string, DType>> = { F32: 'float32', I32: 'int32' };
const dtypeNames: Readonly<Record<DType, string>> = { float32: 'F32', int32: 'I32' };
/** The limit of the reference implementation. */
const MAX_HEADER = 100_000_000;

/** Writes tensors in the order of their names and syncs the file. The same tensors give the same bytes. */
export async function writeSafetensors(
  file: string,
  tensors: HostTensors,
  metadata: Readonly<Record<string, string>> = {},
): Promise<WrittenFile> {
  const names = Object.keys(tensors).sort();
  const entries: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) entries.push(['__metadata__', metadata]);
  let end = 0;
  for (const name of names) {
    const { dtype, shape, data } = tensors[name]!;
    const begin = end;
    end += data.byteLength;
    entries.push([name, { dtype: dtypeNames[dtype], shape, data_offsets: [begin, end] }]);
  }
  let header = JSON.stringify(Object.fromEntries(entries));
  header += ' '.repeat((8 - (Buffer.byteLength(header) % 8)) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));

  const hash = createHash('sha256');
  const handle = await open(file, 'w');
  try {
    let bytes = 0;
    const write = async (chunk: Uint8Array) => {
      hash.update(chunk);
      await handle.writeFile(chunk);
      bytes += chunk.byteLength;
    };
    await write(length);
    await write(Buffer.from(header));
    for (const name of names) {
      const { data } = tensors[name]!;
      await write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
    await handle.sync();
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    await handle.close();
  }
}

/** Writes a file that is there whole or not at all, and its folder if need be. */
export async function keepSafetensors(
  file: string,
  tensors: HostTensors,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const temporary = `${file}.writing`;
  try {
    await makeFolder(dirname(file));
    await writeSafetensors(temporary, tensors, metadata);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new Error(`Cannot write ${file}: ${describeDiskError(error)}`, { cause: error });
  }
}

export interface Safetensors {
  readonly tensors: HostTensors;
  readonly metadata: Readonly<Record<string, string>>;
  /** Of the whole file. */
  readonly sha256: string;
}

/** Reads and checks a file. Throws an error that names the file and what is wrong; allocates nothing that the file cannot fill. */
export async function readSafetensors(file: string): Promise<Safetensors> {
  const handle = await open(file, 'r');
  try {
    return await read(handle);
  } catch (error) {
    throw new Error(`${file} is not a usable safetensors file: ${(error as Error).message}`, { cause: error });
  } finally {
    await handle.close();
  }
}

async function read(handle: FileHandle): Promise<Safetensors> {
  const { size } = await handle.stat();
  if (size < 8) throw new Error(`it has ${size} bytes, too few for a header.`);
  const hash = createHash('sha256');
  let position = 0;
  const fill = async (target: Uint8Array) => {
    for (let done = 0; done < target.byteLength;) {
      const { bytesRead } = await handle.read(target, done, target.byteLength - done, position);
      if (bytesRead === 0) throw new Error('it ends too early; it was cut off.');
      done += bytesRead;
      position += bytesRead;
    }
    hash.update(target);
  };

  const length = Buffer.alloc(8);
  await fill(length);
  const headerBytes = length.readBigUInt64LE();
  if (headerBytes > BigInt(Math.min(size - 8, MAX_HEADER))) {
    throw new Error(`its header says it is ${headerBytes} bytes long, more than the file holds.`);
  }
  const header = Buffer.alloc(Number(headerBytes));
  await fill(header);
  const { entries, metadata } = parseHeader(header.toString('utf8'), size - position);

  const tensors: [string, HostTensor][] = [];
  for (const { name, dtype, shape, count } of entries) {
    const data = dtype === 'float32' ? new Float32Array(count) : new Int32Array(count);
    await fill(new Uint8Array(data.buffer));
    tensors.push([name, { dtype, shape, data }]);
  }
  return { tensors: Object.fromEntries(tensors), metadata, sha256: hash.digest('hex') };
}

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly count: number;
}

/** The tensors in the order of their bytes. They must fill the rest of the file with no hole and no overlap. */
function parseHeader(text: string, dataBytes: number): { entries: Entry[]; metadata: Record<string, string> } {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw new Error('its header is not JSON.');
  }
  if (!isObject(header)) throw new Error('its header is not an object.');
  refuseRepeatedNames(text);

  const metadata: Record<string, string> = {};
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') entries.push(parseEntry(name, value));
    else if (isObject(value) && Object.values(value).every((v) => typeof v === 'string'))
      Object.assign(metadata, value);
    else throw new Error('its __metadata__ is not a map of texts.');
  }
  entries.sort((a, b) => a.begin - b.begin || a.count - b.count);
  let end = 0;
  for (const { name, begin, count } of entries) {
    if (begin !== end) throw new Error(`the bytes of "${name}" begin at ${begin} instead of ${end}.`);
    end += count * 4;
  }
  if (end !== dataBytes) throw new Error(`its tensors take ${end} bytes, but ${dataBytes} follow the header.`);
  return { entries, metadata };
}

function parseEntry(name: string, value: unknown): Entry {
  const { dtype: dtypeName, shape, data_offsets: offsets } = isObject(value) ? value : {};
  const dtype = typeof dtypeName === 'string' && Object.hasOwn(dtypes, dtypeName) ? dtypes[dtypeName] : undefined;
  if (!dtype) throw new Error(`"${name}" has dtype ${JSON.stringify(dtypeName)}; only F32 and I32 can be read.`);
  if (!isCounts(shape) || shape.length > 8) throw new Error(`the shape of "${name}" is not a list of sizes.`);
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (!isCounts(offsets) || offsets.length !== 2) throw new Error(`the data_offsets of "${name}" are not two numbers.`);
  const [begin, end] = offsets as [number, number];
  if (!Number.isSafeInteger(count * 4) || end - begin !== count * 4) {
    throw new Error(`"${name}" of shape [${shape.join(', ')}] does not fit its data_offsets [${begin}, ${end}].`);
  }
  return { name, dtype, shape, begin, count };
}

/** `JSON.parse` lets the last of two equal names win; nobody can say which one was meant. */
function refuseRepeatedNames(text: string) {
  const seen = new Set<string>();
  let depth = 0;
  jsonc.visit(text, {
    onObjectBegin: () => {
      // The header nests two deep; more is refused before the parser recurses into it.
      if (++depth > 3) throw new Error('its header is nested too deeply.');
    },
    onObjectEnd: () => void depth--,
    onArrayBegin: () => {
      if (++depth > 3) throw new Error('its header is nested too deeply.');
    },
    onArrayEnd: () => void depth--,
    onObjectProperty: (name) => {
      if (depth === 1 && seen.has(name)) throw new Error(`"${name}" is in its header twice.`);
      if (depth === 1) seen.add(name);
    },
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && (n as number) >= 0);
}

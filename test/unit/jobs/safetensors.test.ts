import fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { HostTensors } from '../../../trainer/engine/types';
import { readSafetensors, writeSafetensors } from '../../../trainer/jobs/safetensors';

const folder = mkdtempSync(join(tmpdir(), 'tessera-safetensors-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'x.safetensors');

/** A file with any header and any bytes after it. */
function forge(header: unknown, data = Buffer.alloc(0), length?: bigint): void {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(text.length));
  writeFileSync(file, Buffer.concat([prefix, text, data]));
}
const f32 = (shape: number[], data_offsets: number[]) => ({ dtype: 'F32', shape, data_offsets });

const tensors: HostTensors = {
  b: { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, NaN, Infinity) },
  a: { dtype: 'int32', shape: [2], data: Int32Array.of(7, -8) },
  scalar: { dtype: 'float32', shape: [], data: Float32Array.of(0.1) },
  none: { dtype: 'float32', shape: [0, 4], data: new Float32Array(0) },
};

describe('what is written can be read', () => {
  it('names, shapes, types, values and metadata come back', async () => {
    const written = await writeSafetensors(file, tensors, { step: '5' });
    const read = await readSafetensors(file);
    expect(read.tensors).toEqual(tensors);
    expect(read.metadata).toEqual({ step: '5' });
    expect(read.sha256).toBe(written.sha256);
    expect((await readFile(file)).length).toBe(written.bytes);
  });

  it('the same tensors give the same bytes, whatever their order', async () => {
    const { sha256 } = await writeSafetensors(file, tensors);
    const reversed = Object.fromEntries(Object.entries(tensors).reverse());
    expect((await writeSafetensors(file, reversed)).sha256).toBe(sha256);
  });

  it('the header is what the format asks for: aligned to 8 bytes, offsets from its end', async () => {
    await writeSafetensors(file, tensors);
    const bytes = await readFile(file);
    const length = Number(bytes.readBigUInt64LE());
    expect(length % 8).toBe(0);
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<string, unknown>;
    expect(header.a).toEqual({ dtype: 'I32', shape: [2], data_offsets: [0, 8] });
    expect(header.b).toEqual({ dtype: 'F32', shape: [2, 3], data_offsets: [8, 32] });
  });

  it('names that mean something to JavaScript are names like any other', async () => {
    const odd = JSON.parse('{"__proto__": 0, "constructor": 0, "toString": 0}') as Record<string, unknown>;
    const given = Object.fromEntries(Object.keys(odd).map((name) => [name, tensors.a!]));
    await writeSafetensors(file, given);
    expect(Object.keys((await readSafetensors(file)).tensors).sort()).toEqual(['__proto__', 'constructor', 'toString']);
  });
});

describe('a file that lies is refused by name', () => {
  it.each<[string, () => void, RegExp]>([
    ['no header', () => writeFileSync(file, Buffer.alloc(7)), /7 bytes, too few/],
    ['a header longer than the file', () => forge({}, undefined, 2n ** 63n), /9223372036854775808 bytes long/],
    ['a header one byte too long', () => forge('{}', undefined, 3n), /3 bytes long/],
    ['a header that is no JSON', () => forge('{"a": '), /not JSON/],
    ['a header that is a list', () => forge([]), /not an object/],
    ['deep nesting', () => forge(`${'['.repeat(5000)}${']'.repeat(5000)}`), /not an object|nested too deeply/],
    ['a deep value', () => forge(`{"a": ${'['.repeat(5000)}${']'.repeat(5000)}}`), /nested too deeply/],
    [
      'a name twice',
      () =>
        forge(`{"a": ${JSON.stringify(f32([1], [0, 4]))}, "a": ${JSON.stringify(f32([1], [0, 4]))}}`, Buffer.alloc(4)),
      /"a" is in its header twice/,
    ],
    [
      'a type that is not known',
      () => forge({ a: { dtype: 'F64', shape: [1], data_offsets: [0, 8] } }, Buffer.alloc(8)),
      /dtype "F64"/,
    ],
    [
      'a type by a borrowed name',
      () => forge({ a: { dtype: 'toString', shape: [], data_offsets: [0, 4] } }, Buffer.alloc(4)),
      /dtype "toString"/,
    ],
    ['a negative size', () => forge({ a: f32([-1], [0, 4]) }, Buffer.alloc(4)), /shape of "a"/],
    ['a fraction of a size', () => forge({ a: f32([0.5], [0, 2]) }, Buffer.alloc(2)), /shape of "a"/],
    [
      'a shape whose product overflows',
      () => forge({ a: f32([2 ** 40, 2 ** 40], [0, 4]) }, Buffer.alloc(4)),
      /does not fit/,
    ],
    ['offsets the wrong way round', () => forge({ a: f32([1], [4, 0]) }, Buffer.alloc(4)), /does not fit/],
    [
      'offsets past the end',
      () => forge({ a: f32([2 ** 30], [0, 2 ** 32]) }, Buffer.alloc(4)),
      /take 4294967296 bytes, but 4/,
    ],
    [
      'tensors that overlap',
      () => forge({ a: f32([2], [0, 8]), b: f32([1], [4, 8]) }, Buffer.alloc(8)),
      /begin at 4 instead of 8/,
    ],
    [
      'a hole between tensors',
      () => forge({ a: f32([1], [0, 4]), b: f32([1], [8, 12]) }, Buffer.alloc(12)),
      /begin at 8 instead of 4/,
    ],
    ['bytes that nobody owns', () => forge({ a: f32([1], [0, 4]) }, Buffer.alloc(5)), /take 4 bytes, but 5/],
    ['metadata that is none', () => forge({ __metadata__: { a: 1 } }), /__metadata__/],
    ['an entry that is none', () => forge({ a: null }), /dtype undefined/],
  ])('%s', async (_, write, message) => {
    write();
    const refusal = await readSafetensors(file).catch((error: Error) => error.message);
    expect(refusal).toContain(file);
    expect(refusal).toMatch(message);
  });

  it('cut off at any byte, or with any byte changed in its header, it is refused or read without harm', async () => {
    await writeSafetensors(file, tensors, { step: '5' });
    const whole = await readFile(file);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), async (at, value, cut) => {
        const bytes = cut ? whole.subarray(0, at) : Buffer.from(whole);
        if (!cut) bytes[at] = value;
        writeFileSync(file, bytes);
        if (cut) await expect(readSafetensors(file)).rejects.toThrow(file);
        else await readSafetensors(file).catch((error: Error) => expect(error.message).toContain(file));
      }),
      { numRuns: 200 },
    );
  });

  it('any bytes at all give an error that names the file, and no other harm', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.json(), async (data, header) => {
        forge(header, Buffer.from(data));
        await readSafetensors(file).catch((error: Error) => expect(error.message).toContain(file));
      }),
      { numRuns: 200 },
    );
  });
});

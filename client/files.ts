/** Reading small JSON files that others may have made. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type * as z from 'zod';

/** A file of a run directory that cannot be used; the message names the file and what is wrong with it. */
export class RunFileError extends Error {
  constructor(
    readonly file: string,
    problem: string,
  ) {
    super(`${file}: ${problem}`);
    this.name = 'RunFileError';
  }
}

const MAX_BYTES = 16 * 1024 * 1024;

/** Reads and checks a JSON file. Throws `RunFileError`; `ENOENT` gives undefined. */
export async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  let text: string;
  try {
    text = await readBounded(file);
  } catch (error) {
    if (error instanceof RunFileError) throw error;
    if (['ENOENT', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code))) return undefined;
    throw new RunFileError(file, (error as Error).message);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RunFileError(file, 'is not valid JSON');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const field = issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  throw new RunFileError(file, `${field}${issue.message}`);
}

async function readBounded(file: string): Promise<string> {
  const handle = await openRegular(file);
  try {
    const stat = await handle.stat();
    if (stat.size > MAX_BYTES) throw new RunFileError(file, `is larger than ${MAX_BYTES} bytes`);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/**
 * Opens a file for reading. Throws when it is a folder, a device, which may have no end, or a pipe, at which opening
 * alone would wait for ever: a run directory that others packed may link to any of them.
 */
export async function openRegular(file: string): Promise<FileHandle> {
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new RunFileError(file, 'is not a file');
}

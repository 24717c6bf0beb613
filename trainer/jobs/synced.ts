/** Files that are on the disk when the call returns, and words for a disk that refuses. */
import { mkdir, open, rename, rm } from 'node:fs/promises';

export async function writeFileSynced(file: string, content: string | Uint8Array): Promise<void> {
  const handle = await open(file, 'w');
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a file whole: a reader sees the old content or the new. */
export async function replaceFile(file: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${file}.writing`;
  try {
    await writeFileSynced(temporary, content);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new Error(`Cannot write ${file}: ${describeDiskError(error)}`, { cause: error });
  }
}

/** A folder in a run directory, which must be there: one that somebody deleted stays deleted. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

const diskErrors: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full. Free some space, then resume.',
  EDQUOT: 'your disk quota is used up. Free some space, then resume.',
  EROFS: 'the disk is read-only.',
  EACCES: 'you may not write there. Check the permissions of the folder.',
  EPERM: 'you may not write there. Check the permissions of the folder.',
  EFBIG: 'the file would be larger than this process may write (ulimit -f).',
};

export function describeDiskError(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code && diskErrors[code]) ?? message;
}

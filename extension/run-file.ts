/** Opening a file that a journal names: only inside the run directory, only what it says it is. */
import { realpath } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { openRegular } from '../client/files';

/** A map of 2,000 points takes 100 KB; this is for files that are no map at all. */
const MAX_BYTES = 32 * 1024 * 1024;

/** Reads a JSON file of a run. Throws when `file` leaves the directory, also by a link, or is not JSON. */
export async function readRunJson(directory: string, file: string): Promise<unknown> {
  if (isAbsolute(file) || file.split(/[/\\]/).includes('..')) throw new Error(`${file} is outside the run directory.`);
  const [root, path] = await Promise.all([realpath(directory), realpath(join(directory, file))]);
  const inside = relative(root, path);
  if (isAbsolute(inside) || inside === '..' || inside.startsWith(`..${sep}`)) {
    throw new Error(`${file} leads out of the run directory.`);
  }
  const handle = await openRegular(path);
  try {
    const stat = await handle.stat();
    if (stat.size > MAX_BYTES) throw new Error(`${file} is larger than ${MAX_BYTES} bytes.`);
    return JSON.parse(await handle.readFile('utf8')) as unknown;
  } finally {
    await handle.close();
  }
}

/** Where trainers listen: a socket in a folder that only its owner may enter, or a named pipe. */
import { randomBytes } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The longest address of a local socket on macOS; Linux has a little more. */
const MAX_PATH = 103;
const STALE_MS = 60_000;

export function newSocketPath(): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\tessera-${randomBytes(16).toString('hex')}`;
  const name = `${randomBytes(6).toString('hex')}.sock`;
  for (const folder of [tmpdir(), '/tmp']) {
    const path = join(folder, `tessera-${process.getuid!()}`, name);
    if (Buffer.byteLength(path) > MAX_PATH) continue;
    if (isPrivate(join(path, '..'))) return path;
    // Somebody else took the name; a folder with a name of its own cannot be taken.
    const own = join(mkdtempSync(join(folder, 'tessera-')), name);
    if (Buffer.byteLength(own) <= MAX_PATH) return own;
  }
  throw new Error(
    `The path of the temporary folder is too long for a socket: ${tmpdir()}. Set TMPDIR to a shorter one.`,
  );
}

/** Makes the folder if need be. False when it is not ours alone. */
function isPrivate(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
  }
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== process.getuid!()) return false;
  if ((stat.mode & 0o077) !== 0) chmodSync(folder, 0o700);
  return true;
}

/** Removes the sockets that dead trainers left beside ours. */
export async function removeStaleSockets(ours: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = join(ours, '..');
  const others = readdirSync(folder).filter((name) => name.endsWith('.sock'));
  await Promise.all(
    others.map(async (name) => {
      const path = join(folder, name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      // A young socket may belong to a trainer that is just about to listen.
      if (path === ours || !stat?.isSocket() || Date.now() - stat.mtimeMs < STALE_MS) return;
      if (await refuses(path)) rmSync(path, { force: true });
    }),
  );
}

function refuses(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}

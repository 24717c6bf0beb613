/**
 * Owning a directory: at most one live process at a time, whatever crashes when.
 *
 * The owner is the end of a chain that begins at `owner.json`: where an owner died, its successor is the one
 * process that managed to create `owner-after-<token of the dead>.json`, which the file system lets only one
 * do. The successor then moves its file over `owner.json`. A latecomer that still believed in the dead owner
 * finds, after creating its file, that the chain no longer leads to it, and steps back.
 */
import { randomBytes } from 'node:crypto';
import { constants, copyFile, link, readdir, rename, rm, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Owner } from '../../protocol/control';
import { HEARTBEAT_MS, ownerAlive, ownerPath, processBirth } from '../../client/index';
import { readJson } from '../../client/files';
import { ownerSchema } from '../../client/schema';
import { describeDiskError } from './synced';

export interface Ownership {
  readonly owner: Owner;
  /** Gives the directory up, at its present place. */
  release(directory: string): Promise<void>;
}

/** Somebody alive owns the directory. */
export class OwnedError extends Error {
  constructor(
    readonly directory: string,
    readonly owner: Owner,
  ) {
    const where = owner.host === hostname() ? '' : ` on ${owner.host}`;
    super(`${directory} is in use by process ${owner.pid}${where}.`);
    this.name = 'OwnedError';
  }
}

export const newToken = () => randomBytes(16).toString('hex');

/** This process as an owner that listens on `socket`. */
export function selfAsOwner(socket: string, token: string): Owner {
  const startedAt = Math.round(Date.now() - process.uptime() * 1000);
  return { pid: process.pid, startedAt, host: hostname(), birth: processBirth(process.pid), socket, token };
}

/** Takes charge of a directory. Throws `OwnedError` when a live process has it. */
export async function claim(directory: string, owner: Owner): Promise<Ownership> {
  const signed = join(directory, `.owner-${owner.token}.json`);
  try {
    await writeFile(signed, JSON.stringify(owner), { mode: 0o600, flag: 'wx' }).catch((error: unknown) => {
      throw new Error(`Cannot write in ${directory}: ${describeDiskError(error)}`, { cause: error });
    });
    while (!(await tryClaim(directory, owner, signed)));
  } finally {
    await rm(signed, { force: true });
  }
  await tidy(directory);
  return {
    owner,
    release: async (directory) => {
      const end = (await chain(directory)).at(-1);
      if (end?.owner.token === owner.token) await rm(end.file, { force: true });
    },
  };
}

/**
 * Touches `owner.json` now and then, for readers on other machines, and tells when there is none to touch: somebody
 * deleted or moved the directory. Returns what ends it.
 */
export function heartbeat(directory: string, onGone: () => void): () => void {
  const timer = setInterval(() => {
    const now = new Date();
    // A shared disk may be away for a while; the next beat tries again.
    utimes(ownerPath(directory), now, now).catch(({ code }: NodeJS.ErrnoException) => {
      if (code === 'ENOENT') onGone();
    });
  }, HEARTBEAT_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Whether the directory is now ours; false when others moved meanwhile and it must be looked at anew. */
async function tryClaim(directory: string, owner: Owner, signed: string): Promise<boolean> {
  const end = (await chain(directory)).at(-1);
  if (end && (await ownerAlive(end.owner, end.file))) throw new OwnedError(directory, end.owner);
  const place = end ? successorPath(directory, end.owner) : ownerPath(directory);
  if (!(await createExclusively(signed, place))) return false;
  if ((await chain(directory)).at(-1)?.owner.token !== owner.token) {
    await rm(place, { force: true });
    return false;
  }
  if (end) await rename(place, ownerPath(directory));
  return true;
}

const successorPath = (directory: string, { token }: Owner) => join(directory, `owner-after-${token}.json`);

async function chain(directory: string): Promise<{ owner: Owner; file: string }[]> {
  const owners: { owner: Owner; file: string }[] = [];
  for (let file = ownerPath(directory); ; file = successorPath(directory, owners.at(-1)!.owner)) {
    const owner = await readSigned(file);
    if (!owner || owners.some((o) => o.owner.token === owner.token)) return owners;
    owners.push({ owner, file });
  }
}

/** A file that nobody can have signed, damaged or made up, is moved out of the way. */
async function readSigned(file: string): Promise<Owner | undefined> {
  try {
    const owner = await readJson(file, ownerSchema);
    // The token becomes part of a file name.
    if (owner && !/^[0-9a-f]+$/.test(owner.token)) throw new Error('not a token');
    return owner;
  } catch {
    await rename(file, `${file}.unreadable-${newToken()}`).catch(() => {});
    return undefined;
  }
}

async function createExclusively(signed: string, place: string): Promise<boolean> {
  try {
    // A link appears with its content, or not at all.
    await link(signed, place).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') throw error;
      // Some file systems (exFAT) have no links.
      await copyFile(signed, place, constants.COPYFILE_EXCL);
    });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new Error(`Cannot create ${place}: ${(error as Error).message}`, { cause: error });
  }
}

/** Removes what earlier owners left behind by dying at the wrong moment. */
async function tidy(directory: string): Promise<void> {
  const left = (await readdir(directory)).filter((name) => name.startsWith('owner-after-'));
  await Promise.all(left.map((name) => unlink(join(directory, name)).catch(() => {})));
}

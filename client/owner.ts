/** Which process writes a run directory, and whether it still lives. */
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import type { Owner } from '../protocol/control';
import { readJson } from './files';
import { ownerPath } from './paths';
import { ownerSchema } from './schema';

/** How often an owner touches `owner.json`, so that other machines that share the folder can see it live. */
export const HEARTBEAT_MS = 20_000;
const SILENCE_MS = 6 * HEARTBEAT_MS;

/** The owner of a run directory, if one has signed. An unreadable `owner.json` is nobody's. */
export async function readOwner(directory: string): Promise<Owner | undefined> {
  return await readJson(ownerPath(directory), ownerSchema).catch(() => undefined);
}

/** The live owner of a run directory. */
export async function liveOwner(directory: string): Promise<Owner | undefined> {
  const owner = await readOwner(directory);
  return owner && (await ownerAlive(owner, ownerPath(directory))) ? owner : undefined;
}

/**
 * Whether the process that signed is still that process. A process number alone is not enough,
 * since numbers are used again: Linux tells when the process was born; elsewhere the socket, which
 * no dead process answers on, decides. An owner on another machine lives while it touches its file.
 */
export async function ownerAlive(owner: Owner, file: string): Promise<boolean> {
  if (owner.host !== hostname()) {
    const touched = await stat(file).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    );
    return Date.now() - touched < SILENCE_MS;
  }
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  if (owner.birth) return owner.birth === processBirth(owner.pid);
  return await answers(owner.socket);
}

/** When a process began, as Linux tells it (boot and clock ticks); undefined elsewhere, and for the dead. */
export function processBirth(pid: number): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command, in brackets, may hold spaces and brackets; state is field 3, start time field 22.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${boot}/${fields[19]}`;
  } catch {
    return undefined;
  }
}

function answers(socket: string): Promise<boolean> {
  if (!isOurSocket(socket)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const probe = connect(socket);
    const done = (alive: boolean) => {
      probe.destroy();
      resolve(alive);
    };
    probe.once('connect', () => done(true)).once('error', () => done(false));
  });
}

/** A crafted `owner.json` must not make a reader talk to any other socket or machine. */
export function isOurSocket(socket: string): boolean {
  return process.platform === 'win32'
    ? /^\\\\\.\\pipe\\tessera-[0-9a-f]+$/.test(socket)
    : /^\/.*\/tessera-[^/]+\/[0-9a-f]+\.sock$/.test(socket) && !socket.includes('/../');
}

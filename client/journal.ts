/** Reading `events.jsonl`: whole lines only, from any place on, tolerant of a torn or foreign line. */
import type { RunEvent } from '../protocol/events';
import { applyEvent, emptyRun, type Run } from '../protocol/run';
import { openRegular, RunFileError } from './files';
import { readManifest } from './manifest';
import { journalPath } from './paths';
import { eventSchema } from './schema';

export interface Journal {
  readonly events: readonly RunEvent[];
  /** Bytes up to the end of the last whole line: where the next reading goes on. */
  readonly offset: number;
  /** Lines that are not events, skipped: "events.jsonl, byte 120: ...". */
  readonly problems: readonly string[];
}

const CHUNK = 1 << 20;
/** No event is near as long; without a limit one line could take all memory. */
const MAX_LINE = 16 << 20;
const NEWLINE = 0x0a;

/**
 * Reads the events from byte `from` on. A last line without its newline is being written, or was
 * torn by a crash: it is left for the next reading. A missing file is an empty journal.
 */
export async function readJournal(directory: string, from = 0): Promise<Journal> {
  const file = journalPath(directory);
  const events: RunEvent[] = [];
  const problems: string[] = [];
  const handle = await openRegular(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error instanceof RunFileError ? error : new RunFileError(file, error.message);
  });
  if (!handle) return { events, offset: from, problems };

  let offset = from;
  try {
    // Resuming cuts a torn line off, never a whole one; a shorter file is another journal.
    if ((await handle.stat()).size < from) return await readJournal(directory, 0);
    const buffer = Buffer.alloc(CHUNK);
    let pending = Buffer.alloc(0);
    // Of a line that is too long, the bytes that were let go.
    let dropped = 0;
    for (let position = from; ;) {
      const { bytesRead } = await handle.read(buffer, 0, CHUNK, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      pending = Buffer.concat([pending, buffer.subarray(0, bytesRead)]);
      const end = pending.lastIndexOf(NEWLINE) + 1;
      for (let start = 0; start < end;) {
        const next = pending.indexOf(NEWLINE, start) + 1;
        const event =
          dropped > 0 ? `longer than ${MAX_LINE} bytes` : parseEvent(pending.toString('utf8', start, next - 1));
        if (typeof event !== 'string') events.push(event);
        else problems.push(`${file}, byte ${offset}: ${event}`);
        offset += dropped + next - start;
        dropped = 0;
        start = next;
      }
      pending = pending.subarray(end);
      if (dropped + pending.length > MAX_LINE) {
        dropped += pending.length;
        pending = Buffer.alloc(0);
      }
    }
  } catch (error) {
    throw error instanceof RunFileError ? error : new RunFileError(file, (error as Error).message);
  } finally {
    await handle.close();
  }
  return { events, offset, problems };
}

/** One line as an event, or what is wrong with it. */
export function parseEvent(line: string): RunEvent | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'not JSON';
  }
  return checkEvent(value);
}

export function checkEvent(value: unknown): RunEvent | string {
  const parsed = eventSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  return `${issue.path.join('.') || 'event'}: ${issue.message}`;
}

/** A run as its journal tells it. Throws `RunFileError` when the manifest or the journal cannot be read. */
export async function readRun(directory: string): Promise<Run & { readonly problems: readonly string[] }> {
  const [manifest, journal] = await Promise.all([readManifest(directory), readJournal(directory)]);
  return { ...journal.events.reduce(applyEvent, emptyRun(manifest)), problems: journal.problems };
}

/** Writing `events.jsonl`, the truth of a run: one event a line, appended before anyone is told. */
import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, statSync, writeSync } from 'node:fs';
import type { EventBody, RunEvent } from '../../protocol/events';
import { applyEvent, emptyRun, type Run } from '../../protocol/run';
import { journalPath, readJournal, readManifest } from '../../client/index';

export interface JournalWriter {
  /** The run as the journal tells it, this process's events included. */
  readonly run: () => Run;
  /**
   * Appends one event. Throws when the file system will not take it, then nothing of it is in the file, and when
   * the run directory was deleted or moved.
   */
  readonly append: (body: EventBody) => RunEvent;
  readonly close: () => void;
}

/** What must survive a power cut at once; rows of metrics wait for the next of these. */
const syncedTypes: ReadonlySet<EventBody['type']> = new Set(['launched', 'status', 'checkpoint', 'evaluation']);

/** Opens the journal of a run directory that this process owns, and cuts off what a crash left half written. */
export async function openJournal(directory: string): Promise<JournalWriter> {
  const file = journalPath(directory);
  const { events, offset } = await readJournal(directory);
  let run = events.reduce(applyEvent, emptyRun(await readManifest(directory)));
  const fd = openSync(file, 'a');
  ftruncateSync(fd, offset);

  function append(body: EventBody): RunEvent {
    const event: RunEvent = { ...body, seq: run.seq + 1, time: Date.now() };
    const line = Buffer.from(`${JSON.stringify(event)}\n`);
    const { size: before, ino } = fstatSync(fd);
    // An open file outlives its name: without this look a deleted run would train on to its end.
    if (statSync(file, { throwIfNoEntry: false })?.ino !== ino) {
      throw new Error(`${directory} was deleted or moved while it was at work, so the work ends here.`);
    }
    try {
      for (let written = 0; written < line.length;) written += writeSync(fd, line, written);
      if (syncedTypes.has(body.type)) fdatasyncSync(fd);
    } catch (error) {
      ftruncateSync(fd, before);
      throw new Error(`Cannot write ${file}: ${(error as Error).message}`, { cause: error });
    }
    run = applyEvent(run, event);
    return event;
  }
  return { run: () => run, append, close: () => closeSync(fd) };
}

/**
 * A run as it is now and as it goes on: its journal replayed, then the live trainer's events, with
 * no gap and no event twice. Survives the trainer's death and takes up the next one.
 */
import { watch, type FSWatcher } from 'node:fs';
import { basename } from 'node:path';
import type { ControlRequests } from '../protocol/control';
import type { RunEvent } from '../protocol/events';
import type { LiveStatus } from '../protocol/messages';
import { applyEvent, emptyRun, type Run } from '../protocol/run';
import { connect, type Connection } from './connection';
import { readJournal } from './journal';
import { readManifest } from './manifest';
import { liveOwner } from './owner';
import { ownerPath } from './paths';
import { liveStatus } from './status';

export interface FeedUpdate {
  readonly run: Run;
  /** What happened since the last update, in order; all of the journal in the first one. */
  readonly events: readonly RunEvent[];
  readonly liveStatus: LiveStatus;
  /** A process owns the run, be it to train or to evaluate. */
  readonly alive: boolean;
}

export interface Feed {
  readonly directory: string;
  /** The newest state; the same object until something happens. */
  current(): FeedUpdate;
  /** Asks the live trainer, waiting for the connection if it is being made. Throws when there is none. */
  request<Name extends keyof ControlRequests>(
    name: Name,
    params: ControlRequests[Name]['params'],
  ): Promise<ControlRequests[Name]['result']>;
  /** Looks again for new events and a new owner; needed only where the file system cannot be watched. */
  refresh(): Promise<void>;
  dispose(): void;
}

export interface FollowOptions {
  /** The run directory is gone or has become unreadable. The feed has ended. */
  readonly onLost?: (message: string) => void;
  /** Updates come at most this often, in milliseconds. */
  readonly coalesce?: number;
}

const RETRY_MS = 500;

/**
 * Resolves when the journal has been replayed, which is the first `onUpdate`; if a trainer is alive its events
 * follow. Throws `RunFileError` when the directory is not a readable run.
 */
export async function followRun(
  directory: string,
  onUpdate: (update: FeedUpdate) => void,
  { onLost, coalesce = 50 }: FollowOptions = {},
): Promise<Feed> {
  let run = emptyRun(await readManifest(directory));
  let offset = 0;
  let alive = false;
  let connection: Connection | undefined;
  let disposed = false;
  let fresh: RunEvent[] = [];
  let shown: FeedUpdate = { run, events: [], liveStatus: liveStatus(run, false), alive };
  let flushTimer: NodeJS.Timeout | undefined;
  let retryTimer: NodeJS.Timeout | undefined;
  let ready = false;

  const apply = (event: RunEvent) => {
    if (event.seq <= run.seq) return;
    run = applyEvent(run, event);
    fresh.push(event);
  };

  const flush = () => {
    flushTimer = undefined;
    if (disposed || (fresh.length === 0 && shown.alive === alive)) return;
    shown = { run, events: fresh, liveStatus: liveStatus(run, alive), alive };
    fresh = [];
    onUpdate(shown);
  };
  const changed = () => {
    if (ready) flushTimer ??= setTimeout(flush, coalesce);
  };

  const readTail = async () => {
    const journal = await readJournal(directory, offset);
    offset = journal.offset;
    journal.events.forEach(apply);
    changed();
  };

  // All reading of files and connecting is done one after the other.
  let queue: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>) => {
    queue = queue.then(() => (disposed ? undefined : work())).catch(lost);
    return queue;
  };
  const lost = (error: unknown) => {
    if (disposed) return;
    dispose();
    onLost?.((error as Error).message);
  };

  /** The journal has every event before the socket sends it, so a gap in what came live is in the file. */
  const live = (event: RunEvent) => {
    if (event.seq > run.seq + 1) void inTurn(readTail);
    else {
      apply(event);
      changed();
    }
  };

  const attach = async () => {
    clearTimeout(retryTimer);
    if (connection) return;
    const owner = await liveOwner(directory);
    if (owner) {
      try {
        const opened = await connect(directory);
        if (disposed) return opened.dispose();
        connection = opened;
        opened.onEvent(live);
        opened.onClose(() => {
          if (connection !== opened) return;
          connection = undefined;
          if (!disposed) void inTurn(attach);
        });
        await opened.request('subscribe', null);
      } catch {
        // Alive, yet silent: it is about to listen, about to end, or stopped. Look again.
        retryTimer = setTimeout(() => void inTurn(attach), RETRY_MS);
      }
    } else {
      await readManifest(directory);
    }
    alive = owner !== undefined;
    await readTail();
    changed();
  };

  let watcher: FSWatcher | undefined;
  const dispose = () => {
    disposed = true;
    clearTimeout(flushTimer);
    clearTimeout(retryTimer);
    watcher?.close();
    connection?.dispose();
  };

  try {
    // A new owner signs in the directory; between owners nothing else changes there.
    watcher = watch(directory, { persistent: false }, (_, name) => {
      if (!connection && (name === null || name === basename(ownerPath(directory)))) void inTurn(attach);
    });
    watcher.on('error', () => watcher?.close());
  } catch {
    // Not every file system can be watched; `refresh` remains.
  }
  // What is in the journal is shown at once; a trainer in a long step may take a while to say hello.
  alive = (await liveOwner(directory)) !== undefined;
  await readTail();
  shown = { run, events: fresh, liveStatus: liveStatus(run, alive), alive };
  fresh = [];
  ready = true;
  onUpdate(shown);
  void inTurn(attach);

  return {
    directory,
    current: () => shown,
    request: async (name, params) => {
      await queue;
      if (!connection) throw new Error(`No trainer is at work on ${run.manifest.runId}.`);
      return await connection.request(name, params);
    },
    refresh: () => inTurn(connection ? readTail : attach),
    dispose,
  };
}

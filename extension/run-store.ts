/**
 * Everything the extension knows of experiments and their runs, and the one emitter that tells of
 * changes. Trees, hints and panels read from here. Knows nothing of VS Code.
 */
import { resolve } from 'node:path';
import type { Connection, Feed, FeedUpdate } from '../client';
import type { RunEvent } from '../protocol/events';
import type { LiveStatus } from '../protocol/messages';
import type { Run } from '../protocol/run';

export interface TrackedRun {
  readonly directory: string;
  /** Absolute path of the config file that the run was started from, whether it still exists or not. */
  readonly configFile: string;
  readonly run: Run;
  readonly liveStatus: LiveStatus;
  readonly alive: boolean;
}

export type StoreChange =
  /** An experiment or a run came or went. */
  | { readonly kind: 'structure' }
  | {
      readonly kind: 'run';
      readonly tracked: TrackedRun;
      readonly events: readonly RunEvent[];
      /** The status or the process changed, not only the numbers. */
      readonly turned: boolean;
    }
  | { readonly kind: 'lost'; readonly directory: string; readonly message: string };

export interface Disposable {
  dispose(): void;
}

export interface RunStore extends Disposable {
  /** Config files that exist. */
  readonly experiments: ReadonlySet<string>;
  /** By run directory. */
  readonly runs: ReadonlyMap<string, TrackedRun>;
  /** Folders that look like runs and cannot be read, and why. */
  readonly broken: ReadonlyMap<string, string>;
  onDidChange(listener: (change: StoreChange) => void): Disposable;
  addExperiment(configFile: string): void;
  removeExperiment(configFile: string): void;
  /** Follows a run directory from now on; resolves when it has been read. Never throws: see `broken`. */
  addRun(directory: string): Promise<TrackedRun | undefined>;
  removeRun(directory: string): void;
  /** Runs of a config file, newest first. */
  runsOf(configFile: string): TrackedRun[];
  /** Asks the live trainer of a run. Throws when there is none. */
  request: (directory: string, ...args: Parameters<Connection['request']>) => Promise<unknown>;
  /** Looks again at every run: for file systems that cannot be watched. */
  refresh(): Promise<void>;
}

/** Journals read at the same time; more only fights over the disk. */
const PARALLEL_READS = 8;

export function createRunStore(warn: (message: string) => void): RunStore {
  const experiments = new Set<string>();
  const runs = new Map<string, TrackedRun>();
  const broken = new Map<string, string>();
  const feeds = new Map<string, Promise<Feed | undefined>>();
  const listeners = new Set<(change: StoreChange) => void>();
  const inTurn = limiter(PARALLEL_READS);
  let disposed = false;

  const tell = (change: StoreChange) => {
    for (const listener of listeners) {
      // One view that fails must not keep the others from the news.
      try {
        listener(change);
      } catch (error) {
        warn(`A view could not take an update: ${String(error)}`);
      }
    }
  };

  const update = (directory: string, { run, events, liveStatus, alive }: FeedUpdate) => {
    const known = runs.get(directory);
    const configFile = known?.configFile ?? resolve(directory, '../../..', run.manifest.configFile);
    const tracked: TrackedRun = { directory, configFile, run, liveStatus, alive };
    runs.set(directory, tracked);
    if (!known) tell({ kind: 'structure' });
    tell({ kind: 'run', tracked, events, turned: known?.liveStatus !== liveStatus || known.alive !== alive });
  };

  const lose = (directory: string, message: string) => {
    feeds.delete(directory);
    runs.delete(directory);
    tell({ kind: 'lost', directory, message });
    tell({ kind: 'structure' });
  };

  const follow = async (directory: string): Promise<Feed | undefined> => {
    // The reader brings a JSON-RPC library and schemas, which nobody needs before there is a run.
    const { followRun } = await import('../client');
    if (disposed || !feeds.has(directory)) return undefined;
    try {
      return await followRun(directory, (now) => feeds.has(directory) && update(directory, now), {
        onLost: (message) => lose(directory, message),
      });
    } catch (error) {
      const { message } = error as Error;
      warn(`Not a readable run: ${message}`);
      feeds.delete(directory);
      broken.set(directory, message);
      tell({ kind: 'structure' });
      return undefined;
    }
  };

  const store: RunStore = {
    experiments,
    runs,
    broken,
    onDidChange(listener) {
      listeners.add(listener);
      return { dispose: () => listeners.delete(listener) };
    },
    addExperiment(configFile) {
      if (experiments.has(configFile)) return;
      experiments.add(configFile);
      tell({ kind: 'structure' });
    },
    removeExperiment(configFile) {
      if (experiments.delete(configFile)) tell({ kind: 'structure' });
    },
    async addRun(directory) {
      broken.delete(directory);
      if (!feeds.has(directory)) {
        // Registered before it starts, so that a removal in between is seen.
        let start = () => {};
        const begun = new Promise<void>((go) => (start = go));
        const feed = begun.then(() => inTurn(() => follow(directory)));
        feeds.set(directory, feed);
        start();
        void feed.then((opened) => {
          if (opened && (disposed || feeds.get(directory) !== feed)) opened.dispose();
        });
      }
      await feeds.get(directory);
      return runs.get(directory);
    },
    removeRun(directory) {
      void feeds.get(directory)?.then((feed) => feed?.dispose());
      const known = feeds.delete(directory) || broken.has(directory);
      broken.delete(directory);
      if (known) lose(directory, 'The run was removed.');
    },
    runsOf: (configFile) =>
      [...runs.values()]
        .filter((tracked) => tracked.configFile === configFile)
        .sort((a, b) => b.run.manifest.createdAt - a.run.manifest.createdAt),
    async request(directory, ...args) {
      const feed = await feeds.get(directory);
      if (!feed) throw new Error(`${directory} is not a run that can be read.`);
      // A trainer that has just come may not have been met yet.
      await feed.refresh();
      return await feed.request(...args);
    },
    async refresh() {
      const all = await Promise.all(feeds.values());
      await Promise.all(all.flatMap((feed) => (feed ? [feed.refresh()] : [])));
    },
    dispose() {
      disposed = true;
      for (const feed of feeds.values()) void feed.then((opened) => opened?.dispose());
      feeds.clear();
      listeners.clear();
    },
  };
  return store;
}

/** Runs at most `count` pieces of work at a time. */
function limiter(count: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = count;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((go) => waiting.push(go));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}

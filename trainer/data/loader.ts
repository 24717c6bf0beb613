/**
 * Batches of random views for training, drawn by threads ahead of time. The order is a seeded permutation per epoch,
 * the last incomplete batch dropped; every draw is a pure function of (seed, epoch, index of the image, name of the
 * view), so batches are the same whatever the number of threads and from any step on.
 */
import { availableParallelism } from 'node:os';
import { random } from '../random/random';
import { DataError, plural } from './errors';
import { createPool, type Pool } from './pool';
import type { ImageSet } from './set';
import type { ViewsResult } from './tasks';
import type { ViewSpec } from './transform';

export interface LoaderOptions<Name extends string = string> {
  readonly set: ImageSet;
  readonly batchSize: number;
  readonly seed: number;
  /** What a batch holds of each image, by name: independent draws. A task with one view calls it `images`. */
  readonly views: Readonly<Record<Name, ViewSpec>>;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Steps already done: the first batch is that of this step, counted from 0. */
  readonly startStep: number;
  /** Nothing is prepared for this step and after. */
  readonly totalSteps?: number;
  /** 0 draws in the calling thread; by default `loaderThreads`: half the cores, at most 4. */
  readonly threads?: number;
  /** Threads that are there already, instead; they end with the loader. */
  readonly pool?: Pool;
  /** The config field to name when the batch does not fit the set. */
  readonly field?: string;
}

export interface Batch<Name extends string = string> {
  readonly step: number;
  /** By name: [batchSize, imageSize, imageSize, 3], normalised. The reader's to keep. */
  readonly views: Readonly<Record<Name, Float32Array<ArrayBuffer>>>;
  /** [batchSize]; absent for data without labels. */
  readonly labels?: Int32Array;
  /** Index in the set of each image: what an error names. */
  readonly indices: Int32Array;
}

export interface Loader<Name extends string = string> {
  /** The next step's batch. Rejects when an image cannot be read or a thread died. */
  next(): Promise<Batch<Name>>;
  /** Milliseconds that `next` kept its caller waiting since this was last asked. */
  waitMs(): number;
  dispose(): Promise<void>;
}

/** Threads that draw views unless told otherwise. */
export const loaderThreads = (): number => Math.max(1, Math.min(4, availableParallelism() >> 1));

/** The threads of a loader that is yet to come: they take as long to start as a small model to compile. */
export const startLoaderThreads = (): Pool => createPool({ threads: loaderThreads() });

/** Full batches in one pass over the set. */
export function stepsPerEpoch(size: number, batchSize: number): number {
  return Math.floor(size / batchSize);
}

export function createLoader<Name extends string>(options: LoaderOptions<Name>): Loader<Name> {
  const { set, batchSize, seed, views, mean, std, startStep, totalSteps = Infinity, field = 'batchSize' } = options;
  if (batchSize > set.size) {
    throw new DataError(
      `${field} is ${batchSize} but there ${set.size === 1 ? 'is' : 'are'} only ${plural(set.size, 'training image')}. Lower ${field} to at most ${set.size}, or give more images (data.source, data.train)`,
    );
  }
  const pool = options.pool ?? createPool({ threads: options.threads ?? loaderThreads(), workerFile: set.workerFile });
  const ahead = Math.max(1, pool.threads) * 2;
  const perEpoch = stepsPerEpoch(set.size, batchSize);
  const pending: { step: number; indices: Int32Array; drawn: Promise<ViewsResult> }[] = [];
  let prepared = startStep;
  let waited = 0;
  let order: { epoch: number; indices: Int32Array } | undefined;

  function prepare(step: number) {
    const epoch = Math.floor(step / perEpoch);
    if (order?.epoch !== epoch) order = { epoch, indices: random(seed, 'order', epoch).permutation(set.size) };
    const start = (step % perEpoch) * batchSize;
    const indices = order.indices.slice(start, start + batchSize);
    const drawn = pool.run({
      kind: 'views',
      file: set.file,
      places: Array.from(indices, (index) => set.place(index)),
      views,
      keys: Array.from(indices, (index) => [seed, 'view', epoch, index]),
      mean,
      std,
    });
    drawn.catch(() => undefined); // reported by next(), when its turn comes
    return { step, indices, drawn };
  }

  return {
    async next() {
      for (; pending.length < ahead && prepared < totalSteps; prepared++) pending.push(prepare(prepared));
      const batch = pending.shift();
      if (!batch) throw new Error(`no batch after the last of ${totalSteps} steps`);
      const asked = performance.now();
      const { views } = (await batch.drawn) as Pick<Batch<Name>, 'views'>;
      waited += performance.now() - asked;
      if (prepared < totalSteps) pending.push(prepare(prepared++));
      const labels = set.labels && batch.indices.map((index) => set.labels![index]!);
      return { step: batch.step, views, ...(labels ? { labels } : {}), indices: batch.indices };
    },
    waitMs() {
      const total = waited;
      waited = 0;
      return total;
    },
    dispose: () => pool.dispose(),
  };
}

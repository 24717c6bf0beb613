/**
 * Batches of random views for training, drawn by threads ahead of time. The order is a seeded permutation per epoch,
 * the last incomplete batch dropped; every draw is a pure function of (seed, epoch, index of the image), so batches
 * are the same whatever the number of threads and from any step on.
 */
import { availableParallelism } from 'node:os';
import { random } from '../random/random';
import { DataError, plural } from './errors';
import { createPool } from './pool';
import type { ImageSet } from './set';
import type { ViewsResult } from './tasks';
import type { Transform } from './transform';

export interface LoaderOptions {
  readonly set: ImageSet;
  readonly batchSize: number;
  readonly seed: number;
  readonly transform: Transform;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Steps already done: the first batch is that of this step, counted from 0. */
  readonly startStep: number;
  /** Nothing is prepared for this step and after. */
  readonly totalSteps?: number;
  /** 0 draws in the calling thread; by default half the cores, at most 4. */
  readonly threads?: number;
  /** The config field to name when the batch does not fit the set. */
  readonly field?: string;
}

export interface Batch {
  readonly step: number;
  /** [batchSize, imageSize, imageSize, 3], normalised. The reader's to keep. */
  readonly images: Float32Array<ArrayBuffer>;
  /** [batchSize]; absent for data without labels. */
  readonly labels?: Int32Array;
  /** Index in the set of each image: what an error names. */
  readonly indices: Int32Array;
}

export interface Loader {
  /** The next step's batch. Rejects when an image cannot be read or a thread died. */
  next(): Promise<Batch>;
  /** Milliseconds that `next` kept its caller waiting since this was last asked. */
  waitMs(): number;
  dispose(): Promise<void>;
}

/** Full batches in one pass over the set. */
export function stepsPerEpoch(size: number, batchSize: number): number {
  return Math.floor(size / batchSize);
}

export function createLoader(options: LoaderOptions): Loader {
  const { set, batchSize, seed, transform, mean, std, startStep, totalSteps = Infinity, field = 'batchSize' } = options;
  if (batchSize > set.size) {
    throw new DataError(
      `${field} is ${batchSize} but there ${set.size === 1 ? 'is' : 'are'} only ${plural(set.size, 'training image')}. Lower ${field} to at most ${set.size}, or give more images (data.source, data.train)`,
    );
  }
  const threads = options.threads ?? Math.max(1, Math.min(4, availableParallelism() >> 1));
  const pool = createPool({ threads, workerFile: set.workerFile });
  const ahead = Math.max(1, threads) * 2;
  const perEpoch = stepsPerEpoch(set.size, batchSize);
  const pending: { step: number; indices: Int32Array; images: Promise<ViewsResult> }[] = [];
  let prepared = startStep;
  let waited = 0;
  let order: { epoch: number; indices: Int32Array } | undefined;

  function prepare(step: number) {
    const epoch = Math.floor(step / perEpoch);
    if (order?.epoch !== epoch) order = { epoch, indices: random(seed, 'order', epoch).permutation(set.size) };
    const start = (step % perEpoch) * batchSize;
    const indices = order.indices.slice(start, start + batchSize);
    const images = pool.run({
      kind: 'views',
      file: set.file,
      places: Array.from(indices, (index) => set.place(index)),
      draws: { transform, keys: Array.from(indices, (index) => [seed, 'view', epoch, index]) },
      imageSize: set.imageSize,
      mean,
      std,
    });
    images.catch(() => undefined); // reported by next(), when its turn comes
    return { step, indices, images };
  }

  return {
    async next() {
      for (; pending.length < ahead && prepared < totalSteps; prepared++) pending.push(prepare(prepared));
      const batch = pending.shift();
      if (!batch) throw new Error(`no batch after the last of ${totalSteps} steps`);
      const asked = performance.now();
      const images = await batch.images;
      waited += performance.now() - asked;
      if (prepared < totalSteps) pending.push(prepare(prepared++));
      const labels = set.labels && batch.indices.map((index) => set.labels![index]!);
      return { step: batch.step, images, ...(labels ? { labels } : {}), indices: batch.indices };
    },
    waitMs() {
      const total = waited;
      waited = 0;
      return total;
    },
    dispose: () => pool.dispose(),
  };
}

import { availableParallelism } from 'node:os';
import { createPool } from './pool';
import type { EvalBatch, ImageSet } from './set';
import type { ViewsResult } from './tasks';
import type { Transform } from './transform';

export interface ViewBatchOptions {
  readonly batchSize: number;
  readonly seed: number;
  /** Which view of each image: another number, other draws. */
  readonly view: number;
  readonly transform: Transform;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** 0 draws in the calling thread; by default half the cores, at most 4. */
  readonly threads?: number;
}

/**
 * One random view of every image, in order, normalised; the last batch is padded with zeros. Every draw is a pure function
 * of (seed, view, index of the image), so batches are the same whatever the number of threads.
 */
export async function* viewBatches(
  set: ImageSet,
  { batchSize, seed, view, transform, mean, std, ...options }: ViewBatchOptions,
): AsyncGenerator<Pick<EvalBatch, 'images' | 'count'>, void> {
  const threads = options.threads ?? Math.max(1, Math.min(4, availableParallelism() >> 1));
  const pool = createPool({ threads, workerFile: set.workerFile });
  const pixels = set.imageSize ** 2 * 3;
  const pending: { count: number; drawn: Promise<ViewsResult> }[] = [];
  let prepared = 0;
  const prepare = () => {
    const indices = Array.from({ length: Math.min(batchSize, set.size - prepared) }, (_, i) => prepared + i);
    prepared += indices.length;
    const drawn = pool.run({
      kind: 'views',
      file: set.file,
      places: indices.map((index) => set.place(index)),
      views: { images: { imageSize: set.imageSize, transform } },
      keys: indices.map((index) => [seed, 'frozen view', view, index]),
      mean,
      std,
    });
    drawn.catch(() => undefined); // reported when its turn comes
    pending.push({ count: indices.length, drawn });
  };
  try {
    while (prepared < set.size || pending.length > 0) {
      while (prepared < set.size && pending.length < 2 * Math.max(1, threads)) prepare();
      const { count, drawn } = pending.shift()!;
      const images = new Float32Array(batchSize * pixels);
      images.set((await drawn).views.images!);
      yield { images, count };
    }
  } finally {
    await pool.dispose();
  }
}

/** Batches of corrupted images for judging, made by threads ahead of time. */
import { availableParallelism } from 'node:os';
import { random } from '../random/random';
import { corrupted } from './corruptions/index';
import { createPool } from './pool';
import type { EvalBatch, ImageSet } from './set';
import type { CorruptionKey, ViewsResult } from './tasks';

export interface CorrupterOptions {
  readonly set: ImageSet;
  /** Which images of the set, in this order. */
  readonly indices: Int32Array;
  readonly batchSize: number;
  readonly seed: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** 0 works in the calling thread; by default half the cores, at most 4. */
  readonly threads?: number;
}

export interface Corrupter {
  /** The centre views of the images, corrupted: in order, as `evalBatches` gives them clean. */
  batches(corruption: CorruptionKey): AsyncGenerator<Omit<EvalBatch, 'labels'>>;
  dispose(): Promise<void>;
}

/** What becomes of an image is a pure function of (seed, corruption, severity, index in the set). */
const keyOf = (seed: number, { name, severity }: CorruptionKey, index: number) =>
  [seed, 'corruption', name, severity, index] as const;

export function createCorrupter(options: CorrupterOptions): Corrupter {
  const { set, indices, batchSize, seed, mean, std } = options;
  const { file, imageSize, workerFile } = set;
  const threads = options.threads ?? Math.max(1, Math.min(4, availableParallelism() >> 1));
  const pool = createPool({ threads, workerFile });
  const ahead = Math.max(1, threads) * 2;

  function prepare(corruption: CorruptionKey, start: number) {
    const chosen = indices.slice(start, start + batchSize);
    const made = pool.run({
      kind: 'corrupt',
      file,
      imageSize,
      places: Array.from(chosen, (index) => set.place(index)),
      corruption,
      keys: Array.from(chosen, (index) => keyOf(seed, corruption, index)),
      mean,
      std,
    });
    made.catch(() => undefined); // reported when its turn comes
    return { chosen, made };
  }

  return {
    async *batches(corruption) {
      const pending: { chosen: Int32Array; made: Promise<ViewsResult> }[] = [];
      let start = 0;
      while (start < indices.length || pending.length > 0) {
        for (; start < indices.length && pending.length < ahead; start += batchSize) {
          pending.push(prepare(corruption, start));
        }
        const { chosen, made } = pending.shift()!;
        const { images: drawn } = (await made).views;
        const images = new Float32Array(batchSize * imageSize ** 2 * 3);
        images.set(drawn!);
        yield { images, count: chosen.length, indices: chosen };
      }
    },
    dispose: () => pool.dispose(),
  };
}

/** One image of the set as `batches` has it, [imageSize, imageSize, 3], 8-bit. */
export function corruptedPixels(
  set: ImageSet,
  index: number,
  seed: number,
  corruption: CorruptionKey,
): Promise<Uint8Array> {
  const draws = random(...keyOf(seed, corruption, index));
  return corrupted(set.pixels(index), set.imageSize, corruption, draws);
}

/** A set of decoded images, as jobs and evaluations see it. */
import type { Item } from './item';
import type { Store } from './cache';
import { centreView } from './crop';
import { centrePixels, readPixels, type Place } from './tasks';
import { createResampler } from './resample';

export interface ImageSet {
  readonly size: number;
  /** Side in px of what `pixels` and the batches give. */
  readonly imageSize: number;
  /** Index into the classes per image; absent for data without labels. */
  readonly labels?: Int32Array;
  /** The file's path below the source, or the record's or picture's number. */
  id(index: number): string;
  /** The centre view [imageSize, imageSize, 3], 8-bit. */
  pixels(index: number): Uint8Array;
  /** Where the decoded pixels lie, for the loader's threads. */
  readonly file: string;
  place(index: number): Place;
  readonly workerFile?: string | URL;
}

/** Mean and standard deviation per channel, of values in [0, 1]. */
export interface Statistics {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** The readable images of a store, in order, and the statistics of all their pixels. */
export function imageSet(
  items: readonly Item[],
  store: Store,
  imageSize: number,
  workerFile?: string | URL,
): { readonly set: ImageSet; readonly statistics: Statistics } {
  const ids: string[] = [];
  const labels: number[] = [];
  const places: Place[] = [];
  const sum = [0, 0, 0];
  const squares = [0, 0, 0];
  let pixels = 0;
  let offset = 0;
  for (const [i, image] of store.images.entries()) {
    if ('reason' in image) continue;
    const { width, height } = image;
    const { id, label } = items[i]!;
    ids.push(id);
    if (label !== undefined) labels.push(label);
    places.push({ offset, width, height });
    offset += width * height * 3;
    pixels += width * height;
    for (let c = 0; c < 3; c++) {
      sum[c]! += image.sum[c]!;
      squares[c]! += image.squares[c]!;
    }
  }
  const set: ImageSet = {
    size: ids.length,
    imageSize,
    ...(labels.length === ids.length ? { labels: Int32Array.from(labels) } : {}),
    id: (index) => ids[index]!,
    pixels: (index) => centrePixels(store.file, places[index]!, imageSize),
    file: store.file,
    place: (index) => places[index]!,
    workerFile,
  };
  const mean = sum.map((s) => s / pixels / 255);
  // Images of one colour have no spread to divide by: one grey level is the floor.
  const std = squares.map((s, c) => Math.max(1 / 255, Math.sqrt(Math.max(0, s / pixels / 255 ** 2 - mean[c]! ** 2))));
  return { set, statistics: { mean: mean as unknown as Statistics['mean'], std: std as unknown as Statistics['std'] } };
}

/** The images of `set` that `indices` name, in that order. */
export function subset(set: ImageSet, indices: ArrayLike<number>): ImageSet {
  const chosen = Int32Array.from(indices);
  const labels = set.labels;
  return {
    ...set,
    size: chosen.length,
    ...(labels ? { labels: chosen.map((index) => labels[index]!) } : {}),
    id: (index) => set.id(chosen[index]!),
    pixels: (index) => set.pixels(chosen[index]!),
    place: (index) => set.place(chosen[index]!),
  };
}

export interface EvalBatch {
  /** [batchSize, imageSize, imageSize, 3], normalised; rows from `count` on are zeros. */
  readonly images: Float32Array;
  /** Rows that are images. */
  readonly count: number;
  /** [batchSize]; 0 from `count` on. Absent for data without labels. */
  readonly labels?: Int32Array;
  /** Index in the set of each row, `count` of them. */
  readonly indices: Int32Array;
}

/** The centre views of the images that `indices` name (all by default), in order. The batches' memory is the reader's to keep. */
export async function* evalBatches(
  set: ImageSet,
  options: {
    readonly batchSize: number;
    readonly mean: readonly number[];
    readonly std: readonly number[];
    readonly indices?: ArrayLike<number>;
  },
): AsyncGenerator<EvalBatch> {
  const { batchSize, mean, std } = options;
  const order = Int32Array.from(options.indices ?? { length: set.size }, (value: number | undefined, i) => value ?? i);
  const resample = createResampler(set.imageSize);
  const scale = std.map((s) => 1 / (255 * s));
  const shift = mean.map((m, c) => -m / std[c]!);
  const length = set.imageSize ** 2 * 3;
  for (let start = 0; start < order.length; start += batchSize) {
    const indices = order.slice(start, start + batchSize);
    const images = new Float32Array(batchSize * length);
    for (const [row, index] of indices.entries()) {
      const place = set.place(index);
      const view = centreView(place.width, place.height);
      resample(readPixels(set.file, place), place.width, view, images, row * length, scale, shift);
    }
    const labels =
      set.labels && Int32Array.from({ length: batchSize }, (_, row) => set.labels![indices[row] ?? -1] ?? 0);
    yield { images, count: indices.length, ...(labels ? { labels } : {}), indices };
    // Between batches the process may answer its socket.
    await new Promise(setImmediate);
  }
}

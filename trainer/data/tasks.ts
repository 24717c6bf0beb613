/** What the image-loading threads do: decode files for the cache, and draw batches of views from it. */
import { closeSync, openSync, readSync } from 'node:fs';
import { random, type Random } from '../random/random';
import { corrupted, type CorruptionName, type Severity } from './corruptions/index';
import { centreView } from './crop';
import { decode } from './decode';
import { DataError, reasonOf } from './errors';
import type { Origin } from './item';
import { createResampler, type Resampler } from './resample';
import { createViewer, type Viewer, type ViewSpec } from './transform';

export interface DecodeTask {
  readonly kind: 'decode';
  readonly origins: readonly Origin[];
  /** Images are kept with a shorter side of at most this, px. */
  readonly side: number;
}

/** One image of a decode task: its size and statistics, or why it could not be read. */
export type Decoded =
  | {
      readonly width: number;
      readonly height: number;
      /** Per channel, of the 0..255 values. */
      readonly sum: readonly [number, number, number];
      readonly squares: readonly [number, number, number];
    }
  | { readonly reason: string };

export interface DecodeResult {
  readonly images: readonly Decoded[];
  /** The pixels of the images that could be read, one after another. */
  readonly pixels: Uint8Array<ArrayBuffer>;
}

export interface ViewsTask {
  readonly kind: 'views';
  readonly file: string;
  /** Byte offset, width and height of each image in the file. */
  readonly places: readonly Place[];
  /** What is drawn of each image, by name. */
  readonly views: Readonly<Record<string, ViewSpec>>;
  /** One key per image for its random draws. */
  readonly keys: readonly (readonly (string | number)[])[];
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export interface Place {
  readonly offset: number;
  readonly width: number;
  readonly height: number;
}

export interface ViewsResult {
  /** By name: [count, imageSize, imageSize, 3], normalised. */
  readonly views: Readonly<Record<string, Float32Array<ArrayBuffer>>>;
}

export interface CorruptTask extends Omit<ViewsTask, 'kind' | 'views'> {
  readonly kind: 'corrupt';
  readonly imageSize: number;
  readonly corruption: CorruptionKey;
}

export interface CorruptionKey {
  readonly name: CorruptionName;
  readonly severity: Severity;
}

export type Task = DecodeTask | ViewsTask | CorruptTask;
export type TaskResult<T extends Task> = T extends DecodeTask ? DecodeResult : ViewsResult;

export function runTask<T extends Task>(task: T): Promise<TaskResult<T>>;
export async function runTask(task: Task): Promise<DecodeResult | ViewsResult> {
  switch (task.kind) {
    case 'decode':
      return decodeAll(task);
    case 'views':
      return views(task);
    case 'corrupt':
      return corruptAll(task);
  }
}

/** The memory of a result that can change hands instead of being copied. */
export function transferred(result: DecodeResult | ViewsResult): ArrayBuffer[] {
  return 'views' in result ? Object.values(result.views).map(({ buffer }) => buffer) : [result.pixels.buffer];
}

async function decodeAll({ origins, side }: DecodeTask): Promise<DecodeResult> {
  const images: Decoded[] = [];
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for (const origin of origins) {
    try {
      const { width, height, pixels } = await decode(origin, side);
      images.push({ width, height, ...moments(pixels) });
      parts.push(pixels);
      bytes += pixels.length;
    } catch (error) {
      images.push({ reason: error instanceof Error ? error.message : String(error) });
    }
  }
  const pixels = new Uint8Array(bytes);
  let offset = 0;
  for (const part of parts) {
    pixels.set(part, offset);
    offset += part.length;
  }
  return { images, pixels };
}

function moments(pixels: Uint8Array) {
  const sum: [number, number, number] = [0, 0, 0];
  const squares: [number, number, number] = [0, 0, 0];
  for (let c = 0; c < 3; c++) {
    let total = 0;
    let totalSquares = 0;
    for (let i = c; i < pixels.length; i += 3) {
      const value = pixels[i]!;
      total += value;
      totalSquares += value * value;
    }
    sum[c] = total;
    squares[c] = totalSquares;
  }
  return { sum, squares };
}

/** Kept between tasks of one thread. */
const viewers = new Map<number, Viewer>();
const resamplers = new Map<number, Resampler>();
const openFiles = new Map<string, number>();
let scratch = new Uint8Array(0);

function views({ file, places, views, keys, mean, std }: ViewsTask): ViewsResult {
  const scale = std.map((s) => 1 / (255 * s));
  const shift = mean.map((m, c) => -m / std[c]!);
  const drawn = Object.entries(views).map(([name, { imageSize, transform }]) => {
    const length = imageSize * imageSize * 3;
    return { name, transform, view: viewerOf(imageSize), length, out: new Float32Array(places.length * length) };
  });
  for (const [i, place] of places.entries()) {
    const { width, height } = place;
    const source = readPixels(file, place);
    for (const { name, transform, view, length, out } of drawn) {
      const random = drawsOf(keys[i]!, name);
      view(source, width, height, transform, random, out, i * length, scale, shift);
    }
  }
  return { views: Object.fromEntries(drawn.map(({ name, out }) => [name, out])) };
}

/** The centre views, corrupted, as one view called `images`. */
async function corruptAll({ file, places, imageSize, corruption, keys, mean, std }: CorruptTask): Promise<ViewsResult> {
  const length = imageSize * imageSize * 3;
  const images = new Float32Array(places.length * length);
  for (const [i, place] of places.entries()) {
    const pixels = await corrupted(centrePixels(file, place, imageSize), imageSize, corruption, random(...keys[i]!));
    for (let at = 0; at < length; at++) images[i * length + at] = (pixels[at]! / 255 - mean[at % 3]!) / std[at % 3]!;
  }
  return { views: { images } };
}

/** The centre view of a stored image, [imageSize, imageSize, 3], 8-bit. */
export function centrePixels(file: string, place: Place, imageSize: number): Uint8Array {
  const resample = resamplers.get(imageSize) ?? createResampler(imageSize);
  resamplers.set(imageSize, resample);
  const values = new Float32Array(imageSize * imageSize * 3);
  const { width, height } = place;
  resample(readPixels(file, place), width, centreView(width, height), values, 0, [1, 1, 1], [0, 0, 0]);
  return Uint8Array.from(values, Math.round);
}

/** Views of one image are drawn independently. The only view of most tasks is called `images`: the image's key is its own. */
function drawsOf(key: readonly (string | number)[], name: string): Random {
  return name === 'images' ? random(...key) : random(...key, name);
}

function viewerOf(imageSize: number): Viewer {
  const viewer = viewers.get(imageSize) ?? createViewer(imageSize);
  viewers.set(imageSize, viewer);
  return viewer;
}

/** The stored pixels of one image, in memory that the next call reuses. */
export function readPixels(file: string, { offset, width, height }: Place): Uint8Array {
  const bytes = width * height * 3;
  if (scratch.length < bytes) scratch = new Uint8Array(bytes);
  let got: number;
  try {
    let handle = openFiles.get(file);
    if (handle === undefined) openFiles.set(file, (handle = openSync(file, 'r')));
    got = readSync(handle, scratch, 0, bytes, offset);
  } catch (error) {
    throw new DataError(`cannot read the decoded images in ${file}: ${reasonOf(error)}. Start again to rebuild them`);
  }
  if (got !== bytes) {
    throw new DataError(`the decoded images in ${file} were cut short. Start again to rebuild them`);
  }
  return scratch;
}

/** Closes this thread's handle on a file that is about to be replaced or is no longer needed. */
export function releaseFile(file: string): void {
  const handle = openFiles.get(file);
  if (handle !== undefined) closeSync(handle);
  openFiles.delete(file);
}

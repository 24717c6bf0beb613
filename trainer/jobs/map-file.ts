/** The t-SNE map of a checkpoint as files beside the journal, and the earlier one that it begins at. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { EmbeddingFile, EventBody } from '../../protocol/events';
import type { Run } from '../../protocol/run';
import { encodeSheet, type ImageSet } from '../data/index';
import type { Engine } from '../engine/types';
import { kmeans, startFrom, type EmbeddingMap, type Embeddings, type Place, type Watch } from '../evals/index';
import { makeFolder, replaceFile } from './synced';
import { thumbnail, thumbnails } from './thumbnails';

const THUMBNAIL = 32;

/** A map as a start for others. */
export interface EarlierMap {
  readonly step: number;
  readonly start: Float64Array;
}

const earlierFile = z.object({ points: z.array(z.number()), ids: z.array(z.string()) });

/**
 * The newest map up to `step`, or the first after it, as a start for one of these images: what is alike stays where it was.
 * Undefined where there is none that can be read, or that shows any of them.
 */
export async function earlierMap(
  engine: Engine,
  directory: string,
  { embeddings: maps }: Run,
  step: number,
  { images, embeddings }: { readonly images: ImageSet; readonly embeddings: Embeddings },
  watch: Pick<Watch, 'signal'> = {},
): Promise<EarlierMap | undefined> {
  const nearest = maps.findLast((map) => map.step <= step) ?? maps[0];
  if (!nearest) return undefined;
  let file: z.output<typeof earlierFile>;
  try {
    file = earlierFile.parse(JSON.parse(await readFile(join(directory, nearest.file), 'utf8')));
  } catch (error) {
    console.error(`The map of step ${nearest.step} cannot be read, so this one starts afresh.`, error);
    return undefined;
  }
  const { ids, points } = file;
  const placed = new Map(ids.map((id, i): [string, Place] => [id, [points[2 * i] ?? 0, points[2 * i + 1] ?? 0]]));
  const places = Array.from({ length: images.size }, (_, i) => placed.get(images.id(i)));
  const start = await startFrom(engine, embeddings, places, watch);
  return start && { step: nearest.step, start };
}

interface Mapped {
  readonly step: number;
  readonly images: ImageSet;
  readonly classes: readonly string[] | undefined;
  readonly embeddings: Embeddings;
  readonly map: EmbeddingMap;
  readonly startedFrom: number | undefined;
  readonly seed: number;
  /** When the work on it began, by `performance.now()`. */
  readonly startedAt: number;
}

/**
 * Writes `<name>.json` with the thumbnails that it names, and on demand a picture of the images where they are.
 *
 * @param name relative to the run directory, without an ending.
 * @returns the event that tells of it.
 */
export async function writeMap(
  directory: string,
  name: string,
  { step, images, classes, embeddings, map, startedFrom, seed, startedAt }: Mapped,
  { signal, picture = false }: Pick<Watch, 'signal'> & { readonly picture?: boolean } = {},
): Promise<Extract<EventBody, { type: 'embedding' }>> {
  const k = Math.min(classes?.length ?? 10, images.size);
  const { clusters } = await kmeans(embeddings, { k, seed }, { signal });
  const { kl, perplexity, iterations, trustworthiness } = map;
  const content: EmbeddingFile = {
    step,
    // Three decimals are a thousandth of what a screen can show.
    points: Array.from(map.points, (x) => Math.round(x * 1000) / 1000),
    ids: Array.from({ length: images.size }, (_, i) => images.id(i)),
    labels: images.labels && Array.from(images.labels),
    classes,
    clusters: Array.from(clusters),
    sheet: `media/thumbnails-${images.size}.webp`,
    ...(picture && { png: `${name}.png` }),
    thumbnailSize: Math.min(THUMBNAIL, images.imageSize),
    columns: Math.ceil(Math.sqrt(images.size)),
    perplexity,
    seed,
    startedFrom,
    iterations,
    kl,
    trustworthiness,
    seconds: (performance.now() - startedAt) / 1000,
  };
  const { sheet, png, thumbnailSize, columns } = content;
  await makeFolder(join(directory, 'media'));
  const tiles = await thumbnails(images, thumbnailSize);
  await replaceFile(join(directory, sheet), await encodeSheet(tiles, thumbnailSize, columns, 'webp'));
  if (png !== undefined) await replaceFile(join(directory, png), await drawImages(images, map.points));
  await replaceFile(join(directory, `${name}.json`), JSON.stringify(content));
  return { type: 'embedding', step, file: `${name}.json`, kl };
}

/** Places along a side of the picture, and how large an image is there. */
const PLACES = 40;
const TILE = 24;

/** The images where the map puts them: the plane is cut into squares, and each shows the image nearest to its middle. */
async function drawImages(images: ImageSet, points: Float64Array): Promise<Buffer> {
  const radius = points.reduce((most, x) => Math.max(most, Math.abs(x)), 0) || 1;
  const at = (x: number) => ((x / radius + 1) / 2) * PLACES;
  const shown = new Map<number, { readonly image: number; readonly off: number }>();
  for (let image = 0; image < images.size; image++) {
    // The second axis points up.
    const [x, y] = [at(points[2 * image]!), PLACES - at(points[2 * image + 1]!)];
    const [column, row] = [Math.min(PLACES - 1, Math.floor(x)), Math.min(PLACES - 1, Math.floor(y))];
    const off = (x - column - 0.5) ** 2 + (y - row - 0.5) ** 2;
    const place = row * PLACES + column;
    if (off < (shown.get(place)?.off ?? Infinity)) shown.set(place, { image, off });
  }
  const tiles = new Array<Uint8Array | undefined>(PLACES * PLACES).fill(undefined);
  for (const [place, { image }] of shown) {
    tiles[place] = await thumbnail(images.pixels(image), images.imageSize, TILE);
  }
  return encodeSheet(tiles, TILE, PLACES);
}

/** A few test images with their nearest training images, as a sheet of pictures: one row each, the test image first. */
import { join } from 'node:path';
import type { Evaluation, NeighboursFile } from '../../protocol/events';
import { encodeSheet, subset, type ImageSet } from '../data/index';
import type { NearestImages } from '../evals/index';
import { stepName, wordsName } from './names';
import { makeFolder, replaceFile } from './synced';
import { thumbnails } from './thumbnails';

/** Test images, and neighbours shown of each. */
export const SHOWN = { images: 8, shown: 8 } as const;
const MAX_TILE = 64;

type Labelled = ImageSet & { readonly labels: Int32Array };

/**
 * Writes `media/neighbours-<step>-<protocol>.png` and `.json`. The protocol is in the name, so that each row of scores
 * keeps its own pictures.
 *
 * @returns the JSON file, relative to the run directory.
 */
export async function writeNeighbours(
  directory: string,
  step: number,
  { train, test, classes }: { readonly train: Labelled; readonly test: Labelled; readonly classes: readonly string[] },
  { protocol, variant = '', labels }: Evaluation,
  { k, found }: { readonly k: number; readonly found: readonly NearestImages[] },
): Promise<string> {
  const tileSize = Math.min(MAX_TILE, train.imageSize);
  const columns = 1 + Math.max(...found.map(({ neighbours }) => neighbours.length));
  const tiles: Uint8Array[] = [];
  for (const { image, neighbours } of found) {
    const rows = Int32Array.from(neighbours, ({ image }) => image);
    tiles.push(...(await thumbnails(subset(test, Int32Array.of(image)), tileSize)));
    tiles.push(...(await thumbnails(subset(train, rows), tileSize)));
  }
  const name = `media/neighbours-${stepName(step)}-${wordsName(`${variant}: ${protocol}, ${labels}`)}`;
  const content: NeighboursFile = {
    step,
    png: `${name}.png`,
    tileSize,
    columns,
    classes,
    k,
    images: found.map(({ image, guess, neighbours }) => ({
      id: test.id(image),
      label: test.labels[image]!,
      guess,
      neighbours: neighbours.map(({ image, similarity }) => ({
        id: train.id(image),
        label: train.labels[image]!,
        similarity,
      })),
    })),
  };
  await makeFolder(join(directory, 'media'));
  await replaceFile(join(directory, content.png), await encodeSheet(tiles, tileSize, columns));
  await replaceFile(join(directory, `${name}.json`), JSON.stringify(content));
  return `${name}.json`;
}

/** The clusters of the test images as a sheet of pictures: one row each, nearest to the centre first. */
import { join } from 'node:path';
import type { ClusterFile } from '../../protocol/events';
import { encodeSheet, subset, type ImageSet } from '../data/index';
import type { Cluster } from '../evals/index';
import { stepName } from './names';
import { makeFolder, replaceFile } from './synced';
import { thumbnails } from './thumbnails';

/** Images shown of each cluster. */
export const SHOWN = 12;
const MAX_TILE = 64;

/**
 * Writes `media/clusters-<step>-<settings>.png` and `.json`. What was asked for is in the name, so that each row of
 * scores keeps its own pictures.
 *
 * @returns the JSON file, relative to the run directory.
 */
export async function writeClusterSheet(
  directory: string,
  { step, settings }: { readonly step: number; readonly settings: string },
  test: ImageSet & { readonly labels: Int32Array },
  classes: readonly string[],
  clusters: readonly Cluster[],
): Promise<string> {
  const tileSize = Math.min(MAX_TILE, test.imageSize);
  const black = new Uint8Array(tileSize * tileSize * 3);
  const tiles: Uint8Array[] = [];
  for (const { images } of clusters) {
    const row = await thumbnails(
      subset(
        test,
        Int32Array.from(images, ({ image }) => image),
      ),
      tileSize,
    );
    tiles.push(...row, ...new Array<Uint8Array>(SHOWN - row.length).fill(black));
  }
  const name = `media/clusters-${stepName(step)}-${settings}`;
  const content: ClusterFile = {
    step,
    png: `${name}.png`,
    tileSize,
    columns: SHOWN,
    classes,
    clusters: clusters.map(({ match, counts, images }) => ({
      match,
      counts,
      images: images.map(({ image, distance }) => ({ id: test.id(image), label: test.labels[image]!, distance })),
    })),
  };
  await makeFolder(join(directory, 'media'));
  await replaceFile(join(directory, content.png), await encodeSheet(tiles, tileSize, SHOWN));
  await replaceFile(join(directory, `${name}.json`), JSON.stringify(content));
  return `${name}.json`;
}

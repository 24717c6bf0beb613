/** Accuracy under corruptions with an example of each: one row a corruption, one tile a severity. */
import { join } from 'node:path';
import type { RobustnessFile } from '../../protocol/events';
import { corruptedPixels, encodeSheet, type CorruptionName, type ImageSet, type Severity } from '../data/index';
import type { RobustnessResult } from '../evals/index';
import { stepName } from './names';
import { makeFolder, replaceFile } from './synced';
import { thumbnail } from './thumbnails';

const MAX_TILE = 64;

/** Which image is shown, and how it is corrupted: as it is judged. */
export interface Example {
  readonly set: ImageSet;
  readonly index: number;
  readonly seed: number;
}

/**
 * Writes `media/robustness-<step>-<settings>.png` and `.json`. What was asked for is in the name, so that each row of
 * scores keeps its own pictures.
 *
 * @returns the JSON file, relative to the run directory.
 */
export async function writeRobustnessSheet(
  directory: string,
  { step, settings }: { readonly step: number; readonly settings: string },
  { set, index, seed }: Example,
  { names, severities }: { readonly names: readonly CorruptionName[]; readonly severities: readonly Severity[] },
  { clean, corruptions, evaluation }: RobustnessResult,
): Promise<string> {
  const tileSize = Math.min(MAX_TILE, set.imageSize);
  const tile = (pixels: Uint8Array) => thumbnail(pixels, set.imageSize, tileSize);
  const tiles: Uint8Array[] = [];
  for (const name of names) {
    tiles.push(await tile(set.pixels(index)));
    for (const severity of severities) {
      tiles.push(await tile(await corruptedPixels(set, index, seed, { name, severity })));
    }
  }
  const name = `media/robustness-${stepName(step)}-${settings}`;
  const { testImages } = evaluation;
  const content: RobustnessFile = { step, png: `${name}.png`, tileSize, testImages, severities, clean, corruptions };
  await makeFolder(join(directory, 'media'));
  await replaceFile(join(directory, content.png), await encodeSheet(tiles, tileSize, 1 + severities.length));
  await replaceFile(join(directory, `${name}.json`), JSON.stringify(content));
  return `${name}.json`;
}

/** What a probe takes for what, in numbers and as heat maps. */
import { join } from 'node:path';
import type { ProbeFile } from '../../protocol/events';
import { encodeSheet } from '../data/index';
import type { ProbeResult } from '../evals/index';
import { stepName, wordsName } from './names';
import { makeFolder, replaceFile } from './synced';

/** Side of a heat map in pixels, as near as whole cells come to it. */
const SIDE = 320;
const MARGIN = 8;

/**
 * Writes `media/probe-<step>-<protocol>.json` and `.png`. The protocol is in the name, so that each row of scores keeps
 * its own file.
 *
 * @returns the JSON file, relative to the run directory.
 */
export async function writeProbeFile(
  directory: string,
  step: number,
  classes: readonly string[],
  { evaluation, confusion, baselineConfusion }: ProbeResult,
): Promise<string> {
  const { protocol, variant = '', comparison } = evaluation;
  const name = `media/probe-${stepName(step)}-${wordsName(`${variant}: ${protocol}`)}`;
  const content: ProbeFile = {
    step,
    png: `${name}.png`,
    classes,
    counts: confusion,
    baseline: { name: comparison!.baseline.name, counts: baselineConfusion },
  };
  const maps = [confusion, baselineConfusion].map((counts) => heatMap(counts, classes.length));
  await makeFolder(join(directory, 'media'));
  await replaceFile(join(directory, content.png), await encodeSheet(maps, Math.sqrt(maps[0]!.length / 3), 2));
  await replaceFile(join(directory, `${name}.json`), JSON.stringify(content));
  return `${name}.json`;
}

/** Shares of each class from white to blue, on white. [side, side, 3] */
function heatMap(counts: readonly number[], classes: number): Uint8Array {
  const cell = Math.max(1, Math.floor(SIDE / classes));
  const side = cell * classes + 2 * MARGIN;
  const pixels = new Uint8Array(side * side * 3).fill(255);
  for (let truth = 0; truth < classes; truth++) {
    const row = counts.slice(truth * classes, (truth + 1) * classes);
    const total = Math.max(
      1,
      row.reduce((sum, count) => sum + count, 0),
    );
    for (let y = 0; y < cell; y++) {
      for (let x = 0; x < cell * classes; x++) {
        const share = row[Math.floor(x / cell)]! / total;
        const at = ((MARGIN + truth * cell + y) * side + MARGIN + x) * 3;
        pixels.set([238 - 225 * share, 242 - 172 * share, 247 - 97 * share], at);
      }
    }
  }
  return pixels;
}

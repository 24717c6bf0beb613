/** What drawing views costs, for who plans a training. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { random } from '../random/random';
import { runTask, type ViewsTask } from './tasks';
import type { ViewSpec } from './transform';

/** Long beside the first runs, in which the code is compiled. */
const SECONDS = 0.4;
const WARM_UP = 2;
const IMAGES = 64;

/** Seconds of one thread to draw all views of an image, as the loader has them drawn, of noise of `side` px. */
export async function secondsOfViews(views: Readonly<Record<string, ViewSpec>>, side: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-views-'));
  try {
    const file = join(folder, 'noise');
    const draws = random(0, 'noise');
    const bytes = side * side * 3;
    await writeFile(
      file,
      Uint8Array.from({ length: IMAGES * bytes }, () => 256 * draws.uniform()),
    );
    const images = Array.from({ length: IMAGES }, (_, i) => i);
    const task = (epoch: number): ViewsTask => ({
      kind: 'views',
      file,
      places: images.map((i) => ({ offset: i * bytes, width: side, height: side })),
      views,
      keys: images.map((i) => [0, 'view', epoch, i]),
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
    });
    for (let i = 0; i < WARM_UP; i++) await runTask(task(i));
    const began = performance.now();
    let count = 0;
    while (performance.now() - began < 1000 * SECONDS) await runTask(task(count++));
    return (performance.now() - began) / 1000 / (count * IMAGES);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

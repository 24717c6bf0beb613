import { build } from 'esbuild';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, onTestFinished } from 'vitest';
import { openData, type Data, type DataOptions } from '../../../trainer/data';

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-data-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Opens data in this thread, with a cache of its own. */
export async function open(options: Partial<DataOptions> & { readonly source: string }): Promise<Data> {
  const data = await openData({
    imageSize: 8,
    maxBadFiles: 0,
    seed: 0,
    baseFolder: '/',
    cacheFolder: join(temporaryFolder(), 'cache'),
    threads: 0,
    ...options,
  });
  onTestFinished(() => data.dispose());
  return data;
}

/** A plain PNG of one colour. */
export function png(width: number, height: number, colour: string): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: colour } })
    .png()
    .toBuffer();
}

/** Writes files by path below `folder`. */
export async function write(folder: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}

/** `count` different PNGs below each class folder. */
export async function writeClasses(folder: string, classes: readonly string[], count: number): Promise<void> {
  for (const [c, name] of classes.entries()) {
    for (let i = 0; i < count; i++) {
      await write(folder, { [`${name}/${i}.png`]: await png(10, 10, `rgb(${i * 7}, ${c * 40}, 99)`) });
    }
  }
}

/** The loader's thread as it ships, for one test file. It lies in node_modules so that it finds sharp. */
export async function bundleWorker(): Promise<string> {
  const folder = mkdtempSync(join(import.meta.dirname, '../../../node_modules/.tessera-worker-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, 'worker.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, '../../../trainer/data/worker.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['sharp'],
    outfile,
    logLevel: 'error',
  });
  return outfile;
}

/**
 * What one thread does with images: the loader's own code, run in this thread and measured in CPU time, so that a
 * busy machine changes the figures little. They include the system's share: reading, writing, syncing to the disk.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLoader, evalBatches, openData, stepsPerEpoch, type Data } from '../trainer/data/index';
import { median } from './median';

const IMAGE_SIZE = 32;
/** Small pictures are kept as they are, photos half as large again as the encoder sees them. */
const KEPT_SIZES = [IMAGE_SIZE, 48];
const BATCH = 64;
const ROUNDS = 5;
/** Seconds of CPU time after which V8 has compiled what it will compile. */
const WARM_UP = 1;
const TRANSFORM = { crop: [0.2, 1], flip: true } as const;

interface Row {
  what: string;
  /** Images in a round. */
  images: number;
  /** Images a second of CPU time. */
  perSecond: number;
  slowest: number;
  fastest: number;
}

/** `images` is a folder of image files; without one their decoding is left out. */
export async function data({ images }: { images?: string }): Promise<Row[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'tessera-bench-'));
  const rows: Row[] = [];
  try {
    let caches = 0;
    const open = (source: string, imageSize: number) => openFresh(source, imageSize, join(scratch, String(caches++)));
    for (const side of KEPT_SIZES) {
      const kept = await open('builtin:shapes', side);
      const seen = { ...kept, train: { ...kept.train, imageSize: IMAGE_SIZE } };
      rows.push(await measure(`random resized crop and flip, from ${side} px`, () => trainingViews(seen)));
      rows.push(await measure(`evaluation batches, from ${side} px`, () => evaluationViews(seen)));
      kept.dispose();
    }
    rows.push(await measure('builtin:shapes, drawn and cached', () => decoded(open('builtin:shapes', IMAGE_SIZE))));
    if (images) rows.push(await measure('image files, decoded and cached', () => decoded(open(images, IMAGE_SIZE))));
    else console.log('No folder of image files to decode: give one by --images DIR.');
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  console.table(rows);
  return rows;
}

/** Opened with an empty cache and no thread but this one. */
function openFresh(source: string, imageSize: number, cacheFolder: string): Promise<Data> {
  const from = { source, imageSize, baseFolder: process.cwd(), cacheFolder };
  return openData({ ...from, maxBadFiles: 0, seed: 0, threads: 0 });
}

async function decoded(opening: Promise<Data>): Promise<number> {
  const opened = await opening;
  opened.dispose();
  return opened.train.size + (opened.test?.size ?? 0);
}

async function trainingViews({ train, mean, std }: Data): Promise<number> {
  const totalSteps = stepsPerEpoch(train.size, BATCH);
  const views = { images: { imageSize: train.imageSize, transform: TRANSFORM } };
  const options = { views, seed: 0, startStep: 0, totalSteps, threads: 0 };
  const loader = createLoader({ set: train, batchSize: BATCH, mean, std, ...options });
  for (let step = 0; step < totalSteps; step++) await loader.next();
  await loader.dispose();
  return totalSteps * BATCH;
}

async function evaluationViews({ train, mean, std }: Data): Promise<number> {
  let images = 0;
  for await (const { count } of evalBatches(train, { batchSize: BATCH, mean, std })) images += count;
  return images;
}

/** `work` answers with the number of its images. */
async function measure(what: string, work: () => Promise<number>): Promise<Row> {
  const started = cpuSeconds();
  let images: number;
  do images = await work();
  while (cpuSeconds() - started < WARM_UP);
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = cpuSeconds();
    await work();
    rates.push(Math.round(images / (cpuSeconds() - before)));
  }
  return { what, images, perSecond: median(rates), slowest: Math.min(...rates), fastest: Math.max(...rates) };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

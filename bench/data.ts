/**
 * What one thread does with images: the loader's own code, run in this thread and measured in CPU time, so that a
 * busy machine changes the figures little. They include the system's share: reading, writing, syncing to the disk.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createLoader,
  evalBatches,
  openData,
  stepsPerEpoch,
  subset,
  type Data,
  type Transform,
  type ViewSpec,
} from '../trainer/data/index';
import { median } from './median';
import { startPeer, type Peer } from './peer';

const IMAGE_SIZE = 32;
/** Small pictures are kept as they are, photos half as large again as the encoder sees them. */
const KEPT_SIZES = [IMAGE_SIZE, 48];
const BATCH = 64;
const ROUNDS = 5;
/** Seconds of CPU time after which V8 has compiled what it will compile. */
const WARM_UP = 1;
const MAE: Transform = { crop: [0.2, 1], flip: true };
/** What SimCLR and its followers draw of CIFAR-10 (Chen et al. 2020, appendix B.9); at larger sizes they also blur. */
const SIMCLR = {
  crop: [0.08, 1],
  flip: true,
  jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, probability: 0.8 },
  grayscale: 0.2,
} as const;
const BLUR = { probability: 0.5, sigma: [0.1, 2] } as const;
/** Images of which two views are drawn in a round. */
const PAIRS = 2048;

interface Row {
  what: string;
  /** Images in a round. */
  images: number;
  /** Images a second of CPU time. */
  perSecond: number;
  slowest: number;
  fastest: number;
  /** Of a peer that takes turns with us, on one thread as well; absent where there is none. */
  peer?: string;
  peerPerSecond?: number;
}

/** `images` is a folder of image files; without one their decoding is left out, and views are drawn of shapes. */
export async function data({ images }: { images?: string }): Promise<Row[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'tessera-bench-'));
  const rows: Row[] = [];
  try {
    let caches = 0;
    const open = (source: string, imageSize: number) => openFresh(source, imageSize, join(scratch, String(caches++)));
    for (const side of KEPT_SIZES) {
      const kept = await open('builtin:shapes', side);
      const seen = { ...kept, train: { ...kept.train, imageSize: IMAGE_SIZE } };
      const one = { images: { imageSize: IMAGE_SIZE, transform: MAE } };
      rows.push(await measure(`random resized crop and flip, from ${side} px`, () => trainingViews(seen, one)));
      rows.push(await measure(`evaluation batches, from ${side} px`, () => evaluationViews(seen)));
      kept.dispose();
    }
    const pictures = await open(images ?? 'builtin:shapes', IMAGE_SIZE);
    rows.push(...(await pairsOfViews(pictures, join(scratch, 'pixels.bin'))));
    pictures.dispose();
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

async function trainingViews({ train, mean, std }: Data, views: Record<string, ViewSpec>): Promise<number> {
  const totalSteps = stepsPerEpoch(train.size, BATCH);
  const options = { views, seed: 0, startStep: 0, totalSteps, threads: 0 };
  const loader = createLoader({ set: train, batchSize: BATCH, mean, std, ...options });
  for (let step = 0; step < totalSteps; step++) await loader.next();
  await loader.dispose();
  return totalSteps * BATCH;
}

/** Two views of each image, as SimCLR draws them, beside torchvision's of the same pixels, which `file` is to hold. */
async function pairsOfViews(data: Data, file: string): Promise<Row[]> {
  const full = stepsPerEpoch(data.train.size, BATCH) * BATCH;
  const train = subset(data.train, [...Array(Math.min(PAIRS, full)).keys()]);
  const pixels = Array.from({ length: train.size }, (_, i) => train.pixels(i));
  await writeFile(file, Buffer.concat(pixels));
  const rows: Row[] = [];
  for (const [what, transform] of [
    ["SimCLR's two views", SIMCLR],
    ["SimCLR's two views, with blur", { ...SIMCLR, blur: BLUR }],
  ] as const) {
    const view = { imageSize: IMAGE_SIZE, transform };
    const work = () => trainingViews({ ...data, train }, { first: view, second: view });
    const { mean, std } = data;
    const config = { file, side: IMAGE_SIZE, batch: BATCH, mean, std, ...transform };
    const peer = await startPeer('views_torchvision.py', config);
    if (!peer.name) console.log(`No peer for ${what}: ${peer.missing}`);
    rows.push(await measure(what, work, peer));
    await peer.stop();
  }
  return rows;
}

async function evaluationViews({ train, mean, std }: Data): Promise<number> {
  let images = 0;
  for await (const { count } of evalBatches(train, { batchSize: BATCH, mean, std })) images += count;
  return images;
}

/** `work` answers with the number of its images; a round of the peer is a pass over the same ones. */
async function measure(what: string, work: () => Promise<number>, peer?: Peer): Promise<Row> {
  const started = cpuSeconds();
  let images: number;
  do images = await work();
  while (cpuSeconds() - started < WARM_UP);
  const rates: number[] = [];
  const peerRates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = cpuSeconds();
    await work();
    rates.push(Math.round(images / (cpuSeconds() - before)));
    const theirs = peer?.name ? await peer.ask<number[]>(1) : [];
    for (const ms of theirs) peerRates.push(Math.round((images / ms) * 1e3));
  }
  const row = { what, images, perSecond: median(rates), slowest: Math.min(...rates), fastest: Math.max(...rates) };
  return peer?.name ? { ...row, peer: peer.name, peerPerSecond: median(peerRates) } : row;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

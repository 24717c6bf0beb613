import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import {
  createLoader,
  evalBatches,
  stepsPerEpoch,
  subset,
  viewBatches,
  type Batch,
  type Data,
  type Transform,
  type ViewSpec,
} from '../../../trainer/data';
import { drawView } from '../../../trainer/data/crop';
import { createResampler } from '../../../trainer/data/resample';
import { random } from '../../../trainer/random/random';
import { bundleWorker, open } from './helpers';

let workerFile: string;
beforeAll(async () => {
  workerFile = await bundleWorker();
});

const shapes = (train = 50): Promise<Data> =>
  open({ source: 'builtin:shapes', imageSize: 32, train, test: 20, workerFile });

async function load(data: Data, from: number, to: number, threads: number, batchSize = 8): Promise<Batch<'images'>[]> {
  const loader = createLoader({
    set: data.train,
    batchSize,
    seed: 3,
    views: { images: { imageSize: 32, transform: { crop: [0.2, 1], flip: true } } },
    mean: data.mean,
    std: data.std,
    startStep: from,
    totalSteps: to,
    threads,
  });
  try {
    const batches: Batch<'images'>[] = [];
    for (let step = from; step < to; step++) batches.push(await loader.next());
    return batches;
  } finally {
    await loader.dispose();
  }
}

test('batches are the same for any number of threads and from any step', async () => {
  const data = await shapes();
  const digests = async (from: number, threads: number) =>
    (await load(data, from, 15, threads)).map(({ step, views, labels, indices }) => {
      const hash = createHash('sha256').update(views.images).update(labels!).update(indices);
      return `${step} ${hash.digest('hex')}`;
    });
  const all = await digests(0, 0);
  expect(all.map((line) => parseInt(line))).toEqual(Array.from({ length: 15 }, (_, i) => i));
  expect(new Set(all.map((line) => line.split(' ')[1])).size).toBe(15);
  expect(await digests(0, 1)).toEqual(all);
  expect(await digests(0, 3)).toEqual(all);
  expect(await digests(7, 2)).toEqual(all.slice(7));
});

const simclr: Transform = {
  crop: [0.08, 1],
  flip: true,
  jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, probability: 0.8 },
  grayscale: 0.2,
  blur: { probability: 0.5, sigma: [0.1, 2] },
};
/** Two views as SimCLR has them, and a small one as of DINO. */
const several = {
  first: { imageSize: 32, transform: simclr },
  second: { imageSize: 32, transform: simclr },
  local: { imageSize: 12, transform: { ...simclr, crop: [0.05, 0.4], solarize: 0.2 } },
} as const;

async function loadSeveral<Name extends string>(
  data: Data,
  views: Readonly<Record<Name, ViewSpec>>,
  threads: number,
): Promise<Batch<Name>> {
  const options = { set: data.train, batchSize: 8, seed: 3, mean: data.mean, std: data.std, startStep: 5, threads };
  const loader = createLoader({ ...options, views });
  try {
    return await loader.next();
  } finally {
    await loader.dispose();
  }
}

test('a batch holds every view of the same images, each in its size', async () => {
  const { views, indices } = await loadSeveral(await shapes(), several, 0);
  expect(Object.keys(views)).toEqual(['first', 'second', 'local']);
  expect(views.first).toHaveLength(8 * 32 * 32 * 3);
  expect(views.local).toHaveLength(8 * 12 * 12 * 3);
  expect(indices).toHaveLength(8);
});

test('views of one image are drawn independently, by their name alone', async () => {
  const data = await shapes();
  const together = await loadSeveral(data, several, 0);
  expect(together.views.first).not.toEqual(together.views.second);
  const alone = await loadSeveral(data, { second: several.second }, 0);
  expect(alone.views.second).toEqual(together.views.second);
});

test('several views are the same for any number of threads', async () => {
  const data = await shapes();
  const here = await loadSeveral(data, several, 0);
  for (const threads of [1, 3]) expect(await loadSeveral(data, several, threads)).toEqual(here);
});

test('a view called images is drawn as it was before views had names', async () => {
  const data = await shapes();
  const transform = { crop: [0.2, 1], flip: true } as const;
  const { views, indices } = await loadSeveral(data, { images: { imageSize: 32, transform } }, 0);
  const expected = new Float32Array(views.images.length);
  for (const [row, index] of indices.entries()) {
    const { width, height } = data.train.place(index);
    const view = drawView(random(3, 'view', 0, index), width, height, transform);
    const scale = data.std.map((std) => 1 / (255 * std));
    const shift = data.mean.map((mean, c) => -mean / data.std[c]!);
    createResampler(32)(data.train.pixels(index), width, view, expected, row * 3072, scale, shift);
  }
  expect(views.images).toEqual(expected);
});

test('an epoch shows each image at most once, in an order of its own, with other views', async () => {
  const data = await shapes();
  expect(stepsPerEpoch(50, 8)).toBe(6);
  const batches = await load(data, 0, 12, 0);
  const seen = (from: number) => batches.slice(from, from + 6).flatMap((batch) => Array.from(batch.indices));
  expect(new Set(seen(0)).size).toBe(48);
  expect(new Set(seen(6)).size).toBe(48);
  expect(seen(6)).not.toEqual(seen(0));
  const viewOf = (index: number, from: number) => {
    const batch = batches.slice(from, from + 6).find((b) => b.indices.includes(index))!;
    const row = batch.indices.indexOf(index);
    return batch.views.images.slice(row * 3072, (row + 1) * 3072);
  };
  const both = seen(0).find((index) => seen(6).includes(index))!;
  expect(viewOf(both, 0)).not.toEqual(viewOf(both, 6));
});

test('labels follow their images', async () => {
  const data = await shapes();
  for (const batch of await load(data, 0, 6, 0)) {
    expect(Array.from(batch.labels!)).toEqual(Array.from(batch.indices, (index) => index % 10));
  }
});

test('normalised pixels of the training set have mean 0 and deviation 1', async () => {
  const data = await shapes(200);
  const sum = [0, 0, 0];
  const squares = [0, 0, 0];
  let count = 0;
  for await (const batch of evalBatches(data.train, { batchSize: 64, mean: data.mean, std: data.std })) {
    for (let i = 0; i < batch.count * 3072; i++) {
      sum[i % 3]! += batch.images[i]!;
      squares[i % 3]! += batch.images[i]! ** 2;
    }
    count += batch.count * 1024;
  }
  for (let c = 0; c < 3; c++) {
    expect(sum[c]! / count).toBeCloseTo(0, 4);
    expect(squares[c]! / count).toBeCloseTo(1, 4);
  }
});

test('evaluation batches hold the centre views in order, the last one padded', async () => {
  const { test: set, mean, std } = await shapes();
  const batches = [];
  for await (const batch of evalBatches(set!, { batchSize: 8, mean, std })) batches.push(batch);
  expect(batches.map((batch) => batch.count)).toEqual([8, 8, 4]);
  expect(batches.flatMap((batch) => Array.from(batch.indices))).toEqual(Array.from({ length: 20 }, (_, i) => i));
  const last = batches[2]!;
  expect(last.images).toHaveLength(8 * 3072);
  expect(last.images.slice(4 * 3072).every((value) => value === 0)).toBe(true);
  expect(Array.from(last.labels!)).toEqual([6, 7, 8, 9, 0, 0, 0, 0]);
  const denormalised = last.images.slice(0, 3072).map((v, i) => Math.round((v * std[i % 3]! + mean[i % 3]!) * 255));
  expect(Array.from(denormalised)).toEqual(Array.from(set!.pixels(16)));
});

test('a subset keeps ids, labels and pixels of the chosen images', async () => {
  const { train } = await shapes();
  const few = subset(train, [41, 7]);
  expect(few.size).toBe(2);
  expect(Array.from(few.labels!)).toEqual([1, 7]);
  expect([few.id(0), few.id(1)]).toEqual([train.id(41), train.id(7)]);
  expect(few.pixels(1)).toEqual(train.pixels(7));
});

test('a batch larger than the set names the field and the fix', async () => {
  const data = await shapes();
  const options = {
    set: data.train,
    seed: 0,
    views: { images: { imageSize: 32, transform: { crop: null, flip: false } } },
    mean: [0],
    std: [1],
    startStep: 0,
  };
  expect(() => createLoader({ ...options, batchSize: 64, field: 'pretrain.batchSize' })).toThrow(
    'pretrain.batchSize is 64 but there are only 50 training images. Lower pretrain.batchSize to at most 50',
  );
});

test('a thread that dies is an error at the next batch, not a hang', async () => {
  const data = await shapes();
  const dying = join(dirname(workerFile), 'dying.mjs');
  writeFileSync(
    dying,
    "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => process.exit(9));",
  );
  const loader = createLoader({
    set: { ...data.train, workerFile: dying },
    batchSize: 8,
    seed: 0,
    views: { images: { imageSize: 32, transform: { crop: null, flip: false } } },
    mean: data.mean,
    std: data.std,
    startStep: 0,
    threads: 2,
  });
  onTestFinished(() => loader.dispose());
  await expect(loader.next()).rejects.toThrow('an image-loading thread ended with code 9');
  await expect(loader.next()).rejects.toThrow('an image-loading thread ended with code 9');
});

test('a decoded file that is cut short under a running loader is named', async () => {
  const data = await shapes();
  writeFileSync(data.train.file, '');
  await expect(load(data, 0, 1, 1)).rejects.toThrow(`the decoded images in ${data.train.file} were cut short`);
});

test('the wait for data is counted from one question to the next', async () => {
  const data = await shapes();
  const loader = createLoader({
    set: data.train,
    batchSize: 8,
    seed: 0,
    views: { images: { imageSize: 32, transform: { crop: [0.2, 1], flip: true } } },
    mean: data.mean,
    std: data.std,
    startStep: 0,
    threads: 1,
  });
  onTestFinished(() => loader.dispose());
  expect(loader.waitMs()).toBe(0);
  await loader.next(); // waits for a thread to start
  expect(loader.waitMs()).toBeGreaterThan(0);
  expect(loader.waitMs()).toBe(0);
});

test('views of all images come in order, the same for any number of threads, and other ones for another view', async () => {
  const data = await shapes(21);
  const rows = async (view: number, threads: number) => {
    const { mean, std } = data;
    const options = {
      batchSize: 8,
      seed: 3,
      view,
      transform: { crop: [0.2, 1], flip: true },
      mean,
      std,
      threads,
    } as const;
    const images: string[] = [];
    for await (const batch of viewBatches(data.train, options)) {
      expect(batch.images).toHaveLength(8 * 32 * 32 * 3);
      for (let i = 0; i < batch.count; i++) {
        const image = batch.images.subarray(i * 32 * 32 * 3, (i + 1) * 32 * 32 * 3);
        images.push(createHash('sha256').update(image).digest('hex'));
      }
    }
    return images;
  };
  const first = await rows(0, 0);
  expect(first).toHaveLength(21);
  expect(await rows(0, 2)).toEqual(first);
  const second = await rows(1, 0);
  second.forEach((image, i) => expect(image).not.toBe(first[i]));
});

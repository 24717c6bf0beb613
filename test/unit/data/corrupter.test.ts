import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { corruptedPixels, createCorrupter, openTestImages, type Data, type EvalBatch } from '../../../trainer/data';
import { bundleWorker, open, temporaryFolder, writeClasses } from './helpers';

let workerFile: string;
beforeAll(async () => {
  workerFile = await bundleWorker();
});

const shapes = (): Promise<Data> => open({ source: 'builtin:shapes', imageSize: 32, train: 50, test: 20, workerFile });
const fog = { name: 'fog', severity: 4 } as const;

async function batchesOf(data: Data, threads: number, batchSize: number, seed = 3) {
  const indices = Int32Array.from([1, 4, 5, 11, 17]);
  const corrupter = createCorrupter({ ...data, set: data.test!, indices, batchSize, seed, threads });
  onTestFinished(() => corrupter.dispose());
  const batches: Omit<EvalBatch, 'labels'>[] = [];
  for await (const batch of corrupter.batches(fog)) batches.push(batch);
  return batches;
}

const length = 32 * 32 * 3;

test('corrupted images are the same for any number of threads and any batch', async () => {
  const data = await shapes();
  const whole = await batchesOf(data, 0, 5);
  const parts = await batchesOf(data, 2, 2);
  expect(parts.map(({ count }) => count)).toEqual([2, 2, 1]);
  const images = parts.flatMap((batch) => [...batch.images.subarray(0, batch.count * length)]);
  expect(images).toEqual([...whole[0]!.images]);
  expect(parts.flatMap(({ indices }) => [...indices])).toEqual([1, 4, 5, 11, 17]);
  expect(parts[2]!.images.subarray(length)).toEqual(new Float32Array(length));
});

test('each image has draws of its own, that another seed changes', async () => {
  const data = await shapes();
  const [batch] = await batchesOf(data, 0, 5);
  const [other] = await batchesOf(data, 0, 5, 4);
  expect(batch!.images).not.toEqual(other!.images);
  const pixels = async (index: number) => await corruptedPixels(data.test!, index, 3, fog);
  expect(await pixels(4)).not.toEqual(await pixels(5));
});

test('what is shown is what is judged', async () => {
  const data = await shapes();
  const [batch] = await batchesOf(data, 0, 5);
  const { mean, std } = data;
  const shown = Float32Array.from(await corruptedPixels(data.test!, 11, 3, fog), (level, i) => {
    return (level / 255 - mean[i % 3]!) / std[i % 3]!;
  });
  expect(batch!.images.subarray(3 * length, 4 * length)).toEqual(shown);
});

test('images from elsewhere get the class numbers of the training images', async () => {
  const folder = temporaryFolder();
  await writeClasses(folder, ['dog', 'cat'], 3);
  const options = { source: folder, imageSize: 8, maxBadFiles: 0, seed: 0, baseFolder: '/', threads: 0 };
  const cacheFolder = `${folder}/.cache`;
  const { test, dispose } = await openTestImages({ ...options, cacheFolder }, 'a.field', ['bird', 'cat', 'dog']);
  onTestFinished(() => dispose());
  expect(test.size).toBe(6);
  for (let i = 0; i < test.size; i++) expect(test.labels![i]).toBe(test.id(i).includes('cat') ? 1 : 2);

  const strange = openTestImages({ ...options, cacheFolder }, 'a.field', ['bird', 'cat']);
  await expect(strange).rejects.toThrow(/^a\.field: class dog of .* is not among the training classes/);
});

test('images from elsewhere without classes, or that are not there, are refused with the field', async () => {
  const folder = temporaryFolder();
  await writeClasses(folder, ['.'], 3);
  const options = {
    imageSize: 8,
    maxBadFiles: 0,
    seed: 0,
    baseFolder: '/',
    threads: 0,
    cacheFolder: `${folder}/.cache`,
  };
  const opened = (source: string) => openTestImages({ ...options, source }, 'robustness.shift.source', ['cat', 'dog']);
  await expect(opened(folder)).rejects.toThrow(/^robustness\.shift\.source: .* has no classes/);
  await expect(opened(`${folder}/none`)).rejects.toThrow(/^robustness\.shift\.source: /);
});

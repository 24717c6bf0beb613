/** What the method makes of the same few held-out images, as a sheet of pictures. */
import { join } from 'node:path';
import type { EventBody, ReconstructionFile } from '../../protocol/events';
import { encodeSheet, evalBatches, subset, tile, type Data, type ImageSet } from '../data/index';
import type { DeviceState, Engine } from '../engine/types';
import type { Method } from '../methods/index';
import { OPTIMIZER_PREFIX } from '../nn/optimizer';
import { random } from '../random/random';
import { makeFolder, replaceFile } from './synced';
import { stepName } from './names';

export interface Reconstructor {
  /** Writes the pictures of one step and returns the event that tells of them. */
  reconstruct(directory: string, state: DeviceState, step: number): Promise<EventBody>;
  dispose(): void;
}

const IMAGES = 8;
const columns = ['original', 'masked', 'reconstruction', 'pasted'] as const;

/** The images are a seeded choice of the test images (of the training images when there are none), their masks fixed. */
export async function createReconstructor(
  engine: Engine,
  method: Method,
  data: Data,
  { seed, maskRatio, trueStatistics }: { seed: number; maskRatio: number; trueStatistics: boolean },
  state: DeviceState,
): Promise<Reconstructor> {
  const source = data.test ?? data.train;
  const set = subset(source, random(seed, 'shown images').permutation(source.size).slice(0, IMAGES).sort());
  const inputs = method.inputs(set.size);
  const program = await engine.compile((params, given) => ({ outputs: method.pictures(params, given) }), {
    state: Object.fromEntries(Object.entries(state.specs).filter(([name]) => !name.startsWith(OPTIMIZER_PREFIX))),
    inputs,
  });
  const draws = method.draw(set.size, random(seed, 'shown masks'));
  const size = set.imageSize;
  const images = await allImages(set, data);

  async function reconstruct(directory: string, state: DeviceState, step: number): Promise<EventBody> {
    const pictures = await program.run(state, { ...draws, images });
    const tiles: Uint8Array[] = [];
    for (let image = 0; image < set.size; image++) {
      for (const column of columns) tiles.push(tile(pictures[column]!.data, image, size, data));
    }
    const name = `media/reconstruction-${stepName(step)}`;
    const content: ReconstructionFile = {
      step,
      png: `${name}.png`,
      imageSize: size,
      columns,
      images: Array.from({ length: set.size }, (_, i) => ({
        id: set.id(i),
        label: set.labels && data.classes?.[set.labels[i]!],
        loss: pictures.loss!.data[i]!,
      })),
      trueStatistics,
      maskRatio,
    };
    await makeFolder(join(directory, 'media'));
    await replaceFile(join(directory, content.png), await encodeSheet(tiles, size, columns.length));
    await replaceFile(join(directory, `${name}.json`), JSON.stringify(content));
    return { type: 'reconstruction', step, file: `${name}.json` };
  }
  return { reconstruct, dispose: () => program.dispose() };
}

/** [size of the set, H, W, 3], normalised. */
async function allImages(set: ImageSet, data: Data): Promise<Float32Array> {
  for await (const { images } of evalBatches(set, { ...data, batchSize: set.size })) return images;
  throw new Error('There are no images to show.');
}

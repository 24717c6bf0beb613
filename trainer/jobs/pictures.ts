/** What the method makes of the same few held-out images, as a sheet of pictures. */
import { join } from 'node:path';
import type { EventBody, PicturesFile } from '../../protocol/events';
import { createLoader, encodeSheet, subset, tile, type Data, type ImageSet, type ViewSpec } from '../data/index';
import type { DeviceState, Engine } from '../engine/types';
import type { Method } from '../methods/index';
import { OPTIMIZER_PREFIX } from '../nn/optimizer';
import { random } from '../random/random';
import { makeFolder, replaceFile } from './synced';
import { stepName } from './names';

export interface Painter {
  /** Writes the pictures of one step and returns the event that tells of them. `given` is what the step is given besides images and chance. */
  paint(directory: string, state: DeviceState, step: number, given: Record<string, Float32Array>): Promise<EventBody>;
  dispose(): void;
}

const IMAGES = 8;

/** The images are a seeded choice of the test images (of the training images when there are none), all draws fixed. */
export async function createPainter(
  engine: Engine,
  method: Method,
  data: Data,
  seed: number,
  state: DeviceState,
): Promise<Painter> {
  const source = data.test ?? data.train;
  const chosen = subset(source, random(seed, 'shown images').permutation(source.size).slice(0, IMAGES).sort());
  const { title, columns, note, paint: draw, read } = method.pictures;
  const program = await engine.compile((params, given) => ({ outputs: draw(params, given) }), {
    state: Object.fromEntries(Object.entries(state.specs).filter(([name]) => !name.startsWith(OPTIMIZER_PREFIX))),
    inputs: method.inputs(chosen.size),
  });
  const draws = method.draw(chosen.size, random(seed, 'shown masks'));
  const { set, views } = await drawViews(method, chosen, data, seed);

  async function paint(
    directory: string,
    state: DeviceState,
    step: number,
    given: Record<string, Float32Array>,
  ): Promise<EventBody> {
    const painted = await program.run(state, { ...draws, ...views, ...given });
    const size = painted[columns[0]!.name]!.shape[1]!;
    const tiles: Uint8Array[] = [];
    for (let image = 0; image < set.size; image++) {
      for (const { name } of columns) tiles.push(tile(painted[name]!.data, image, size, data));
    }
    const { answers, ...reading } = read?.(painted) ?? {};
    const name = `media/pictures-${stepName(step)}`;
    const content: PicturesFile = {
      step,
      title,
      png: `${name}.png`,
      imageSize: size,
      columns: columns.map(({ title }) => title),
      images: Array.from({ length: set.size }, (_, i) => ({
        id: set.id(i),
        label: set.labels && data.classes?.[set.labels[i]!],
        loss: painted.loss!.data[i]!,
        answer: answers?.[i],
      })),
      note,
      ...reading,
    };
    await makeFolder(join(directory, 'media'));
    await replaceFile(join(directory, content.png), await encodeSheet(tiles, size, columns.length));
    await replaceFile(join(directory, `${name}.json`), JSON.stringify(content));
    return { type: 'pictures', step, file: `${name}.json` };
  }
  return { paint, dispose: () => program.dispose() };
}

/** What is drawn of a held-out image. What is called `images` is the centre view, whole and upright. */
export function heldOutViews({ views }: Method): Readonly<Record<string, ViewSpec>> {
  const whole = { crop: null, flip: false };
  return Object.fromEntries(
    Object.entries(views).map(([name, view]) => [name, name === 'images' ? { ...view, transform: whole } : view]),
  );
}

/** One batch of all images, and the images in its order. */
async function drawViews(method: Method, set: ImageSet, data: Data, seed: number) {
  const options = { ...data, set, batchSize: set.size, seed, startStep: 0, totalSteps: 1, threads: 0 };
  const loader = createLoader({ ...options, views: heldOutViews(method) });
  try {
    const batch = await loader.next();
    return { set: subset(set, batch.indices), views: batch.views };
  } finally {
    await loader.dispose();
  }
}

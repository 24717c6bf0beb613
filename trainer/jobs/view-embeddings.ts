/** Embeddings of random views of the same images. */
import { createLoader, type Data, type ImageSet } from '../data/index';
import type { DeviceState } from '../engine/types';
import type { Embedder, Embeddings } from '../evals/index';
import type { Method } from '../methods/index';

type Views = Method['views'];

export interface ViewOptions {
  readonly set: ImageSet;
  readonly views: Views;
  readonly data: Pick<Data, 'mean' | 'std'>;
  readonly seed: number;
  /** Images that the embedder takes at once. */
  readonly batchSize: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (done: number) => void;
}

/** What a method wants to look alike: two ways to draw a view of the whole image, which may be the same. */
export function viewsToAlign({ views }: Method): Views {
  const all = Object.values(views);
  const side = Math.max(...all.map(({ imageSize }) => imageSize));
  const [first, second] = all.filter(({ imageSize }) => imageSize === side);
  if (second) return { first: first!, second };
  // A task of one view need not crop, and then its views would be the same.
  const { crop } = first!.transform;
  const cropped = { ...first!, transform: { ...first!.transform, crop: crop ?? ([0.5, 1] as [number, number]) } };
  return { first: cropped, second: cropped };
}

/**
 * Embeds views of the images in batches of equal size; the few that are left over are left out. The same call draws the
 * same views.
 *
 * @returns by the view's name, one row per image, images in the same order in all.
 */
export async function embedViews<Name extends string>(
  embedder: Embedder,
  state: DeviceState,
  {
    set,
    views,
    data,
    seed,
    batchSize,
    signal,
    onProgress,
  }: ViewOptions & { readonly views: Record<Name, Views[string]> },
): Promise<Record<Name, Embeddings>> {
  const names = Object.keys(views) as Name[];
  const batches = Math.ceil(set.size / batchSize);
  const count = Math.floor(set.size / batches);
  const { mean, std } = data;
  const loader = createLoader({
    set,
    batchSize: count,
    seed,
    views,
    mean,
    std,
    startStep: 0,
    totalSteps: batches,
    threads: 0,
  });
  const parts = names.map((): Embeddings[] => []);
  try {
    for (let batch = 0; batch < batches; batch++) {
      const drawn = await loader.next();
      for (const [i, name] of names.entries()) {
        const images = drawn.views[name];
        const padded = new Float32Array((images.length / count) * batchSize);
        padded.set(images);
        parts[i]!.push(await embedder.embed(state, only({ images: padded, count }), { signal }));
        onProgress?.((batch + (i + 1) / names.length) / batches);
      }
    }
  } finally {
    await loader.dispose();
  }
  return Object.fromEntries(names.map((name, i) => [name, joined(parts[i]!)])) as Record<Name, Embeddings>;
}

// eslint-disable-next-line @typescript-eslint/require-await
async function* only<T>(item: T): AsyncGenerator<T> {
  yield item;
}

function joined(parts: readonly Embeddings[]): Embeddings {
  const { width } = parts[0]!;
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const values = new Float32Array(size * width);
  let at = 0;
  for (const part of parts) {
    values.set(part.values, at);
    at += part.values.length;
  }
  return { values, size, width };
}

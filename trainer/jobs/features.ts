/** Embeddings of the images by a frozen encoder, kept beside the run so that a second look is quick. */
import { createHash } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { evalBatches, viewBatches, type Data } from '../data/index';
import type { Engine, HostTensor, HostTensors } from '../engine/types';
import { createEmbedder, type Embeddings } from '../evals/index';
import type { Encoder } from '../nn/encoder';
import { keepSafetensors, readSafetensors } from './safetensors';

const BATCH = 128;

/** The two sets as they are, or the training images as augmented, each view with draws of its own. */
export type SetName = 'train' | 'test' | `view-${number}`;

/** Of augmented views, as MAE's and DINO's linear evaluations take them: torchvision's random resized crop, and flip. */
const AUGMENTED = { crop: [0.08, 1], flip: true } as const;

export interface FeatureOptions {
  readonly engine: Engine;
  readonly encoder: Encoder;
  readonly data: Data;
  /** The features of so many blocks, the last ones, side by side; 1 by default, for the embedding. */
  readonly layers?: number;
  /** Of the augmented views. */
  readonly seed: number;
  readonly onProgress: (done: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Embeds the sets of images that are asked for with the given weights, or reads what an earlier call kept in `file`.
 *
 * @param weights what the encoder's parameters are called in a checkpoint.
 */
export async function features<Name extends SetName>(
  file: string,
  weights: HostTensors,
  sets: readonly Name[],
  { engine, encoder, data, layers = 1, seed, onProgress, signal }: FeatureOptions,
): Promise<Record<Name, Embeddings>> {
  const key = fingerprint(engine, weights, data, [layers, seed]);
  const kept = await readSafetensors(file).catch(() => undefined);
  const tensors: Record<string, HostTensor> = kept?.metadata.key === key ? { ...kept.tensors } : {};
  const missing = sets.filter((name) => !tensors[name]);
  if (missing.length > 0) {
    const size = data.train.imageSize;
    const state = engine.upload(weights);
    const embedder = await createEmbedder(engine, encoder, state.specs, [BATCH, size, size, 3], undefined, layers);
    try {
      const images = missing.reduce((sum, name) => sum + setOf(data, name).size, 0);
      let done = 0;
      for (const name of missing) {
        const batches = told(batchesOf(data, name, seed), (n) => {
          onProgress((done += n) / images);
        });
        tensors[name] = tensor(await embedder.embed(state, batches, { signal }));
      }
      await keepSafetensors(file, tensors, { key });
    } finally {
      embedder.dispose();
      state.dispose();
    }
  }
  return Object.fromEntries(sets.map((name) => [name, rows(tensors[name]!)])) as Record<Name, Embeddings>;
}

const setOf = ({ train, test }: Data, name: SetName) => (name === 'test' ? test! : train);

function batchesOf(data: Data, name: SetName, seed: number) {
  const { mean, std } = data;
  const set = setOf(data, name);
  if (name === 'train' || name === 'test') return evalBatches(set, { mean, std, batchSize: BATCH });
  const view = Number(name.slice('view-'.length));
  return viewBatches(set, { mean, std, batchSize: BATCH, seed, view, transform: AUGMENTED });
}

/** Of everything that the embeddings depend on. */
export function fingerprint(
  engine: Engine,
  weights: HostTensors,
  { train, test, mean, std }: Data,
  how: readonly number[] = [],
): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(weights).sort()) hash.update(name).update(weights[name]!.data);
  hash.update(JSON.stringify([engine.description, train.imageSize, mean, std, how]));
  for (const set of [train, test]) {
    if (!set) continue;
    // Decoded pixels lie in a folder whose name changes with any file that they come from.
    hash.update(JSON.stringify([basename(dirname(set.file)), set.size]));
    for (let i = 0; i < set.size; i++) hash.update(set.id(i)).update('\n');
  }
  return hash.digest('hex');
}

const tensor = ({ values, size, width }: Embeddings): HostTensor => ({
  data: values,
  shape: [size, width],
  dtype: 'float32',
});

const rows = ({ data, shape }: HostTensor): Embeddings => ({
  values: data as Float32Array,
  size: shape[0]!,
  width: shape[1]!,
});

async function* told<T extends { readonly count: number }>(batches: AsyncIterable<T>, tell: (count: number) => void) {
  for await (const batch of batches) {
    yield batch;
    tell(batch.count);
  }
}

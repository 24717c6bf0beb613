/** Embeddings of all labelled images by a frozen encoder, kept beside the run so that a second look is quick. */
import { createHash } from 'node:crypto';
import { evalBatches, type Data, type ImageSet } from '../data/index';
import type { Engine, HostTensor, HostTensors } from '../engine/types';
import { createEmbedder, type Embeddings, type TrainAndTest } from '../evals/index';
import type { Encoder } from '../nn/encoder';
import { keepSafetensors, readSafetensors } from './safetensors';

const BATCH = 128;

export interface FeatureOptions {
  readonly engine: Engine;
  readonly encoder: Encoder;
  readonly data: Data;
  readonly onProgress: (done: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Embeds the training and test images with the given weights, or reads what an earlier call kept in `file`.
 *
 * @param weights what the encoder's parameters are called in a checkpoint.
 */
export async function features(
  file: string,
  weights: HostTensors,
  { engine, encoder, data, onProgress, signal }: FeatureOptions,
): Promise<TrainAndTest<Embeddings>> {
  const test = data.test!;
  const key = fingerprint(engine, weights, data);
  const kept = await readSafetensors(file).catch(() => undefined);
  if (kept?.metadata.key === key) return { train: rows(kept.tensors.train!), test: rows(kept.tensors.test!) };

  const size = data.train.imageSize;
  const state = engine.upload(weights);
  const embedder = await createEmbedder(engine, encoder, state.specs, [BATCH, size, size, 3]);
  try {
    const images = data.train.size + test.size;
    let done = 0;
    const embed = (set: ImageSet) =>
      embedder.embed(
        state,
        told(evalBatches(set, { ...data, batchSize: BATCH }), (n) => onProgress((done += n) / images)),
        {
          signal,
        },
      );
    const embedded = { train: await embed(data.train), test: await embed(test) };
    await keepSafetensors(file, { train: tensor(embedded.train), test: tensor(embedded.test) }, { key });
    return embedded;
  } finally {
    embedder.dispose();
    state.dispose();
  }
}

/** Of everything that the embeddings depend on. */
function fingerprint(engine: Engine, weights: HostTensors, { train, test, mean, std }: Data): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(weights).sort()) hash.update(name).update(weights[name]!.data);
  // The statistics are those of all pixels, so they change with the content of a file.
  hash.update(JSON.stringify([engine.description, train.imageSize, mean, std, train.size, test?.size]));
  for (const set of [train, test]) for (let i = 0; i < (set?.size ?? 0); i++) hash.update(set!.id(i)).update('\n');
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

/** What two encoders' classifiers say of corrupted images, kept beside the run so that nothing finished is done again. */
import { createHash } from 'node:crypto';
import { createCorrupter, evalBatches, type CorruptionKey, type Data, type ImageSet } from '../data/index';
import type { Engine, HostTensors } from '../engine/types';
import { createEmbedder, type Both, type Classify, type ImageBatch } from '../evals/index';
import { encoderOf, type Encoder } from '../nn/encoder';
import { fingerprint } from './features';
import { keepSafetensors, readSafetensors } from './safetensors';

const BATCH = 128;

export interface ClassifierOptions {
  readonly engine: Engine;
  readonly encoder: Encoder;
  /** The run's images: their statistics are what encoders were trained with. */
  readonly data: Data;
  /** The images to corrupt, and which of them. */
  readonly set: ImageSet;
  readonly indices: Int32Array;
  readonly weights: Both<HostTensors>;
  readonly classify: Both<Classify>;
  /** What besides these the predictions depend on, as far as JSON tells it apart. */
  readonly given: unknown;
  /** Where predictions are kept. */
  readonly file: string;
  readonly seed: number;
  readonly signal: AbortSignal;
}

export interface Classifier {
  /** Predictions for the corrupted images; as an earlier call kept them, if one did. */
  corrupted(corruption: CorruptionKey): Promise<Both<Int32Array>>;
  /** Predictions for images as they are. */
  clean(images: ImageSet): Promise<Both<Int32Array>>;
  dispose(): Promise<void>;
}

/** Compiles the encoder once for both sets of weights. */
export async function createClassifier(options: ClassifierOptions): Promise<Classifier> {
  const { engine, encoder, data, set, indices, classify, file, seed, signal } = options;
  const { imageSize } = data.train;
  const states = {
    pretrained: engine.upload(encoderOf(options.weights.pretrained)),
    randomInit: engine.upload(encoderOf(options.weights.randomInit)),
  };
  const embedder = await createEmbedder(engine, encoder, states.pretrained.specs, [BATCH, imageSize, imageSize, 3]);
  const corrupter = createCorrupter({ ...data, set, indices, batchSize: BATCH, seed });
  const key = keyOf(options);
  const kept = await readSafetensors(file).catch(() => undefined);
  const tensors: Record<string, HostTensors[string]> = kept?.metadata.key === key ? { ...kept.tensors } : {};

  async function predict(size: number, batches: AsyncIterable<ImageBatch>): Promise<Both<Int32Array>> {
    const { width } = encoder;
    const rows = { pretrained: new Float32Array(size * width), randomInit: new Float32Array(size * width) };
    let done = 0;
    for await (const batch of batches) {
      for (const name of ['pretrained', 'randomInit'] as const) {
        const { values } = await embedder.embed(states[name], only(batch), { signal });
        rows[name].set(values, done * width);
      }
      done += batch.count;
    }
    const told = (name: keyof Both<unknown>) => classify[name]({ values: rows[name], size, width }, signal);
    return { pretrained: await told('pretrained'), randomInit: await told('randomInit') };
  }

  return {
    async corrupted(corruption) {
      const size = indices.length;
      const name = `${corruption.name}.${corruption.severity}`;
      const known = tensors[name]?.data as Int32Array | undefined;
      if (known?.length === 2 * size) return { pretrained: known.slice(0, size), randomInit: known.slice(size) };
      const told = await predict(size, corrupter.batches(corruption));
      const both = Int32Array.of(...told.pretrained, ...told.randomInit);
      tensors[name] = { data: both, shape: [2, size], dtype: 'int32' };
      await keepSafetensors(file, tensors, { key });
      return told;
    },
    clean: (images) => predict(images.size, evalBatches(images, { ...data, batchSize: BATCH })),
    async dispose() {
      embedder.dispose();
      states.pretrained.dispose();
      states.randomInit.dispose();
      await corrupter.dispose();
    },
  };
}

function keyOf({ engine, data, indices, weights, given, seed }: ClassifierOptions): string {
  const parts = [fingerprint(engine, weights.pretrained, data), fingerprint(engine, weights.randomInit, data)];
  return createHash('sha256')
    .update(JSON.stringify([...parts, [...indices], given, seed]))
    .digest('hex');
}

// eslint-disable-next-line @typescript-eslint/require-await
async function* only<T>(value: T) {
  yield value;
}

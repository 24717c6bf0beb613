import { concat, type Tensor2D, type Tensor4D } from '@tensorflow/tfjs-core';
import type { DeviceState, Engine, Specs, Tensors } from '../engine/types';
import { encoderOf, type Encoder } from '../nn/encoder';
import type { Embeddings, ImageBatch, Watch } from './types';

/**
 * Embeds every valid image of `batches` after each block of the encoder, the last as its embedding.
 *
 * @param weights by the encoder's names.
 * @param imagesShape of a batch, [B, H, W, C].
 */
export async function embedByLayer(
  engine: Engine,
  encoder: Encoder,
  weights: DeviceState,
  imagesShape: readonly [number, number, number, number],
  batches: AsyncIterable<ImageBatch>,
  { signal }: Pick<Watch, 'signal'> = {},
): Promise<Embeddings[]> {
  const program = await engine.compile(
    (params, { images }) => {
      const layers = encoder.embedLayers(params, images as Tensor4D);
      return { outputs: Object.fromEntries(layers.map((layer, i) => [`layer${i}`, layer])) };
    },
    { state: weights.specs, inputs: { images: { shape: imagesShape, dtype: 'float32' } } },
  );
  const layers: { readonly width: number; readonly rows: Float32Array[] }[] = [];
  try {
    for await (const { images, count } of batches) {
      signal?.throwIfAborted();
      const outputs = await program.run(weights, { images });
      for (let i = 0; outputs[`layer${i}`]; i++) {
        const { data, shape } = outputs[`layer${i}`]!;
        const width = shape[1]!;
        (layers[i] ??= { width, rows: [] }).rows.push((data as Float32Array).slice(0, count * width));
      }
    }
  } finally {
    program.dispose();
  }
  return layers.map(({ width, rows }) => {
    const values = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0));
    rows.reduce((at, row) => (values.set(row, at), at + row.length), 0);
    return { values, size: values.length / width, width };
  });
}

/** The weights of the encoder have gone astray. */
export class NotFiniteError extends Error {}

export interface Embedder {
  /** Embeds every valid image of `batches` with the encoder's parameters in `state`. */
  embed(state: DeviceState, batches: AsyncIterable<ImageBatch>, watch?: Pick<Watch, 'signal'>): Promise<Embeddings>;
  dispose(): void;
}

/**
 * Compiles the encoder for inference, once for many checkpoints.
 *
 * @param state any device state with the encoder's parameters: only its shapes are used.
 * @param imagesShape of a batch, [B, H, W, C].
 * @param evaluated gives the tensors of a state by the encoder's names, where they have others.
 * @param layers the features of so many blocks, the last ones, side by side (Caron et al. 2021); 1 for the embedding.
 */
export async function createEmbedder(
  engine: Engine,
  encoder: Encoder,
  state: Specs,
  imagesShape: readonly [number, number, number, number],
  evaluated: <T>(state: Readonly<Record<string, T>>) => Readonly<Record<string, T>> = (state) => state,
  layers = 1,
): Promise<Embedder> {
  const names = encoderOf(evaluated(Object.fromEntries(Object.keys(state).map((name) => [name, name]))));
  const parameters = Object.fromEntries(Object.values(names).map((name) => [name, state[name]!]));
  const embedding = (params: Tensors, images: Tensor4D): Tensor2D => {
    if (layers === 1) return encoder.embed(params, images);
    return concat(encoder.embedLayers(params, images).slice(-layers), 1); // [B, sum of the blocks' widths]
  };
  const program = await engine.compile(
    (params, { images }) => ({ outputs: { embedding: embedding(evaluated(params), images as Tensor4D) } }),
    { state: parameters, inputs: { images: { shape: imagesShape, dtype: 'float32' } } },
  );
  const width = program.outputs.embedding!.shape[1]!;

  async function embed(weights: DeviceState, batches: AsyncIterable<ImageBatch>, watch: Pick<Watch, 'signal'> = {}) {
    const parts: Float32Array[] = [];
    let size = 0;
    for await (const { images, count } of batches) {
      watch.signal?.throwIfAborted();
      const { embedding } = await program.run(weights, { images });
      const rows = (embedding!.data as Float32Array).slice(0, count * width);
      if (!rows.every(Number.isFinite)) {
        throw new NotFiniteError(`The encoder gives embeddings that are not finite (from image ${size}).`);
      }
      parts.push(rows);
      size += count;
    }
    const values = new Float32Array(size * width);
    let at = 0;
    for (const part of parts) {
      values.set(part, at);
      at += part.length;
    }
    return { values, size, width };
  }
  return { embed, dispose: () => program.dispose() };
}

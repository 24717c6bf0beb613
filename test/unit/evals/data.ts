import type { Evaluation } from '../../../protocol/events';
import { random } from '../../../trainer/random/random';
import type { Embeddings, LabelledEmbeddings } from '../../../trainer/evals/types';

/** `size` points of `classes` Gaussian blobs in turn, `apart` standard deviations between their centres' coordinates. */
export function blobs(
  size: number,
  width: number,
  classes: number,
  { seed = 0, apart = 3, part = 'train' }: { seed?: number; apart?: number; part?: string } = {},
): LabelledEmbeddings {
  const centre = random(seed, 'centres');
  const centres = Array.from({ length: classes * width }, () => centre.normal() * apart);
  const noise = random(seed, 'noise', part);
  const labels = Int32Array.from({ length: size }, (_, i) => i % classes);
  const values = Float32Array.from(
    { length: size * width },
    (_, at) => centres[labels[Math.floor(at / width)]! * width + (at % width)]! + noise.normal(),
  );
  return { embeddings: { values, size, width }, labels };
}

/** Points that know nothing of any class. */
export function noise(size: number, width: number, seed = 0): Embeddings {
  const draws = random(seed, 'pure noise', size);
  return { values: Float32Array.from({ length: size * width }, () => draws.normal()), size, width };
}

export const names = (count: number) => Array.from({ length: count }, (_, i) => `class ${i}`);

export async function collect<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

/** The rows of a protocol that finds more than them. */
export async function evaluationsOf(
  results: AsyncIterable<{ readonly evaluation: Evaluation }>,
): Promise<Evaluation[]> {
  return (await collect(results)).map(({ evaluation }) => evaluation);
}

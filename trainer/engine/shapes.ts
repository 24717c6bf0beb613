import type { Specs, TensorSpec } from './types';

/** Number of elements. */
export const size = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

export const specsOf = (tensors: Readonly<Record<string, { shape: readonly number[]; dtype: string }>>): Specs =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, { shape, dtype }]) => [name, { shape: [...shape], dtype } as TensorSpec]),
  );

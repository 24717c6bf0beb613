import { matMul, mul, sub, sum } from '@tensorflow/tfjs-core';
import type { Engine } from '../engine/types';
import { squaredDistance, type Points } from './distances';
import { mostSimilar } from './knn';
import { createPace } from './pace';
import type { Watch } from './types';

/** Rows compared with all others in one product. */
const BLOCK = 256;

export interface NearnessBlock {
  /** The rows of `some` that it is of. */
  readonly first: number;
  readonly count: number;
  /** [count, all.size]: 2 a.b - |b|^2, so the higher, the nearer, but for the rounding of float32. */
  readonly nearness: Float32Array;
}

/** How near all points are to some, a block of rows at a time, by the engine's matrix product. */
export async function* nearnessBlocks(
  engine: Engine,
  some: Points,
  all: Points,
  { signal }: Pick<Watch, 'signal'> = {},
): AsyncGenerator<NearnessBlock, void> {
  const { size, width } = all;
  const block = Math.min(some.size, BLOCK);
  // Less is lost to rounding near the origin.
  const origin = meanOf(all);
  const state = engine.upload({ all: { shape: [size, width], dtype: 'float32', data: from(origin, all) } });
  const program = await engine.compile(
    ({ all }, { rows }) => {
      const lengths = sum(mul(all!, all!), 1); // [size]
      return { outputs: { nearness: sub(mul(2, matMul(rows!, all!, false, true)), lengths) } }; // [block, size]
    },
    { state: state.specs, inputs: { rows: { shape: [block, width], dtype: 'float32' } } },
  );
  try {
    const moved = from(origin, some);
    const rows = new Float32Array(block * width);
    for (let first = 0; first < some.size; first += block) {
      signal?.throwIfAborted();
      const count = Math.min(block, some.size - first);
      rows.set(moved.subarray(first * width, (first + count) * width));
      const nearness = (await program.run(state, { rows })).nearness!.data as Float32Array;
      yield { first, count, nearness };
    }
  } finally {
    program.dispose();
    state.dispose();
  }
}

export interface Neighbours {
  /** [size, count]: of each point the nearest others, ascending. */
  readonly rows: Int32Array;
  /** Their squared distances, in double precision. */
  readonly squared: Float64Array;
}

/** The `count` nearest neighbours of each point, itself excluded. */
export async function nearestNeighbours(
  engine: Engine,
  points: Points,
  count: number,
  watch: Pick<Watch, 'signal'> = {},
): Promise<Neighbours> {
  const { size } = points;
  const pace = createPace(watch.signal);
  const rows = new Int32Array(size * count);
  const squared = new Float64Array(size * count);
  for await (const block of nearnessBlocks(engine, points, points, watch)) {
    for (let b = 0; b < block.count; b++) {
      const i = block.first + b;
      const others = block.nearness.subarray(b * size, (b + 1) * size);
      others[i] = -Infinity;
      const found = mostSimilar(others, count).rows.sort();
      rows.set(found, i * count);
      found.forEach((j, n) => (squared[i * count + n] = squaredDistance(points, i, points, j)));
    }
    await pace();
  }
  return { rows, squared };
}

function meanOf({ values, size, width }: Points): Float64Array {
  const mean = new Float64Array(width);
  for (let i = 0, at = 0; i < size; i++) for (let c = 0; c < width; c++) mean[c]! += values[at++]! / size;
  return mean;
}

/** The rows as seen from `origin` [width]. */
function from(origin: Float64Array, { values, size, width }: Points): Float32Array {
  const rows = new Float32Array(size * width);
  for (let i = 0, at = 0; i < size; i++) for (let c = 0; c < width; c++, at++) rows[at] = values[at]! - origin[c]!;
  return rows;
}

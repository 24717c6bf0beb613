/** Cases of ops (test/ops/case.ts) as assertions. */
import { compared, errorOf, float, reference, results, TOLERANCE, type Case } from '../../ops/case';
import type { Engine, HostTensors } from '../../../trainer/engine/types';

/** Throws unless `engine` computes for every case what the reference does, up to rounding. */
export async function agree(engine: Engine, cases: readonly Case[]): Promise<void> {
  const { differences, expected } = await compared(engine, cases);
  for (const found of differences.values()) {
    for (const { what, got, want } of found) close(what, got, want, TOLERANCE);
  }
  for (const one of cases) if (one.smooth) await matchesDifferences(one, expected);
}

function close(what: string, got: number, want: number, tolerance: number): void {
  if (!(errorOf(got, want) <= tolerance)) throw new Error(`${what} is ${got}, expected ${want}`);
}

/** The gradient along one direction against the difference of two values: an oracle that no gradient code shares. */
async function matchesDifferences({ name, inputs, f }: Case, expected: HostTensors): Promise<void> {
  const h = 1 / 128;
  const directions = inputs.map(({ shape }, i) => float(shape, 20 + i, -1, 1).data);
  const moved = (sign: number) =>
    inputs.map(
      (input, i) =>
      input.dtype === 'int32' ? input : { ...input, data: Float32Array.from(input.data, (v, j) => v + sign * h * directions[i]![j]!) }, // prettier-ignore
    );
  const losses = await Promise.all(
    [1, -1].map(async (sign) => {
      const run = await results(reference, [{ name, inputs: moved(sign), f }]);
      const value = run[`${name}/value`]!;
      return dot(value.data, float(value.shape, 7).data);
    }),
  );
  const slope = (losses[0]! - losses[1]!) / (2 * h);
  const along = inputs.map((_, i) => dot(expected[`${name}/gradient ${i}`]?.data ?? [], directions[i]!));
  close(
    `${name}: slope`,
    along.reduce((a, b) => a + b, 0),
    slope,
    2e-2,
  );
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

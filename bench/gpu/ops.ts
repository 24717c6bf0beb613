/** A group of ops on an engine, each value and gradient against the reference. */
import { createEngine } from '../../trainer/engine/index';
import type { Engine } from '../../trainer/engine/types';
import { compared, TOLERANCE, type Case, type Difference } from '../../test/ops/case';
import { opGroups } from '../../test/ops/cases';
import type { OpsPart } from './parts';

/** A type, since a row of the file is any record. */
export type OpRow = {
  readonly draws: number;
  readonly isRight: boolean;
  /** Relative to values above 1, absolute below; where, and the two values. Infinity is not JSON's, so a text. */
  readonly worst: { readonly error: number | 'infinite'; readonly what: string; readonly values: string };
  /** Why it could not be run. */
  readonly failed?: string;
};

const unchecked: OpRow = { draws: 0, isRight: false, worst: { error: 0, what: '', values: '' } };

export async function checkOps(
  { device, group: name, draws }: OpsPart,
  gpu: string | undefined,
  tell: (op: string, row: OpRow) => void,
): Promise<void> {
  const samples = opGroups.find((group) => group.name === name)!.sample(1, draws);
  const rows = new Map(samples.flat().map((one) => [one.name, unchecked]));
  // Told before anything is tried, so that a crash leaves them unchecked rather than unheard of.
  for (const [op, row] of rows) tell(op, row);
  const engine = await createEngine({ engine: 'onnx', device, gpu });
  for (const cases of samples) {
    for (const [op, found] of await tried(engine, cases)) {
      const row = joined(rows.get(op)!, found);
      rows.set(op, row);
      tell(op, row);
    }
  }
}

/** All cases in one program, which is quick; where that fails each by itself, to see which it is. */
async function tried(
  engine: Engine,
  cases: readonly Case[],
): Promise<ReadonlyMap<string, readonly Difference[] | Error>> {
  try {
    return (await compared(engine, cases)).differences;
  } catch (error) {
    if (cases.length === 1) return new Map([[cases[0]!.name, error as Error]]);
    const alone: (readonly [string, readonly Difference[] | Error])[] = [];
    for (const one of cases) alone.push(...(await tried(engine, [one])));
    return new Map(alone);
  }
}

function joined(row: OpRow, found: readonly Difference[] | Error): OpRow {
  const draws = row.draws + 1;
  if (found instanceof Error) return { ...row, draws, isRight: false, failed: found.message.slice(0, 500) };
  const { error, what, got, want } = found.reduce((a, b) => (b.error > a.error ? b : a));
  const isWorst = row.draws === 0 || error > Number(row.worst.error === 'infinite' ? Infinity : row.worst.error);
  const worst = isWorst
    ? { error: Number.isFinite(error) ? error : ('infinite' as const), what, values: `${got}, expected ${want}` }
    : row.worst;
  return { ...row, draws, isRight: (row.isRight || row.draws === 0) && error <= TOLERANCE, worst };
}

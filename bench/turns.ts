/** Processes that are measured against each other, each asked in turn. */
import { median } from './median';
import type { Peer } from './peer';

export const THREADS = 2;
const ROUNDS = 5;

/** Times of so many steps, or batches of embeddings, in ms. */
export const timesOf = (side: Peer, what: 'step' | 'embed', count: number) => side.ask<number[]>({ do: what, count });

/** The median of each side's times, in ms, of as many rounds of `count`. */
export async function takeTurns(sides: readonly Peer[], what: 'step' | 'embed', count: number): Promise<number[]> {
  const times = sides.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++)
    for (const [i, side] of sides.entries()) times[i]!.push(...(await timesOf(side, what, count)));
  return times.map(median);
}

/** Starts all of them and stops them after `measure`; undefined, with the reason on the console, where one cannot run. */
export async function measured<T>(
  started: readonly Promise<Peer>[],
  measure: (...sides: Peer[]) => Promise<T>,
): Promise<T | undefined> {
  const sides = await Promise.all(started);
  try {
    const missing = sides.filter(({ name }) => name === null);
    for (const side of missing) console.log(`Cannot be measured: ${side.missing}`);
    return missing.length === 0 ? await measure(...sides) : undefined;
  } finally {
    for (const side of sides) await side.stop();
  }
}

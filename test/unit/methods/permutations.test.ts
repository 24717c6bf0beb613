import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distantPermutations } from '../../../trainer/methods/permutations';

/** The orders one by one. */
function orders(tiles: number, count: number, seed: number): number[][] {
  const flat = distantPermutations(tiles, count, seed);
  return Array.from({ length: count }, (_, i) => [...flat.subarray(i * tiles, (i + 1) * tiles)]);
}

const distance = (a: readonly number[], b: readonly number[]) => a.filter((tile, place) => tile !== b[place]).length;
const nearest = (order: readonly number[], others: readonly number[][]) =>
  Math.min(...others.map((other) => distance(order, other)));

function allOrders(tiles: readonly number[]): number[][] {
  if (tiles.length === 0) return [[]];
  return tiles.flatMap((tile) => allOrders(tiles.filter((other) => other !== tile)).map((rest) => [tile, ...rest]));
}

describe('permutations of a jigsaw', () => {
  it('are orders of all tiles, none twice', () => {
    for (const [tiles, count] of [
      [4, 24],
      [9, 200],
    ] as const) {
      const set = orders(tiles, count, 1);
      for (const order of set) expect(order.toSorted((a, b) => a - b)).toEqual([...Array(tiles).keys()]);
      expect(new Set(set.map(String)).size).toBe(count);
    }
  });

  it('are each as far from those before as any order is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5 }), fc.nat(), (tiles, seed) => {
        const every = allOrders([...Array(tiles).keys()]);
        const set = orders(tiles, Math.min(30, every.length), seed);
        for (let i = 1; i < set.length; i++) {
          const before = set.slice(0, i);
          expect(nearest(set[i]!, before)).toBe(Math.max(...every.map((order) => nearest(order, before))));
        }
      }),
      { numRuns: 10 },
    );
  });

  it('begin with as many orders as tiles that agree nowhere', () => {
    for (const tiles of [4, 9]) {
      const set = orders(tiles, tiles, 5);
      for (let i = 1; i < tiles; i++) expect(nearest(set[i]!, set.slice(0, i))).toBe(tiles);
    }
  });

  it('are the first ones of any larger set of the same seed, and others with another seed', () => {
    expect(orders(9, 100, 7).slice(0, 20)).toEqual(orders(9, 20, 7));
    expect(orders(9, 20, 8)).not.toEqual(orders(9, 20, 7));
  });

  it('cannot be more than there are', () => {
    expect(() => distantPermutations(4, 25, 0)).toThrow('4 tiles have 24 orders, fewer than 25');
  });
});

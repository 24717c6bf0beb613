import { describe, expect, it } from 'vitest';
import { sinCosPositions } from '../../../trainer/nn/positions';

describe('sine-cosine positions', () => {
  const row = (side: number, width: number, patch: number) =>
    [...sinCosPositions(side, width)].slice(patch * width, (patch + 1) * width);

  it('encode the column in the first half and the row in the second, sines before cosines', () => {
    // Of a grid of 3, patch 5 stands in row 1, column 2; a width of 8 has the frequencies 1 and 1/100.
    const expected = [2, 1].flatMap((at) => [Math.sin(at), Math.sin(at / 100), Math.cos(at), Math.cos(at / 100)]);
    expect(row(3, 8, 5)).toEqual(expected.map(Math.fround));
  });

  it('tell every place of the grid from every other', () => {
    const rows = Array.from({ length: 49 }, (_, patch) => row(7, 4, patch).join());
    expect(new Set(rows).size).toBe(49);
  });

  it('of a coarser grid laid over a finer one are those in between', () => {
    // Four patches over one of 6 a side: each covers 1.5 of them, with centres at 0.25, 1.75, 3.25 and 4.75.
    const patch = [...sinCosPositions(4, 8, 6)].slice(6 * 8, 7 * 8);
    const expected = [3.25, 1.75].flatMap((at) => [Math.sin(at), Math.sin(at / 100), Math.cos(at), Math.cos(at / 100)]);
    expect(patch).toEqual(expected.map(Math.fround));
  });

  it('want a width that is a multiple of four', () => {
    expect(() => sinCosPositions(2, 6)).toThrow(/multiple of 4, not 6/);
  });
});

import sharp from 'sharp';
import { expect, test } from 'vitest';
import { encodeSheet, tile } from '../../../trainer/data';

test('tiles fill a sheet row by row; a missing one stays black', async () => {
  const flat = (value: number) => new Uint8Array(2 * 2 * 3).fill(value);
  const png = await encodeSheet([flat(10), flat(20), flat(30)], 2, 2);
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([4, 4, 3]);
  const at = (x: number, y: number) => data[(y * 4 + x) * 3];
  expect([at(1, 1), at(2, 0), at(0, 2), at(3, 3)]).toEqual([10, 20, 30, 0]);
});

test('a tile undoes the normalisation and clamps', () => {
  const statistics = { mean: [0.5, 0.5, 0], std: [0.25, 0.5, 1] };
  expect(Array.from(tile([9, 9, 9, 0, -1, 0.2], 1, 1, statistics))).toEqual([128, 0, 51]);
  expect(Array.from(tile([9, 9, 9, 0, -1, 0.2], 0, 1, statistics))).toEqual([255, 255, 255]);
});

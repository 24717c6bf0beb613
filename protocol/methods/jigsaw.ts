import * as z from 'zod';
import { optimizerConfig, positiveInt, transformConfig } from '../training';
import { pretrainFields } from './shared';

export const JigsawConfig = z.strictObject({
  method: z
    .literal('jigsaw')
    .describe('Jigsaw puzzle (Noroozi and Favaro 2016): tell in which order the tiles of an image were laid out.'),
  ...pretrainFields,
  grid: z.int().min(2).max(3).default(3).describe('Tiles along one side of an image.'),
  tileSize: z
    .int()
    .min(3)
    .optional()
    .describe(
      'Side of a tile in pixels, a multiple of `patchSize`; what is left of its cell is gap and jitter. Without it about three quarters of the cell, as 64 of 85 in the paper.',
    ),
  permutations: z
    .int()
    .min(2)
    .max(2000)
    .default(100)
    .describe('How many orders to tell apart, chosen as different as can be; 4 tiles have 24.'),
  hiddenWidth: positiveInt
    .default(512)
    .describe('Width of the hidden layer that sees all tiles, thrown away afterwards.'),
  transform: transformConfig({ crop: [0.5, 1], grayscale: 0.3 }),
  optimizer: optimizerConfig({ baseLr: 1e-3 }),
});

export type JigsawConfig = z.output<typeof JigsawConfig>;

/** Where the tiles of a jigsaw are, in px: each somewhere in its cell, the cells side by side inside a margin. */
export interface Tiling {
  readonly cell: number;
  readonly tile: number;
  readonly margin: number;
}

/** How many orders `tiles` tiles have. */
export function orderCount(tiles: number): number {
  return tiles < 2 ? 1 : tiles * orderCount(tiles - 1);
}

/** A wrong config may have tiles that are larger than their cells. */
export function tilingOf({ grid, tileSize, backbone }: JigsawConfig, imageSize: number): Tiling {
  const cell = Math.floor(imageSize / grid);
  const unit = backbone.type === 'vit' ? backbone.patchSize : 1;
  // Halves are rounded down: the gap keeps edges from giving the order away.
  const usual = unit * Math.max(1, Math.ceil((0.75 * cell) / unit - 0.5));
  return { cell, tile: tileSize ?? usual, margin: Math.floor((imageSize - grid * cell) / 2) };
}

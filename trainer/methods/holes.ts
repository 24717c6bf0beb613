/** Holes in images, as Pathak et al. 2016 cut them: a square in the middle, or several blocks that may overlap. */
import type { InpaintingConfig } from '../../protocol/config';
import type { TypedArray } from '../engine/types';
import type { Random } from '../random/random';

type Holes = Pick<InpaintingConfig, 'hole' | 'holeArea' | 'overlap'>;

interface Block {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** Side in px of the square of that share of the image. */
export const squareSide = (area: number, imageSize: number): number => Math.round(Math.sqrt(area) * imageSize);

/**
 * For each image [imageSize, imageSize, 1]: `hole`, 1 where it is cut out, and `overlap`, 1 in the band around that.
 * Blocks are laid until they cover at least the share `holeArea`.
 */
export function drawHoles(
  { hole: kind, holeArea, overlap }: Holes,
  batchSize: number,
  imageSize: number,
  random: Random,
): Record<string, TypedArray> {
  const pixels = imageSize * imageSize;
  const band = Math.round(overlap * imageSize);
  const hole = new Float32Array(batchSize * pixels);
  const around = new Float32Array(batchSize * pixels);
  for (let start = 0; start < hole.length; start += pixels) {
    const cut = hole.subarray(start, start + pixels);
    const grown = around.subarray(start, start + pixels);
    let covered = 0;
    const lay = (block: Block) => {
      covered += fill(cut, imageSize, block);
      fill(grown, imageSize, widened(block, band, imageSize));
    };
    if (kind === 'centre') lay(centre(holeArea, imageSize));
    else while (covered < Math.max(1, Math.round(holeArea * pixels))) lay(anywhere(holeArea, imageSize, random));
    cut.forEach((isCut, pixel) => (grown[pixel]! -= isCut));
  }
  return { hole, overlap: around };
}

function centre(area: number, imageSize: number): Block {
  const side = squareSide(area, imageSize);
  const start = Math.floor((imageSize - side) / 2);
  return { top: start, left: start, height: side, width: side };
}

/** About a quarter of the area: each side is half to one and a half times that of such a square. */
function anywhere(area: number, imageSize: number, random: Random): Block {
  const side = () => Math.max(1, Math.round(Math.sqrt(area / 4) * imageSize * (0.5 + random.uniform())));
  const [height, width] = [side(), side()];
  return { top: random.int(imageSize - height + 1), left: random.int(imageSize - width + 1), height, width };
}

/** As far as the image goes. */
function widened({ top, left, height, width }: Block, by: number, imageSize: number): Block {
  const [from, first] = [Math.max(0, top - by), Math.max(0, left - by)];
  const [to, last] = [Math.min(imageSize, top + height + by), Math.min(imageSize, left + width + by)];
  return { top: from, left: first, height: to - from, width: last - first };
}

/** Sets the block's pixels to 1 and counts those that were not. */
function fill(mask: Float32Array, imageSize: number, { top, left, height, width }: Block): number {
  let fresh = 0;
  for (let row = top; row < top + height; row++) {
    for (let pixel = row * imageSize + left; pixel < row * imageSize + left + width; pixel++) {
      fresh += 1 - mask[pixel]!;
      mask[pixel] = 1;
    }
  }
  return fresh;
}

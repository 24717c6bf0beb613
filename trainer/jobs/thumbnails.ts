/** Small pictures of images, as tiles of a sheet. */
import type { ImageSet } from '../data/index';

/** The centre view of each image as a tile [side, side, 3], 8-bit. */
export async function thumbnails(set: ImageSet, side: number): Promise<Uint8Array[]> {
  const { default: sharp } = await import('sharp');
  const whole = { width: set.imageSize, height: set.imageSize, channels: 3 } as const;
  const tiles: Uint8Array[] = [];
  for (let i = 0; i < set.size; i++) {
    const pixels = set.pixels(i);
    tiles.push(
      side === set.imageSize ? pixels : await sharp(pixels, { raw: whole }).resize(side, side).raw().toBuffer(),
    );
  }
  return tiles;
}

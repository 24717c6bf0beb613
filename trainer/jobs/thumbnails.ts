/** Small pictures of images, as tiles of a sheet. */
import type { ImageSet } from '../data/index';

/** The centre view of each image as a tile [side, side, 3], 8-bit. */
export async function thumbnails(set: ImageSet, side: number): Promise<Uint8Array[]> {
  const tiles: Uint8Array[] = [];
  for (let i = 0; i < set.size; i++) tiles.push(await thumbnail(set.pixels(i), set.imageSize, side));
  return tiles;
}

/** pixels [size, size, 3] -> a tile [side, side, 3]. */
export async function thumbnail(pixels: Uint8Array, size: number, side: number): Promise<Uint8Array> {
  if (side === size) return pixels;
  const { default: sharp } = await import('sharp');
  return sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .resize(side, side)
    .raw()
    .toBuffer();
}

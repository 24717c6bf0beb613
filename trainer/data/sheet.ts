/** Pictures for people: a grid of square tiles as one image. */

/**
 * Tiles [size, size, 3], 8-bit, row after row with `columns` a row. A missing tile stays black. WebP loses a little, and takes
 * an eighth of the room.
 */
export async function encodeSheet(
  tiles: readonly (Uint8Array | undefined)[],
  tileSize: number,
  columns: number,
  format: 'png' | 'webp' = 'png',
): Promise<Buffer> {
  const { default: sharp } = await import('sharp');
  const width = columns * tileSize;
  const height = Math.max(1, Math.ceil(tiles.length / columns)) * tileSize;
  const sheet = Buffer.alloc(width * height * 3);
  for (const [i, tile] of tiles.entries()) {
    if (!tile) continue;
    const left = (i % columns) * tileSize;
    const top = Math.floor(i / columns) * tileSize;
    for (let row = 0; row < tileSize; row++) {
      sheet.set(tile.subarray(row * tileSize * 3, (row + 1) * tileSize * 3), ((top + row) * width + left) * 3);
    }
  }
  return sharp(sheet, { raw: { width, height, channels: 3 } })
    .toFormat(format)
    .toBuffer();
}

/** Image `index` of normalised pixels [count, size, size, 3] as an 8-bit tile, out-of-range values clamped. */
export function tile(
  images: ArrayLike<number>,
  index: number,
  size: number,
  { mean, std }: { readonly mean: readonly number[]; readonly std: readonly number[] },
): Uint8Array {
  const length = size * size * 3;
  const start = index * length;
  return Uint8Array.from({ length }, (_, i) => {
    const c = i % 3;
    return Math.min(255, Math.max(0, Math.round((images[start + i]! * std[c]! + mean[c]!) * 255)));
  });
}

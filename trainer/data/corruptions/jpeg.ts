import { same, type Picture } from './picture';

/** What a picture [side, side, 3] is after it was kept as a baseline JPEG, its colours at half the resolution. */
export async function encoded(picture: Picture, quality: number): Promise<Picture> {
  const { default: sharp } = await import('sharp');
  const { side } = picture;
  const pixels = Uint8Array.from(picture.values, (value) => Math.round(255 * value));
  const file = await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: '4:2:0' })
    .toBuffer();
  const decoded = await sharp(file).raw().toBuffer();
  return same(
    picture,
    Float64Array.from(decoded, (level) => level / 255),
  );
}

/** One image, whatever its file looks like, as 8-bit sRGB pixels. */
import { readFileSync, statSync } from 'node:fs';
import type { SharpOptions } from 'sharp';
import { DataError, reasonOf } from './errors';
import type { Origin } from './item';
import { readRecord } from './records';
import { drawShape } from './shapes';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3], row-major. */
  readonly pixels: Uint8Array;
}

/** Larger images are refused: decoding one would take over 300 MB in every thread. */
export const maxPixels = 100_000_000;
const maxFileBytes = 512 * 1024 * 1024;
/** First bytes of what is read; libvips never sees another format, whatever the file is called. */
const signatures = [/^\xff\xd8\xff/, /^\x89PNG/, /^GIF8/, /^RIFF....WEBP/s, /^II\x2a\0/, /^MM\0\x2a/];
/** What shows through transparent pixels. */
export const backdrop = '#ffffff';

/**
 * The pixels of `origin`. Photos are kept with their aspect ratio and a shorter side of at most `side` px
 * (never enlarged). Throws an Error that says in a few words why the file cannot be read.
 */
export async function decode(origin: Origin, side: number): Promise<Picture> {
  switch (origin.kind) {
    case 'shape':
      return { width: side, height: side, pixels: drawShape(origin.index, side) };
    case 'record':
      return shrunk(readRecord(origin.records, origin.index), side);
    case 'file':
      return decodeFile(origin.path, side);
  }
}

/** libvips, loaded when the first file is decoded. Our threads work on images side by side: none needs its own. */
async function vips() {
  const { default: sharp } = await import('sharp');
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}
let loaded: ReturnType<typeof vips> | undefined;

async function decodeFile(path: string | Uint8Array, side: number): Promise<Picture> {
  const sharp = await (loaded ??= vips());
  const bytes = contents(path);
  if (!signatures.some((signature) => signature.test(bytes.toString('latin1', 0, 12)))) {
    throw new DataError('not a JPEG, PNG, WebP, GIF or TIFF image');
  }
  const options: SharpOptions = {
    failOn: 'error',
    limitInputPixels: maxPixels,
    sequentialRead: true,
    autoOrient: true,
  };
  try {
    const { data, info } = await sharp(bytes, options)
      .flatten({ background: backdrop })
      .resize(side, side, { fit: 'outside', withoutEnlargement: true })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, pixels: rgb(data, info.channels) };
  } catch (error) {
    // Only the header is read here, so a picture of any size can be asked for its size.
    const header = await sharp(bytes, { limitInputPixels: false })
      .metadata()
      .catch(() => undefined);
    if (header && header.width * header.height > maxPixels) {
      const { width, height } = header;
      throw new DataError(`${width} x ${height} px is over the limit of ${maxPixels / 1e6} megapixels; shrink it`);
    }
    throw new DataError(`damaged or truncated (${firstLine(error)})`);
  }
}

/** Read at one go: this thread has nothing else to do, and for small files waiting costs more than reading. */
function contents(path: string | Uint8Array): Buffer {
  const name = typeof path === 'string' ? path : Buffer.from(path);
  let bytes: Buffer;
  try {
    const { size } = statSync(name);
    if (size > maxFileBytes) throw new DataError(`the file is over ${maxFileBytes / 1024 / 1024} MB; shrink it`);
    bytes = readFileSync(name);
  } catch (error) {
    throw error instanceof DataError ? error : new DataError(reasonOf(error));
  }
  if (bytes.length === 0) throw new DataError('the file is empty');
  return bytes;
}

/** Grey images come out of libvips with one channel. */
function rgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const out = new Uint8Array((data.length / channels) * 3);
  for (let i = 0, o = 0; i < data.length; i += channels, o += 3) {
    out[o] = out[o + 1] = out[o + 2] = data[i]!;
  }
  return out;
}

async function shrunk(picture: Picture, side: number): Promise<Picture> {
  const { width, height, pixels } = picture;
  if (Math.min(width, height) <= side) return picture;
  const sharp = await (loaded ??= vips());
  const { data, info } = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize(side, side, { fit: 'outside' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, pixels: data };
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0]!;
}

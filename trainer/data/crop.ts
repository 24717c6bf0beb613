/** What part of an image a view shows: a random crop, mirrored or not, or the centre. */
import type { Random } from '../random/random';

/** A rectangle of the source in whole pixels, and whether it is mirrored. */
export interface View {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly flip: boolean;
}

/** How a view is framed. `crop` is the range of the crop's share of the image's area; null for the centre. */
export interface Framing {
  readonly crop: readonly [low: number, high: number] | null;
  /** Mirrored in half of the views. */
  readonly flip: boolean;
}

const aspect = [Math.log(3 / 4), Math.log(4 / 3)] as const;

/**
 * Random resized crop as in Inception training (Szegedy et al. 2015): area uniform in the range, aspect ratio
 * log-uniform in 3/4..4/3; after ten misses the largest centred crop whose aspect ratio is in range.
 */
export function drawView(random: Random, width: number, height: number, { crop, flip }: Framing): View {
  const box = crop ? randomBox(random, width, height, crop) : centreBox(width, height);
  return { ...box, flip: flip && random.uniform() < 0.5 };
}

function randomBox(random: Random, width: number, height: number, [low, high]: readonly [number, number]) {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * (low + (high - low) * random.uniform());
    const ratio = Math.exp(aspect[0] + (aspect[1] - aspect[0]) * random.uniform());
    const w = Math.round(Math.sqrt(area * ratio));
    const h = Math.round(Math.sqrt(area / ratio));
    if (w > 0 && h > 0 && w <= width && h <= height) {
      return { x: random.int(width - w + 1), y: random.int(height - h + 1), width: w, height: h };
    }
  }
  const w = Math.min(width, Math.max(1, Math.round((height * 4) / 3)));
  const h = Math.min(height, Math.max(1, Math.round((width * 4) / 3)));
  return { x: (width - w) >> 1, y: (height - h) >> 1, width: w, height: h };
}

/** The largest centred square: what evaluation sees. */
export function centreView(width: number, height: number): View {
  return { ...centreBox(width, height), flip: false };
}

function centreBox(width: number, height: number) {
  const side = Math.min(width, height);
  return { x: (width - side) >> 1, y: (height - side) >> 1, width: side, height: side };
}

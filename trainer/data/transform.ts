/**
 * Random views of an image for pretext tasks: crop, flip, colour jitter, greyscale, blur and solarization in the order of
 * SimCLR (Chen et al. 2020), BYOL (Grill et al. 2020) and DINO (Caron et al. 2021), then normalised.
 */
import type { Random } from '../random/random';
import { createBlurrer, type Blur } from './blur';
import { jitter, solarize, toGreyscale, type Jitter } from './colour';
import { drawView, type Framing } from './crop';
import { createResampler } from './resample';

/** How a view is drawn. What is absent, null or 0 is off. */
export interface Transform extends Framing {
  readonly jitter?: Jitter | null;
  /** Share of the views that lose their colour. */
  readonly grayscale?: number;
  readonly blur?: Blur | null;
  /** Share of the views whose bright half is inverted. */
  readonly solarize?: number;
}

/** One of the views that a batch holds of each image. */
export interface ViewSpec {
  /** Side in px. */
  readonly imageSize: number;
  readonly transform: Transform;
}

/** Draws views of one size; keeps its scratch memory, so one serves one thread. */
export interface Viewer {
  /**
   * source [height, width, 3] -> out [size, size, 3] from `at`, as value * scale[c] + shift[c] of the 0..255 value. The
   * view is a pure function of the source, of what `random` gives and of the transform.
   */
  (
    source: Uint8Array,
    width: number,
    height: number,
    transform: Transform,
    random: Random,
    out: Float32Array,
    at: number,
    scale: readonly number[],
    shift: readonly number[],
  ): void;
}

const unscaled = [1, 1, 1];
const unshifted = [0, 0, 0];

export function createViewer(size: number): Viewer {
  const resample = createResampler(size);
  const blur = createBlurrer(size);
  const pixels = new Float32Array(size * size * 3);
  return (source, width, height, transform, random, out, at, scale, shift) => {
    const view = drawView(random, width, height, transform);
    if (!recolours(transform)) {
      resample(source, width, view, out, at, scale, shift);
      return;
    }
    resample(source, width, view, pixels, 0, unscaled, unshifted);
    const happens = (probability = 0) => probability > 0 && random.uniform() < probability;
    if (transform.jitter && happens(transform.jitter.probability)) jitter(pixels, random, transform.jitter);
    if (happens(transform.grayscale)) toGreyscale(pixels);
    if (transform.blur && happens(transform.blur.probability)) {
      const [low, high] = transform.blur.sigma;
      blur(pixels, low + (high - low) * random.uniform());
    }
    if (happens(transform.solarize)) solarize(pixels);
    normalise(pixels, out, at, scale, shift);
  };
}

/** Whether anything happens between resampling and normalising; otherwise the two are one pass. */
function recolours({ jitter, grayscale, blur, solarize }: Transform): boolean {
  return Boolean(jitter?.probability || grayscale || blur?.probability || solarize);
}

function normalise(
  pixels: Float32Array,
  out: Float32Array,
  at: number,
  scale: readonly number[],
  shift: readonly number[],
): void {
  const [scale0 = 1, scale1 = 1, scale2 = 1] = scale;
  const [shift0 = 0, shift1 = 0, shift2 = 0] = shift;
  for (let i = 0, o = at; i < pixels.length; i += 3, o += 3) {
    out[o] = pixels[i]! * scale0 + shift0;
    out[o + 1] = pixels[i + 1]! * scale1 + shift1;
    out[o + 2] = pixels[i + 2]! * scale2 + shift2;
  }
}

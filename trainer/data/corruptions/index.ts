/**
 * The 15 common corruptions of Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
 * Perturbations" (2019), at five severities, written from the paper and its constants. Images of up to 84 px get those of
 * CIFAR-10-C (32 px), larger ones those of ImageNet-C (224 px): whichever is nearer in ratio. Lengths in px are as
 * published, whatever the size. Where the code that made those sets does something else than its paper says, the sets are
 * followed: they are what published figures were measured on. Frost is ours (frost.ts).
 */
import type { Random } from '../../random/random';
import { defocusBlur, glassBlur, motionBlur, zoomBlur } from './blur';
import type { Corruption, Severity } from './corruption';
import { contrast, elasticTransform, jpegCompression, pixelate } from './digital';
import { gaussianNoise, impulseNoise, shotNoise } from './noise';
import { brightness, fog, frost, snow } from './weather';

export { constantsFor, type Severity } from './corruption';

/** By the names of the published files, in their order. */
export const corruptions = {
  gaussian_noise: gaussianNoise,
  shot_noise: shotNoise,
  impulse_noise: impulseNoise,
  defocus_blur: defocusBlur,
  glass_blur: glassBlur,
  motion_blur: motionBlur,
  zoom_blur: zoomBlur,
  snow,
  frost,
  fog,
  brightness,
  contrast,
  elastic_transform: elasticTransform,
  pixelate,
  jpeg_compression: jpegCompression,
} satisfies Readonly<Record<string, Corruption>>;

export type CorruptionName = keyof typeof corruptions;

/** An image [side, side, 3], 8-bit, corrupted: a pure function of it and of what `random` gives. Levels are cut off, not rounded, as in the sets. */
export async function corrupted(
  pixels: Uint8Array,
  side: number,
  { name, severity }: { readonly name: CorruptionName; readonly severity: Severity },
  random: Random,
): Promise<Uint8Array> {
  const values = Float64Array.from({ length: side * side * 3 }, (_, i) => pixels[i]! / 255);
  const { values: out } = await corruptions[name].apply({ side, channels: 3, values }, severity, random);
  // A level that went through arithmetic unchanged must not fall by one.
  return Uint8Array.from(out, (value) => Math.floor(255 * Math.min(1, Math.max(0, value)) + 1e-6));
}

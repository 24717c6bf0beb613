/**
 * Changes of colour, in place, on 8-bit values kept as floats: [..., 3] in 0..255 before and after. The formulae are those
 * of torchvision and PIL without their rounding to whole levels, and luma weighs the channels as Rec. 601 and PIL do.
 */
import type { Random } from '../random/random';

/** Colour jitter as in torchvision: factors uniform in 1 - x .. 1 + x, the hue turned by up to `hue` turns either way. */
export interface Jitter {
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** In turns of the colour circle, at most 1/2. */
  readonly hue: number;
  /** Share of the views that are jittered at all. */
  readonly probability: number;
}

/** Draws four changes and makes them in an order that is drawn too. */
export function jitter(pixels: Float32Array, random: Random, ranges: Omit<Jitter, 'probability'>): void {
  const order = random.permutation(4);
  const brightness = factor(random, ranges.brightness);
  const contrast = factor(random, ranges.contrast);
  const saturation = factor(random, ranges.saturation);
  const turns = ranges.hue * (2 * random.uniform() - 1);
  for (const change of order) {
    if (change === 0) adjustBrightness(pixels, brightness);
    else if (change === 1) adjustContrast(pixels, contrast);
    else if (change === 2) adjustSaturation(pixels, saturation);
    else shiftHue(pixels, turns);
  }
}

/** Uniform in 1 - x .. 1 + x, but never below 0. */
function factor(random: Random, x: number): number {
  const low = Math.max(0, 1 - x);
  return low + (1 + x - low) * random.uniform();
}

/** Away from black, or towards it. */
export function adjustBrightness(pixels: Float32Array, factor: number): void {
  if (factor === 1) return;
  for (let i = 0; i < pixels.length; i++) pixels[i] = clamp(factor * pixels[i]!);
}

/** Away from the view's mean luma, or towards it. */
export function adjustContrast(pixels: Float32Array, factor: number): void {
  if (factor === 1) return;
  let sum = 0;
  for (let i = 0; i < pixels.length; i += 3) sum += luma(pixels[i]!, pixels[i + 1]!, pixels[i + 2]!);
  const rest = ((1 - factor) * sum) / (pixels.length / 3);
  for (let i = 0; i < pixels.length; i++) pixels[i] = clamp(factor * pixels[i]! + rest);
}

/** Away from each pixel's own luma, or towards it. */
export function adjustSaturation(pixels: Float32Array, factor: number): void {
  if (factor === 1) return;
  for (let i = 0; i < pixels.length; i += 3) {
    const red = pixels[i]!;
    const green = pixels[i + 1]!;
    const blue = pixels[i + 2]!;
    const rest = (1 - factor) * luma(red, green, blue);
    pixels[i] = clamp(factor * red + rest);
    pixels[i + 1] = clamp(factor * green + rest);
    pixels[i + 2] = clamp(factor * blue + rest);
  }
}

/** Turns the hue in HSV; value and saturation stay, so greys do. */
export function shiftHue(pixels: Float32Array, turns: number): void {
  const shift = 6 * (turns - Math.floor(turns));
  if (shift === 0) return;
  for (let i = 0; i < pixels.length; i += 3) {
    const red = pixels[i]!;
    const green = pixels[i + 1]!;
    const blue = pixels[i + 2]!;
    const least = Math.min(red, green, blue);
    const most = Math.max(red, green, blue);
    const chroma = most - least;
    if (chroma === 0) continue;
    // In sixths of the circle, from red: -1..5, then turned and brought back to 0..6.
    let hue =
      most === red ? (green - blue) / chroma : most === green ? 2 + (blue - red) / chroma : 4 + (red - green) / chroma;
    hue += shift;
    if (hue < 0) hue += 6;
    else if (hue >= 6) hue -= 6;
    // Each channel is a plateau of two sixths around its own hue, with a ramp of one sixth on either side.
    pixels[i] = least + chroma * ramp(Math.abs(hue - 3) - 1);
    pixels[i + 1] = least + chroma * ramp(2 - Math.abs(hue - 2));
    pixels[i + 2] = least + chroma * ramp(2 - Math.abs(hue - 4));
  }
}

/** All channels become the luma. */
export function toGreyscale(pixels: Float32Array): void {
  for (let i = 0; i < pixels.length; i += 3) {
    pixels[i] = pixels[i + 1] = pixels[i + 2] = luma(pixels[i]!, pixels[i + 1]!, pixels[i + 2]!);
  }
}

/** Inverts what is 128 or brighter. */
export function solarize(pixels: Float32Array): void {
  for (let i = 0; i < pixels.length; i++) if (pixels[i]! >= 128) pixels[i] = 255 - pixels[i]!;
}

/** Rec. 601. torchvision's tensors take 0.2989 for red, which makes white 254.97. */
function luma(red: number, green: number, blue: number): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

function ramp(x: number): number {
  return x < 0 ? 0 : x > 1 ? 1 : x;
}

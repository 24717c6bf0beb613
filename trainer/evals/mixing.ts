/**
 * Mixup (Zhang et al. 2017) and CutMix (Yun et al. 2019): each image of a batch is mixed with another one of it, and its
 * label likewise. All by drawn numbers that are given, on the host: what a step is fed is images and shares of classes.
 */
import { beta } from '../random/beta';
import type { Random } from '../random/random';

export interface MixOptions {
  /** Mixup: alpha of the Beta distribution that shares are drawn from; 0 for none. */
  readonly mixup: number;
  /** CutMix likewise. */
  readonly cutmix: number;
  /** With both: how often a batch is mixed by CutMix. */
  readonly switchProbability: number;
}

/** How one batch is mixed. */
export interface Mix {
  /** Which image each one is mixed with, [B]. */
  readonly partners: Int32Array;
  /** How much of an image, and of its label, is its own. */
  readonly share: number;
  /** CutMix: the rows and columns that are the partner's, ends excluded. Absent for mixup, where all pixels are blended. */
  readonly box?: { readonly top: number; readonly bottom: number; readonly left: number; readonly right: number };
}

/** Draws how a batch is mixed, one share for all of it as in both papers; undefined when neither method is on. */
export function drawMix(
  draws: Random,
  { mixup, cutmix, switchProbability }: MixOptions,
  { batchSize, height, width }: { readonly batchSize: number; readonly height: number; readonly width: number },
): Mix | undefined {
  if (mixup === 0 && cutmix === 0) return undefined;
  const cuts = cutmix > 0 && (mixup === 0 || draws.uniform() < switchProbability);
  const share = beta(draws, cuts ? cutmix : mixup);
  const partners = draws.permutation(batchSize);
  if (!cuts) return { partners, share };
  // A box of (1 - share) of the area around a uniform centre; what sticks out of the image is cut off and given back.
  const side = Math.sqrt(1 - share);
  const [y, x] = [draws.int(height), draws.int(width)];
  const span = (centre: number, size: number) => {
    const half = Math.floor((size * side) / 2);
    return [Math.max(0, centre - half), Math.min(size, centre + half)] as const;
  };
  const [top, bottom] = span(y, height);
  const [left, right] = span(x, width);
  const area = (bottom - top) * (right - left);
  return { partners, share: 1 - area / (height * width), box: { top, bottom, left, right } };
}

/** images [B, H, W, C] -> mixed [B, H, W, C]. */
export function mixImages(
  images: Float32Array,
  [height, width, channels]: readonly [number, number, number],
  { partners, share, box }: Mix,
): Float32Array {
  const size = height * width * channels;
  const mixed = images.slice();
  partners.forEach((partner, image) => {
    const [own, other] = [image * size, partner * size];
    if (!box) {
      for (let i = 0; i < size; i++) mixed[own + i] = share * images[own + i]! + (1 - share) * images[other + i]!;
      return;
    }
    for (let row = box.top; row < box.bottom; row++) {
      const [from, to] = [(row * width + box.left) * channels, (row * width + box.right) * channels];
      mixed.set(images.subarray(other + from, other + to), own + from);
    }
  });
  return mixed;
}

/**
 * What the classifier is to answer, [B, classes], each row summing to 1: labels smoothed as by Szegedy et al. 2015 (the
 * right class has 1 - smoothing, and all of them smoothing / classes more), then mixed as the images are.
 */
export function targets(labels: Int32Array, classes: number, smoothing: number, mix?: Mix): Float32Array {
  const rows = new Float32Array(labels.length * classes).fill(smoothing / classes);
  const share = mix?.share ?? 1;
  labels.forEach((label, image) => {
    rows[image * classes + label]! += (1 - smoothing) * share;
    if (mix) rows[image * classes + labels[mix.partners[image]!]!]! += (1 - smoothing) * (1 - share);
  });
  return rows;
}

/** Which patches MAE hides, as in figure 6 of He et al. 2021: an order of the patches, the visible ones first. */
import type { MaeConfig } from '../../protocol/config';
import type { TypedArray } from '../engine/types';
import type { Random } from '../random/random';

type Masking = MaeConfig['masking'];

/**
 * For each image its own order of `side` x `side` patches of which the first `visible` stay: `shuffle` [B, N], and
 * `restore` [B, N], the place in it of each patch.
 */
export function drawShuffles(
  masking: Masking,
  batchSize: number,
  side: number,
  visible: number,
  random: Random,
): Record<string, TypedArray> {
  const patches = side * side;
  const shuffle = new Int32Array(batchSize * patches);
  const restore = new Int32Array(batchSize * patches);
  for (let start = 0; start < shuffle.length; start += patches) {
    const order = orders[masking](side, visible, random);
    shuffle.set(order, start);
    order.forEach((patch, place) => (restore[start + patch] = place));
  }
  return { shuffle, restore };
}

const orders: Record<Masking, (side: number, visible: number, random: Random) => Int32Array> = {
  /** Uniform random sampling without replacement. */
  random: (side, _visible, random) => random.permutation(side * side),

  /**
   * Rectangles as in BEiT (Bao et al. 2021), of at least 16 patches where that many are left to hide and of an aspect
   * ratio between 0.3 and 1 / 0.3, until enough are hidden; the last one is cut off where they are. Unlike there, the
   * number of hidden patches is always the same, so that all images fit into one batch.
   */
  block(side, visible, random) {
    const hidden = new Uint8Array(side * side);
    let left = hidden.length - visible;
    while (left > 0) {
      const area = Math.min(left, 16) + random.uniform() * Math.max(0, left - 16);
      const aspect = 0.3 ** (2 * random.uniform() - 1);
      const height = extent(Math.sqrt(area * aspect), side);
      const width = extent(Math.sqrt(area / aspect), side);
      const [top, first] = [random.int(side - height + 1), random.int(side - width + 1)];
      for (let place = 0; place < height * width && left > 0; place++) {
        const patch = (top + Math.floor(place / width)) * side + first + (place % width);
        left -= 1 - hidden[patch]!;
        hidden[patch] = 1;
      }
    }
    return visibleFirst(hidden);
  },

  /** One of every 2 x 2 patches stays, the same of all in an image. */
  grid(side, _visible, random) {
    const [row, column] = [random.int(2), random.int(2)];
    const stays = (patch: number) => Math.floor(patch / side) % 2 === row && (patch % side) % 2 === column;
    return visibleFirst(Uint8Array.from({ length: side * side }, (_, patch) => (stays(patch) ? 0 : 1)));
  },
};

const extent = (length: number, side: number) => Math.min(side, Math.max(1, Math.round(length)));

/** All patches, those that are not hidden first. */
function visibleFirst(hidden: Uint8Array): Int32Array {
  const patches = Int32Array.from(hidden, (_, patch) => patch);
  return Int32Array.of(...patches.filter((patch) => !hidden[patch]), ...patches.filter((patch) => hidden[patch]));
}

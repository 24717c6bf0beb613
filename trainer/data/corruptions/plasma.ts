import type { Random } from '../../random/random';

/**
 * A cloud in 0..1 [side, side] by the diamond-square algorithm (Fournier, Fussell & Carpenter 1982) on a torus whose side is
 * the next power of 2: each point is the mean of four around it and a random offset, whose reach falls by decay ^ 2 from one
 * size of squares to the next. The whole torus spans 0..1, the corner of it that is returned need not.
 */
export function plasma(side: number, decay: number, random: Random): Float64Array<ArrayBuffer> {
  const size = 2 ** Math.ceil(Math.log2(side));
  const map = new Float64Array(size * size);
  const at = (x: number, y: number) => map[((y + size) % size) * size + ((x + size) % size)]!;
  let reach = 100;
  const offset = () => reach * reach * (2 * random.uniform() - 1);
  for (let step = size; step >= 2; step /= 2, reach /= decay) {
    const half = step / 2;
    for (let y = half; y < size; y += step) {
      for (let x = half; x < size; x += step) {
        const corners =
          at(x - half, y - half) + at(x + half, y - half) + at(x - half, y + half) + at(x + half, y + half);
        map[y * size + x] = corners / 4 + offset();
      }
    }
    for (let y = 0; y < size; y += half) {
      for (let x = y % step === 0 ? half : 0; x < size; x += step) {
        map[y * size + x] = (at(x - half, y) + at(x + half, y) + at(x, y - half) + at(x, y + half)) / 4 + offset();
      }
    }
  }
  let low = Infinity;
  let high = -Infinity;
  for (const value of map) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const scale = high > low ? 1 / (high - low) : 0;
  return Float64Array.from({ length: side * side }, (_, i) => {
    return (map[Math.floor(i / side) * size + (i % side)]! - low) * scale;
  });
}

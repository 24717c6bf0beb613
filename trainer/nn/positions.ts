/**
 * Fixed 2-D sine-cosine position embeddings of a square grid, as in MAE's code: the first half of
 * the width encodes the column, the second half the row, each as [sines | cosines] of the position
 * times 1 / 10000^(k / (width / 4)), k = 0 .. width / 4 - 1.
 *
 * Returns [side * side, width], row-major. The width must be a multiple of 4.
 */
export function sinCosPositions(side: number, width: number): Float32Array {
  if (width % 4 !== 0) throw new Error(`sine-cosine positions need a width that is a multiple of 4, not ${width}`);
  const quarter = width / 4;
  const positions = new Float32Array(side * side * width);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const start = (row * side + column) * width;
      for (let k = 0; k < quarter; k++) {
        const frequency = 1 / 10000 ** (k / quarter);
        positions[start + k] = Math.sin(column * frequency);
        positions[start + quarter + k] = Math.cos(column * frequency);
        positions[start + 2 * quarter + k] = Math.sin(row * frequency);
        positions[start + 3 * quarter + k] = Math.cos(row * frequency);
      }
    }
  }
  return positions;
}

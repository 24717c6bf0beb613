/**
 * Fixed 2-D sine-cosine position embeddings of a square grid, as in MAE's code: the first half of
 * the width encodes the column, the second half the row, each as [sines | cosines] of the position
 * times 1 / 10000^(k / (width / 4)), k = 0 .. width / 4 - 1.
 *
 * A grid may stand for another of `span` patches a side, such as a small view for the whole of an image: its patches
 * then stand where they would if the one were laid over the other, centres between 0 and span - 1.
 *
 * Returns [side * side, width], row-major. The width must be a multiple of 4.
 */
export function sinCosPositions(side: number, width: number, span = side): Float32Array {
  if (width % 4 !== 0) throw new Error(`sine-cosine positions need a width that is a multiple of 4, not ${width}`);
  const quarter = width / 4;
  const positions = new Float32Array(side * side * width);
  const coordinate = (patch: number) => ((patch + 0.5) * span) / side - 0.5;
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const start = (row * side + column) * width;
      const [x, y] = [coordinate(column), coordinate(row)];
      for (let k = 0; k < quarter; k++) {
        const frequency = 1 / 10000 ** (k / quarter);
        positions[start + k] = Math.sin(x * frequency);
        positions[start + quarter + k] = Math.cos(x * frequency);
        positions[start + 2 * quarter + k] = Math.sin(y * frequency);
        positions[start + 3 * quarter + k] = Math.cos(y * frequency);
      }
    }
  }
  return positions;
}

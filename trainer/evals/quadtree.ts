/**
 * A Barnes-Hut quadtree over points in the plane, in flat arrays that are reused from build to build.
 */
export interface Quadtree {
  /** Rebuilds the tree over `points` [x0, y0, x1, y1, ...]. */
  build(points: Float64Array): void;
  /**
   * t-SNE's repulsion on point `i`, each cell that looks smaller than `theta` taken as one point:
   * puts sum_j q_ij^2 (y_i - y_j) in `force[2i], force[2i + 1]` and returns sum_j q_ij,
   * with q_ij = 1 / (1 + |y_i - y_j|^2).
   */
  repel(points: Float64Array, i: number, theta: number, force: Float64Array): number;
}

/** Cells are not split below this depth: points that are still together share a leaf. */
const MAX_DEPTH = 48;

export function createQuadtree(size: number): Quadtree {
  // Cells in the order they were split off, the root first.
  let capacity = 0;
  let cells = 0;
  let firstChild = new Int32Array(0); // of four in a row; 0 for a leaf
  let firstPoint = new Int32Array(0); // the point that a leaf was made for
  let counts = new Int32Array(0);
  let sumX = new Float64Array(0);
  let sumY = new Float64Array(0);
  const leafOf = new Int32Array(size);

  // The cells that hold points, in depth-first order: a walk goes on to the next, or past what lies below.
  let walkLength = 0;
  let centreX = new Float64Array(0);
  let centreY = new Float64Array(0);
  let weight = new Float64Array(0);
  let side2 = new Float64Array(0); // 0 for a leaf
  let past = new Int32Array(0);
  let placeOf = new Int32Array(0); // of a cell in the walk
  reserve(4 * size + 4);

  function reserve(wanted: number) {
    if (wanted <= capacity) return;
    capacity = Math.max(wanted, 2 * capacity);
    firstChild = grown(firstChild, new Int32Array(capacity));
    firstPoint = grown(firstPoint, new Int32Array(capacity));
    counts = grown(counts, new Int32Array(capacity));
    sumX = grown(sumX, new Float64Array(capacity));
    sumY = grown(sumY, new Float64Array(capacity));
    centreX = new Float64Array(capacity);
    centreY = new Float64Array(capacity);
    weight = new Float64Array(capacity);
    side2 = new Float64Array(capacity);
    past = new Int32Array(capacity);
    placeOf = new Int32Array(capacity);
  }

  function split(cell: number) {
    reserve(cells + 4);
    firstChild[cell] = cells;
    for (let c = 0; c < 4; c++) clear(cells++);
  }

  function clear(cell: number) {
    firstChild[cell] = 0;
    counts[cell] = 0;
    sumX[cell] = 0;
    sumY[cell] = 0;
  }

  function build(points: Float64Array) {
    let [minX, maxX, minY, maxY] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < size; i++) {
      minX = Math.min(minX, points[2 * i]!);
      maxX = Math.max(maxX, points[2 * i]!);
      minY = Math.min(minY, points[2 * i + 1]!);
      maxY = Math.max(maxY, points[2 * i + 1]!);
    }
    const side = Math.max(maxX - minX, maxY - minY);
    clear(0);
    cells = 1;
    for (let i = 0; i < size; i++) insert(points, i, minX, minY, side);
    walkLength = 0;
    layOut(0, side);
  }

  function insert(points: Float64Array, i: number, left: number, bottom: number, side: number) {
    const x = points[2 * i]!;
    const y = points[2 * i + 1]!;
    let cell = 0;
    let half = side / 2;
    for (let depth = 0; ; depth++) {
      const held = counts[cell]!;
      if (held > 0 && firstChild[cell] === 0 && depth < MAX_DEPTH) {
        // An occupied leaf: the point that it holds moves one level down.
        const other = firstPoint[cell]!;
        split(cell);
        const right = points[2 * other]! >= left + half ? 1 : 0;
        const upper = points[2 * other + 1]! >= bottom + half ? 2 : 0;
        const child = firstChild[cell]! + right + upper;
        counts[child] = held;
        sumX[child] = sumX[cell]!;
        sumY[child] = sumY[cell]!;
        firstPoint[child] = other;
        leafOf[other] = child;
      }
      counts[cell] = held + 1;
      sumX[cell]! += x;
      sumY[cell]! += y;
      if (firstChild[cell] === 0) {
        if (held === 0) firstPoint[cell] = i;
        leafOf[i] = cell;
        return;
      }
      const right = x >= left + half;
      const upper = y >= bottom + half;
      cell = firstChild[cell]! + (right ? 1 : 0) + (upper ? 2 : 0);
      if (right) left += half;
      if (upper) bottom += half;
      half /= 2;
    }
  }

  function layOut(cell: number, side: number) {
    const count = counts[cell]!;
    if (count === 0) return;
    const place = walkLength++;
    placeOf[cell] = place;
    centreX[place] = sumX[cell]! / count;
    centreY[place] = sumY[cell]! / count;
    weight[place] = count;
    const children = firstChild[cell]!;
    side2[place] = children === 0 ? 0 : side * side;
    if (children > 0) for (let c = 0; c < 4; c++) layOut(children + c, side / 2);
    past[place] = walkLength;
  }

  function repel(points: Float64Array, i: number, theta: number, force: Float64Array): number {
    const x = points[2 * i]!;
    const y = points[2 * i + 1]!;
    const own = placeOf[leafOf[i]!]!;
    const theta2 = theta * theta;
    let total = 0;
    let forceX = 0;
    let forceY = 0;
    for (let place = 0; place < walkLength;) {
      const dx = x - centreX[place]!;
      const dy = y - centreY[place]!;
      const distance2 = dx * dx + dy * dy;
      if (side2[place]! > theta2 * distance2) {
        place++;
        continue;
      }
      // Whoever shares the point's own leaf is at no distance worth a force.
      const others = place === own ? weight[place]! - 1 : weight[place]!;
      const q = 1 / (1 + distance2);
      total += others * q;
      forceX += others * q * q * dx;
      forceY += others * q * q * dy;
      place = past[place]!;
    }
    force[2 * i] = forceX;
    force[2 * i + 1] = forceY;
    return total;
  }

  return { build, repel };
}

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

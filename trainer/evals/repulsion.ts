import { createConvolution, type Convolution } from './fourier';

/**
 * The repulsion of t-SNE between all pairs of points at a cost that hardly grows with their number, as in FIt-SNE
 * (Linderman et al. 2019), with less to transform. Repulsion is a field's gradient: with q(d) = 1 / (1 + d^2) and the potential
 *
 *   phi(y) = sum_j q(|y - y_j|),   sum_j q_ij^2 (y_i - y_j) = -1/2 grad phi(y_i),
 *
 * so that one convolution of one grid is enough. Points are spread over the grid by cubic B-splines, the grid is convolved,
 * and the potential and its gradient are read back by the same splines. The kernel between two nodes is divided by what
 * spreading and reading do to it, so that it is the cubic spline through q at both ends.
 */
export interface Repulsion {
  /**
   * Puts sum_j q_ij^2 (y_i - y_j) into `force` and returns sum_ij q_ij over i != j.
   *
   * @param y [x0, y0, x1, y1, ...]
   */
  of(y: Float64Array, force: Float64Array): number;
}

/** The widest spacing of nodes: q changes over a distance of 1. */
const WIDEST = 0.5;
const SMALLEST_PLANE = 32;
/** Of a map whose points are all the same. */
const SMALLEST_SIDE = 1e-6;
/** Pairs of points that take as long as a node of the plane. */
const PAIRS_A_NODE = 8;
/** A spline reaches over four nodes: one before, two behind, and some room for rounding. */
const MARGIN = 4;

interface Grid {
  /** Nodes along a side that may hold points. */
  readonly rows: number;
  readonly spacing: number;
  readonly nodes: Float64Array;
  readonly convolution: Convolution;
}

export function createRepulsion(): Repulsion {
  let grid: Grid | undefined;
  // Of the point that is looked at: its weights for four nodes along each axis, and how these change.
  const wx = new Float64Array(4);
  const wy = new Float64Array(4);
  const gx = new Float64Array(4);
  const gy = new Float64Array(4);

  /** The first node that a point reaches, `u` and `v` nodes from the corner; leaves its weights. */
  function reach(u: number, v: number, rows: number): number {
    const column = Math.floor(u);
    const row = Math.floor(v);
    spline(u - column, wx, gx);
    spline(v - row, wy, gy);
    return (row - 1) * rows + column - 1;
  }

  function of(y: Float64Array, force: Float64Array): number {
    const { left, bottom, side } = bounds(y);
    const n = planeOf(side);
    // Few points far apart: each pair is cheaper than the plane between them, which would know no bounds.
    if (n * n > (y.length / 2) ** 2 / PAIRS_A_NODE) return ofPairs(y, force);
    grid = fitting(side, n, grid);
    const { rows, spacing, nodes } = grid;
    nodes.fill(0);
    for (let i = 0; i < y.length; i += 2) {
      let at = reach((y[i]! - left) / spacing + 1, (y[i + 1]! - bottom) / spacing + 1, rows);
      for (let b = 0; b < 4; b++, at += rows) {
        const w = wy[b]!;
        nodes[at]! += w * wx[0]!;
        nodes[at + 1]! += w * wx[1]!;
        nodes[at + 2]! += w * wx[2]!;
        nodes[at + 3]! += w * wx[3]!;
      }
    }
    grid.convolution.apply(nodes);
    let total = 0;
    const scale = -0.5 / spacing;
    for (let i = 0; i < y.length; i += 2) {
      let phi = 0;
      let dx = 0;
      let dy = 0;
      let at = reach((y[i]! - left) / spacing + 1, (y[i + 1]! - bottom) / spacing + 1, rows);
      for (let b = 0; b < 4; b++, at += rows) {
        const p0 = nodes[at]!;
        const p1 = nodes[at + 1]!;
        const p2 = nodes[at + 2]!;
        const p3 = nodes[at + 3]!;
        const across = p0 * wx[0]! + p1 * wx[1]! + p2 * wx[2]! + p3 * wx[3]!;
        phi += wy[b]! * across;
        dx += wy[b]! * (p0 * gx[0]! + p1 * gx[1]! + p2 * gx[2]! + p3 * gx[3]!);
        dy += gy[b]! * across;
      }
      total += phi - 1; // not of itself
      force[i] = scale * dx;
      force[i + 1] = scale * dy;
    }
    return total;
  }
  return { of };
}

function bounds(y: Float64Array) {
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < y.length; i += 2) {
    const x = y[i]!;
    const v = y[i + 1]!;
    if (x < left) left = x;
    if (x > right) right = x;
    if (v < bottom) bottom = v;
    if (v > top) top = v;
  }
  return { left, bottom, side: Math.max(right - left, top - bottom) };
}

/** The same by looking at each pair. */
function ofPairs(y: Float64Array, force: Float64Array): number {
  force.fill(0);
  let total = 0;
  for (let i = 0; i < y.length; i += 2) {
    for (let j = 0; j < i; j += 2) {
      const dx = y[i]! - y[j]!;
      const dy = y[i + 1]! - y[j + 1]!;
      const q = 1 / (1 + dx * dx + dy * dy);
      total += 2 * q;
      force[i]! += q * q * dx;
      force[i + 1]! += q * q * dy;
      force[j]! -= q * q * dx;
      force[j + 1]! -= q * q * dy;
    }
  }
  return total;
}

/** A map is given a fifth more room than it takes, to grow in. */
const roomFor = (side: number) => 1.2 * Math.max(side, SMALLEST_SIDE);

/** The side in nodes of the plane, half of which holds a map `side` wide at the widest spacing or less. */
function planeOf(side: number): number {
  const nodes = roomFor(side) / WIDEST + MARGIN;
  return Math.max(SMALLEST_PLANE, 2 ** Math.ceil(Math.log2(2 * nodes)));
}

/** A grid for a map `side` wide: the last one while the map fits and fills it. */
function fitting(side: number, n: number, last?: Grid): Grid {
  const room = last ? (last.rows - MARGIN) * last.spacing : 0;
  if (last && side <= room && side >= room / 2) return last;
  const rows = n / 2;
  const spacing = roomFor(side) / (rows - MARGIN);
  const kernel = (x: number, y: number) => 1 / (1 + spacing * spacing * (x * x + y * y));
  // A spline's weights at nodes are 1/6, 4/6, 1/6: what spreading and reading each do to a frequency.
  const gain = (frequency: number) => ((4 + 2 * Math.cos((2 * Math.PI * frequency) / n)) / 6) ** -2;
  return { rows, spacing, nodes: new Float64Array(rows * rows), convolution: createConvolution(n, rows, kernel, gain) };
}

/** Cubic B-spline: the weights of nodes -1, 0, 1 and 2 for a point at `t` in [0, 1), and how they change with `t`. */
function spline(t: number, weights: Float64Array, slopes: Float64Array): void {
  const s = 1 - t;
  weights[0] = (s * s * s) / 6;
  weights[1] = (3 * t * t * t - 6 * t * t + 4) / 6;
  weights[2] = (3 * s * s * s - 6 * s * s + 4) / 6;
  weights[3] = (t * t * t) / 6;
  slopes[0] = (-s * s) / 2;
  slopes[1] = (3 * t * t) / 2 - 2 * t;
  slopes[2] = 2 * s - (3 * s * s) / 2;
  slopes[3] = (t * t) / 2;
}

/**
 * Eigenvalues of symmetric matrices, without vectors: Householder's reduction to a tridiagonal matrix in 4/3 n^3
 * operations, then QR steps with Wilkinson's shift, whose cost is small beside that (Golub and Van Loan, "Matrix
 * Computations", sections 8.3.1 and 8.3.5). A tenth of a second for 384 x 384.
 */

/** A QR step a deflation is far more than it ever takes. */
const MOST_STEPS = 60;
/**
 * What is nothing beside the largest element of a matrix, far below its rounding. Where little but rounding is left, as of
 * a matrix of rank 1, each reflection leaves a rounding of that: their squares would soon be too small for a number.
 */
const NOTHING = Number.EPSILON ** 2;

/**
 * All eigenvalues of a symmetric matrix [n, n], the largest first.
 *
 * @param matrix row-major; only what is on and below the diagonal is read.
 */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  const { diagonal, below } = tridiagonal(matrix.slice(), n);
  // Blocks end where an element below the diagonal is lost in rounding beside its neighbours.
  let end = n - 1;
  for (let steps = 0; end > 0; steps++) {
    if (isNothing(below, diagonal, end - 1)) {
      end--;
      steps = 0;
      continue;
    }
    if (steps > MOST_STEPS) throw new Error(`The eigenvalues of a ${n} x ${n} matrix were not found.`);
    let start = end - 1;
    while (start > 0 && !isNothing(below, diagonal, start - 1)) start--;
    shiftedStep(diagonal, below, start, end);
  }
  return diagonal.sort().reverse();
}

function isNothing(below: Float64Array, diagonal: Float64Array, at: number): boolean {
  const beside = Math.abs(diagonal[at]!) + Math.abs(diagonal[at + 1]!);
  return Math.abs(below[at]!) <= Number.EPSILON * beside || Math.abs(below[at]!) < Number.MIN_VALUE / Number.EPSILON;
}

/** The tridiagonal matrix with the same eigenvalues: its diagonal [n] and what is below it [n - 1]. Overwrites `a`. */
function tridiagonal(a: Float64Array, n: number) {
  const diagonal = new Float64Array(n);
  const below = new Float64Array(Math.max(0, n - 1));
  const v = new Float64Array(n);
  const w = new Float64Array(n);
  const nothing = (NOTHING * largest(a, n)) ** 2;
  for (let k = 0; k < n; k++) {
    diagonal[k] = a[k * n + k]!;
    if (k === n - 1) break;
    const first = k + 1;
    // The reflection I - scale v v' takes column k below the diagonal to a multiple of the first axis.
    let squares = 0;
    for (let i = first; i < n; i++) {
      v[i] = a[i * n + k]!;
      if (i > first) squares += v[i]! ** 2;
    }
    if (squares <= nothing) {
      below[k] = v[first]!;
      continue;
    }
    const length = Math.sqrt(v[first]! ** 2 + squares);
    below[k] = v[first]! > 0 ? -length : length;
    v[first]! -= below[k]!;
    const scale = 2 / (v[first]! ** 2 + squares);
    reflect(a, n, first, v, w, scale);
  }
  return { diagonal, below };
}

/** On and below the diagonal. */
function largest(a: Float64Array, n: number): number {
  return a.reduce((most, value, at) => (at % n <= Math.floor(at / n) ? Math.max(most, Math.abs(value)) : most), 0);
}

/** The rest of `a`, rows and columns from `first` on, becomes H a H with H = I - scale v v'. `w` is scratch. */
function reflect(a: Float64Array, n: number, first: number, v: Float64Array, w: Float64Array, scale: number): void {
  w.fill(0, first);
  for (let i = first; i < n; i++) {
    const row = i * n;
    const vi = v[i]!;
    let sum = 0;
    for (let j = first; j < i; j++) {
      const x = a[row + j]!;
      sum += x * v[j]!;
      w[j]! += x * vi;
    }
    w[i]! += sum + a[row + i]! * vi; // w = a v, from the lower triangle alone
  }
  let dot = 0;
  for (let i = first; i < n; i++) dot += w[i]! * v[i]!;
  const half = (scale * scale * dot) / 2;
  for (let i = first; i < n; i++) w[i] = scale * w[i]! - half * v[i]!;
  for (let i = first; i < n; i++) {
    const row = i * n;
    const vi = v[i]!;
    const wi = w[i]!;
    for (let j = first; j <= i; j++) a[row + j]! -= vi * w[j]! + wi * v[j]!;
  }
}

/** One implicit QR step on rows `start` .. `end`, shifted by the eigenvalue of the last 2 x 2 that is nearer to its corner. */
function shiftedStep(diagonal: Float64Array, below: Float64Array, start: number, end: number): void {
  const half = (diagonal[end - 1]! - diagonal[end]!) / 2;
  const last = below[end - 1]!;
  const root = Math.hypot(half, last);
  const shift = diagonal[end]! - (last / (half + (half < 0 ? -root : root))) * last;
  let x = diagonal[start]! - shift;
  let bulge = below[start]!;
  for (let k = start; k < end; k++) {
    // The rotation of rows and columns k and k + 1 that takes the bulge to 0.
    const length = Math.hypot(x, bulge);
    const c = length === 0 ? 1 : x / length;
    const s = length === 0 ? 0 : bulge / length;
    if (k > start) below[k - 1] = length;
    const [a, b, e] = [diagonal[k]!, diagonal[k + 1]!, below[k]!];
    diagonal[k] = c * c * a + 2 * c * s * e + s * s * b;
    diagonal[k + 1] = s * s * a - 2 * c * s * e + c * c * b;
    below[k] = c * s * (b - a) + (c * c - s * s) * e;
    x = below[k]!;
    if (k < end - 1) {
      bulge = s * below[k + 1]!;
      below[k + 1]! *= c;
    }
  }
}

/** Circular convolution of real pictures with an even kernel, by fast Fourier transforms. */

/** How many transforms are done side by side: enough to keep a loop busy, few enough to stay in a core's cache. */
const SIDE_BY_SIDE = 8;

export interface Convolution {
  /**
   * Convolves `picture` [rows, rows], which stands in the corner of a plane of [n, n] that is 0 elsewhere, in place: of the
   * result that corner is kept. With 2 rows <= n nothing comes round from the other side.
   */
  apply(picture: Float64Array): void;
}

/**
 * @param n side of the plane, a power of 2 from 4 on.
 * @param rows side of the pictures, even.
 * @param kernel by the distances along x and y, from 0 to n / 2; the same when these are exchanged.
 * @param gain what to multiply each frequency along either axis by besides, from 0 to n / 2.
 */
export function createConvolution(
  n: number,
  rows: number,
  kernel: (x: number, y: number) => number,
  gain: (frequency: number) => number = () => 1,
): Convolution {
  const half = n / 2 + 1;
  const transform = createTransform(n);
  const transfer = transferOf(transform, n, kernel); // [half, n]
  const gains = Float64Array.from({ length: n }, (_, f) => gain(Math.min(f, n - f)) / n); // with the 1 / n of the way back
  transfer.forEach((value, at) => (transfer[at] = value * gains[Math.floor(at / n)]! * gains[at % n]!));
  // By frequency along x, and row: [half, rows].
  const re = new Float64Array(half * rows);
  const im = new Float64Array(half * rows);
  const pairs = rows / 2;

  /** Two real rows make one complex: the even part of its transform is of one, the odd part of the other. */
  function alongRows(picture: Float64Array) {
    const { input, output, run } = transform;
    for (let first = 0; first < pairs; first += SIDE_BY_SIDE) {
      const count = Math.min(SIDE_BY_SIDE, pairs - first);
      input.re.fill(0);
      input.im.fill(0);
      for (let b = 0; b < count; b++) {
        const row = 2 * (first + b) * rows;
        for (let x = 0; x < rows; x++) {
          input.re[x * SIDE_BY_SIDE + b] = picture[row + x]!;
          input.im[x * SIDE_BY_SIDE + b] = picture[row + rows + x]!;
        }
      }
      run();
      for (let x = 0; x < half; x++) {
        const at = x * SIDE_BY_SIDE;
        const mirrored = ((n - x) % n) * SIDE_BY_SIDE;
        for (let b = 0; b < count; b++) {
          const to = x * rows + 2 * (first + b);
          re[to] = (output.re[at + b]! + output.re[mirrored + b]!) / 2;
          im[to] = (output.im[at + b]! - output.im[mirrored + b]!) / 2;
          re[to + 1] = (output.im[at + b]! + output.im[mirrored + b]!) / 2;
          im[to + 1] = (output.re[mirrored + b]! - output.re[at + b]!) / 2;
        }
      }
    }
  }

  /** There, times the kernel, and back, for each frequency along x. */
  function alongColumns() {
    const { input, output, run } = transform;
    for (let first = 0; first < half; first += SIDE_BY_SIDE) {
      const count = Math.min(SIDE_BY_SIDE, half - first);
      input.re.fill(0);
      input.im.fill(0);
      for (let b = 0; b < count; b++) {
        const from = (first + b) * rows;
        for (let y = 0; y < rows; y++) {
          input.re[y * SIDE_BY_SIDE + b] = re[from + y]!;
          input.im[y * SIDE_BY_SIDE + b] = im[from + y]!;
        }
      }
      run();
      // Back is there with real and imaginary parts exchanged.
      for (let y = 0; y < n; y++) {
        for (let b = 0; b < count; b++) {
          const at = y * SIDE_BY_SIDE + b;
          const factor = transfer[(first + b) * n + y]!;
          const real = output.re[at]!;
          input.re[at] = output.im[at]! * factor;
          input.im[at] = real * factor;
        }
      }
      run();
      for (let b = 0; b < count; b++) {
        const to = (first + b) * rows;
        for (let y = 0; y < rows; y++) {
          re[to + y] = output.im[y * SIDE_BY_SIDE + b]!;
          im[to + y] = output.re[y * SIDE_BY_SIDE + b]!;
        }
      }
    }
  }

  /** Two rows at once again: one is the real part, the other the imaginary part of what comes back. */
  function backAlongRows(picture: Float64Array) {
    const { input, output, run } = transform;
    for (let first = 0; first < pairs; first += SIDE_BY_SIDE) {
      const count = Math.min(SIDE_BY_SIDE, pairs - first);
      for (let x = 0; x < half; x++) {
        const at = x * SIDE_BY_SIDE;
        const mirrored = ((n - x) % n) * SIDE_BY_SIDE;
        for (let b = 0; b < count; b++) {
          const from = x * rows + 2 * (first + b);
          // Exchanged, as above: first + i second, of which the other half is the mirror image of its conjugate.
          input.re[mirrored + b] = re[from + 1]! - im[from]!;
          input.im[mirrored + b] = re[from]! + im[from + 1]!;
          input.re[at + b] = im[from]! + re[from + 1]!;
          input.im[at + b] = re[from]! - im[from + 1]!;
        }
      }
      run();
      for (let b = 0; b < count; b++) {
        const row = 2 * (first + b) * rows;
        for (let x = 0; x < rows; x++) {
          picture[row + x] = output.im[x * SIDE_BY_SIDE + b]!;
          picture[row + rows + x] = output.re[x * SIDE_BY_SIDE + b]!;
        }
      }
    }
  }

  return {
    apply(picture) {
      alongRows(picture);
      alongColumns();
      backAlongRows(picture);
    },
  };
}

/** The transform of a kernel that is even along both axes is real and even too: by frequency, [n / 2 + 1, n]. */
function transferOf({ input, output, run }: Transform, n: number, kernel: (x: number, y: number) => number) {
  const half = n / 2 + 1;
  /** Of rows [half, n], along their length; the same mirrored is [half, half]. */
  const along = (value: (row: number, at: number) => number) => {
    const found = new Float64Array(half * half);
    for (let first = 0; first < half; first += SIDE_BY_SIDE) {
      const count = Math.min(SIDE_BY_SIDE, half - first);
      input.im.fill(0);
      for (let at = 0; at < n; at++) {
        for (let b = 0; b < count; b++) {
          input.re[at * SIDE_BY_SIDE + b] = value(first + b, Math.min(at, n - at));
        }
      }
      run();
      for (let b = 0; b < count; b++) {
        for (let f = 0; f < half; f++) found[(first + b) * half + f] = output.re[f * SIDE_BY_SIDE + b]!;
      }
    }
    return found;
  };
  const alongY = along(kernel);
  const both = along((frequency, x) => alongY[x * half + frequency]!); // [y, x], which are alike
  const transfer = new Float64Array(half * n);
  for (let x = 0; x < half; x++) for (let y = 0; y < n; y++) transfer[x * n + y] = both[x * half + Math.min(y, n - y)]!;
  return transfer;
}

interface Complex {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

export interface Transform {
  /** [n, SIDE_BY_SIDE]: as many signals of length n. */
  readonly input: Complex;
  readonly output: Complex;
  /** Puts the transform of `input`, sum_t x_t exp(-2 pi i t f / n), into `output`; `input` is lost. */
  readonly run: () => void;
}

/** Stockham's transform, which needs no bit reversal: passes of radix 4, and one of 2 where n is an odd power of 2. */
export function createTransform(n: number): Transform {
  if (!(n >= 4 && Number.isInteger(Math.log2(n)))) throw new Error(`A transform's length is a power of 2, not ${n}.`);
  const length = n * SIDE_BY_SIDE;
  const make = (): Complex => ({ re: new Float64Array(length), im: new Float64Array(length) });
  const passes = Math.ceil(Math.log2(n) / 2);
  const input = make();
  const other = make();
  const cos = Float64Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * i) / n));
  const sin = Float64Array.from({ length: n }, (_, i) => -Math.sin((2 * Math.PI * i) / n));

  function run() {
    let from = input;
    let to = other;
    let left = n;
    for (let block = SIDE_BY_SIDE; left > 1;) {
      const radix = left % 4 === 0 ? 4 : 2;
      left /= radix;
      if (radix === 4) pass4(from, to, left, block);
      else pass2(from, to, left, block);
      block *= radix;
      [from, to] = [to, from];
    }
  }

  function pass4(from: Complex, to: Complex, left: number, block: number) {
    const { re: ar, im: ai } = from;
    const { re: br, im: bi } = to;
    const quarter = left * block;
    const stride = n / (4 * left);
    for (let j = 0; j < left; j++) {
      const c1 = cos[j * stride]!;
      const s1 = sin[j * stride]!;
      const c2 = cos[2 * j * stride]!;
      const s2 = sin[2 * j * stride]!;
      const c3 = cos[3 * j * stride]!;
      const s3 = sin[3 * j * stride]!;
      const from0 = j * block;
      const to0 = 4 * j * block;
      for (let k = 0; k < block; k++) {
        const p = from0 + k;
        const q = to0 + k;
        const r0 = ar[p]!;
        const i0 = ai[p]!;
        const r1 = ar[p + quarter]!;
        const i1 = ai[p + quarter]!;
        const r2 = ar[p + 2 * quarter]!;
        const i2 = ai[p + 2 * quarter]!;
        const r3 = ar[p + 3 * quarter]!;
        const i3 = ai[p + 3 * quarter]!;
        const sr = r0 + r2;
        const si = i0 + i2;
        const dr = r0 - r2;
        const di = i0 - i2;
        const tr = r1 + r3;
        const ti = i1 + i3;
        const er = r1 - r3;
        const ei = i1 - i3;
        br[q] = sr + tr;
        bi[q] = si + ti;
        const xr = dr + ei;
        const xi = di - er;
        br[q + block] = xr * c1 - xi * s1;
        bi[q + block] = xr * s1 + xi * c1;
        const yr = sr - tr;
        const yi = si - ti;
        br[q + 2 * block] = yr * c2 - yi * s2;
        bi[q + 2 * block] = yr * s2 + yi * c2;
        const zr = dr - ei;
        const zi = di + er;
        br[q + 3 * block] = zr * c3 - zi * s3;
        bi[q + 3 * block] = zr * s3 + zi * c3;
      }
    }
  }

  function pass2(from: Complex, to: Complex, left: number, block: number) {
    const { re: ar, im: ai } = from;
    const { re: br, im: bi } = to;
    const middle = left * block;
    // The last pass of all, so there is nothing to turn by.
    for (let k = 0; k < middle; k++) {
      br[k] = ar[k]! + ar[k + middle]!;
      bi[k] = ai[k]! + ai[k + middle]!;
      br[k + middle] = ar[k]! - ar[k + middle]!;
      bi[k + middle] = ai[k]! - ai[k + middle]!;
    }
  }

  return { input, output: passes % 2 === 0 ? input : other, run };
}

/** Along how many directions embeddings spread: their singular values, and ranks that count them softly. */
import type { Points } from './distances';
import { symmetricEigenvalues } from './eigenvalues';

/** Added to each share in RankMe, as the paper has it for float32. */
export const RANKME_EPSILON = 1e-7;

/**
 * Singular values of rows [size, width] as they are, uncentred, the largest first: min(size, width) of them. By way of the
 * smaller of X'X and XX', so those below 1e-8 of the largest are lost in rounding.
 */
export function singularValues(points: Points): Float64Array {
  const { matrix, n } = smallerGram(points);
  return symmetricEigenvalues(matrix, n).map((value) => Math.sqrt(Math.max(0, value)));
}

/** Eigenvalues of the (biased) covariance of the rows, the largest first: min(size, width) of them, the others being 0. */
export function covarianceEigenvalues(points: Points): Float64Array {
  const { matrix, n } = smallerGram(centred(points));
  return symmetricEigenvalues(matrix, n).map((value) => Math.max(0, value) / points.size);
}

/**
 * RankMe (Garrido et al. 2023, "RankMe: Assessing the Downstream Performance of Pretrained Self-Supervised Representations
 * by Their Rank", arXiv:2210.02885): exp(-sum p log p) of p = sigma / sum(sigma) + 1e-7 over the singular values of the
 * embeddings. Between 1 and min(size, width).
 */
export const rankMe = (singular: ArrayLike<number>): number => softCount(singular, RANKME_EPSILON);

/**
 * Effective rank (Roy and Vetterli 2007, "The effective rank: a measure of effective dimensionality") of a covariance,
 * whose singular values are its eigenvalues: exp(-sum p log p) of p = lambda / sum(lambda).
 */
export const effectiveRank = (eigenvalues: ArrayLike<number>): number => softCount(eigenvalues, 0);

/** exp of the entropy of values' shares of their sum, `epsilon` added to each; 1 when all values are 0. */
export function softCount(values: ArrayLike<number>, epsilon: number): number {
  const all = Array.from(values);
  const sum = all.reduce((total, value) => total + value, 0);
  if (sum === 0) return 1;
  const entropy = all.reduce((total, value) => {
    const share = value / sum + epsilon;
    return share > 0 ? total - share * Math.log(share) : total;
  }, 0);
  return Math.exp(entropy);
}

/** X'X or XX' of rows X [size, width], whichever is smaller. */
function smallerGram(points: Points): { readonly matrix: Float64Array; readonly n: number } {
  const { size, width } = points;
  const n = Math.min(size, width);
  return { matrix: gram(width <= size ? points : transposed(points)), n };
}

/** X'X of rows X [size, width], on and below the diagonal: [width, width]. */
export function gram({ values, size, width }: Points): Float64Array {
  const products = new Float64Array(width * width);
  // Four rows at a time, so that a product is fetched and put back a quarter as often.
  const four = new Float64Array(4 * width);
  for (let start = 0; start < size; start += 4) {
    four.fill(0);
    four.set(values.subarray(start * width, Math.min(size, start + 4) * width));
    for (let i = 0; i < width; i++) {
      const a = four[i]!;
      const b = four[width + i]!;
      const c = four[2 * width + i]!;
      const d = four[3 * width + i]!;
      const row = i * width;
      for (let j = 0; j <= i; j++) {
        products[row + j]! += a * four[j]! + b * four[width + j]! + c * four[2 * width + j]! + d * four[3 * width + j]!;
      }
    }
  }
  return products;
}

/** The rows less their mean. */
export function centred({ values, size, width }: Points): Points {
  const mean = new Float64Array(width);
  for (let at = 0; at < values.length; at++) mean[at % width]! += values[at]! / size;
  return { values: Float64Array.from(values, (value, at) => value - mean[at % width]!), size, width };
}

function transposed({ values, size, width }: Points): Points {
  const columns = new Float64Array(values.length);
  for (let i = 0; i < size; i++) for (let j = 0; j < width; j++) columns[j * size + i] = values[i * width + j]!;
  return { values: columns, size: width, width: size };
}

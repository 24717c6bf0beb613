/** The quickest linear probe: ridge regression to one-hot classes, in closed form. */
import { cholesky, solveLower, solveUpper } from './cholesky';
import type { Points } from './distances';
import { gram } from './spectrum';
import type { LabelledEmbeddings } from './types';

/** Of the mean squared length of a standardised feature: little, and enough that features without a meaning stay small. */
const PENALTY = 1e-2;

/**
 * Labels of `test` by least squares from standardised `train` embeddings to one-hot classes: with X [n, d] and Y [n, C],
 * both centred, W = (X'X + 0.01 n I)^-1 X'Y, and the class of the largest x W + mean(Y). Features of no spread are left
 * out. Labels are 0 .. classes - 1; of equal classes the first.
 */
export function ridgePredict({ embeddings, labels }: LabelledEmbeddings, test: Points, classes: number): Int32Array {
  const { size, width } = embeddings;
  const { mean, scale } = standardisation(embeddings);
  const standardised = ({ values }: Points) =>
    Float64Array.from(values, (value, at) => (value - mean[at % width]!) * scale[at % width]!);
  const x = standardised(embeddings);

  const shares = new Float64Array(classes);
  for (const label of labels) shares[label]! += 1 / size;
  // A column of X'Y for each class: [C, d]. X is centred, so centring Y changes nothing of it.
  const weights = new Float64Array(classes * width);
  for (let i = 0; i < size; i++) {
    for (let d = 0; d < width; d++) weights[labels[i]! * width + d]! += x[i * width + d]!;
  }
  const products = gram({ values: x, size, width });
  for (let d = 0; d < width; d++) products[d * width + d]! += PENALTY * size;
  const factor = cholesky(products, width);
  solveLower(factor, width, weights);
  solveUpper(factor, width, weights);

  const rows = standardised(test);
  return Int32Array.from({ length: test.size }, (_, i) => {
    let best = 0;
    let highest = -Infinity;
    for (let c = 0; c < classes; c++) {
      let score = shares[c]!;
      for (let d = 0; d < width; d++) score += rows[i * width + d]! * weights[c * width + d]!;
      if (score > highest) [best, highest] = [c, score];
    }
    return best;
  });
}

/** Of each feature its mean, and one over its deviation, 0 where it has none. */
function standardisation({ values, size, width }: Points) {
  const mean = new Float64Array(width);
  for (let at = 0; at < values.length; at++) mean[at % width]! += values[at]! / size;
  const variance = new Float64Array(width);
  for (let at = 0; at < values.length; at++) variance[at % width]! += (values[at]! - mean[at % width]!) ** 2 / size;
  return { mean, scale: variance.map((v) => (v > 1e-12 ? 1 / Math.sqrt(v) : 0)) };
}

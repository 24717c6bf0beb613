import type { Random } from './random';

/** A draw from Beta(alpha, alpha), alpha > 0: in [0, 1], with mean 1/2 and variance 1 / (4 (2 alpha + 1)). */
export function beta(draws: Random, alpha: number): number {
  const [a, b] = [logGamma(draws, alpha), logGamma(draws, alpha)];
  return 1 / (1 + Math.exp(b - a));
}

/**
 * The logarithm of a draw from Gamma(shape, 1) by Marsaglia and Tsang (2000), "A simple method for generating gamma
 * variables". The logarithm, since a draw of a small shape is often too small for a number.
 */
function logGamma(draws: Random, shape: number): number {
  // Below 1 it is a draw of the next shape times a power of a uniform one.
  if (shape < 1) return logGamma(draws, shape + 1) + Math.log(1 - draws.uniform()) / shape;
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = draws.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - draws.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}

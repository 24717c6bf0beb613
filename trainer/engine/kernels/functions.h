/* Functions of vectors, to the precision of a float. */
#pragma once
#include "simd.h"

/* e^x = 2^n e^r, |r| <= ln(2) / 2; the polynomial is the best one of its degree there (relative error 2e-9). */
INLINE Vector expOf(Vector x) {
  const Vector lowest = splat(-87.33f), highest = splat(88.37f);
  x = choose(x < lowest, lowest, choose(x > highest, highest, x));
  /* Added and taken away, it rounds: its last bit is worth 1. The sum's low bits are n. */
  const Vector magic = splat(12582912.f);
  const Vector sum = x * 1.44269504f + magic;
  const Vector n = sum - magic;
  const Vector r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  Vector p = splat(0.00138146f);
  p = p * r + 0.00836872f;
  p = p * r + 0.04166839f;
  p = p * r + 0.16666521f;
  p = p * r + 0.49999993f;
  p = p * (r * r) + r + 1.f;
  const Vector value = (Vector)((IntVector)p + ((IntVector)sum << 23));
  return choose(x == x, value, x); /* not a number stays none */
}

/* What the gates of GELU and their gradients are made of. */
typedef struct {
  Vector phi;     /* (1 + erf(s)) / 2 */
  Vector density; /* e^(-s^2) / sqrt(pi), the derivative of phi */
} Gate;

/* erfc(s) = e^(-s^2) t p(t), t = 1 / (1 + 0.39 s), for s >= 0: of this form the best p of its degree (error 8e-9). */
INLINE Gate gateOf(Vector s) {
  const Vector size = choose(s < 0, -s, s);
  const Vector t = 1.f / (0.39f * size + 1.f);
  /* Beyond, a float's smallest value times s would be no longer small. */
  const Vector bell = choose(size > 9.3f, splat(0), expOf(-s * s));
  Vector p = splat(-0.22753714f);
  p = p * t + 0.88666442f;
  p = p * t + -0.63540037f;
  p = p * t + 0.64955947f;
  p = p * t + 0.09138839f;
  p = p * t + 0.23532522f;
  const Vector tail = p * t * bell * 0.5f;
  return (Gate){choose(s < 0, tail, 1.f - tail), bell * 0.56418958f};
}

/*
 * Vectors as the compiler's own extension has them, so that one source serves every instruction set. The build compiles it
 * once for each of those that a processor may have (scripts/kernels.mjs); ops.c chooses when the library is loaded.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#if defined(__aarch64__)
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif

/* Floats in a vector, and the rows and vectors of the tile of a product that stays in registers: as many sums as there
 * are registers, less those that the operands take. */
#if defined(__AVX512F__)
enum { LANES = 16, TILE_ROWS = 8, TILE_VECTORS = 3 };
#elif defined(__AVX2__)
enum { LANES = 8, TILE_ROWS = 4, TILE_VECTORS = 3 };
#elif defined(__aarch64__)
enum { LANES = 4, TILE_ROWS = 8, TILE_VECTORS = 3 };
#else
#error "the kernels need AVX2 or NEON"
#endif
enum { TILE_COLUMNS = TILE_VECTORS * LANES };

typedef float Vector __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t IntVector __attribute__((vector_size(LANES * sizeof(float))));
typedef float UnalignedVector __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE Vector load(const float *from) { return *(const UnalignedVector *)from; }
INLINE void store(float *to, Vector value) { *(UnalignedVector *)to = value; }
INLINE Vector splat(float value) { return (Vector){0} + value; }

/* a where a comparison holds, else b. */
INLINE Vector choose(IntVector holds, Vector a, Vector b) {
  return (Vector)((holds & (IntVector)a) | (~holds & (IntVector)b));
}

/* The one function that the extension lacks. */
INLINE Vector squareRoot(Vector value) {
#if defined(__AVX512F__)
  return (Vector)_mm512_sqrt_ps((__m512)value);
#elif defined(__AVX2__)
  return (Vector)_mm256_sqrt_ps((__m256)value);
#else
  return (Vector)vsqrtq_f32((float32x4_t)value);
#endif
}

INLINE float sum(Vector value) {
  float total = 0;
  for (int i = 0; i < LANES; i++) total += value[i];
  return total;
}

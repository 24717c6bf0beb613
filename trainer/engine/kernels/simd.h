/*
 * Vectors as the compiler's own extension has them, so that one source serves every instruction set. The build compiles it
 * once for each of those that a processor may have (scripts/kernels.mjs); ops.c chooses when the library is loaded.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* A vector from fewer floats, and back: what lies beyond the end of a row. */
INLINE Vector loadSome(const float *from, size_t count) {
  float values[LANES] = {0};
  memcpy(values, from, count * sizeof(float));
  return load(values);
}
INLINE void storeSome(float *to, Vector value, size_t count) {
  float values[LANES];
  store(values, value);
  memcpy(to, values, count * sizeof(float));
}

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

/* The lanes of two vectors in turn: of their lower halves, and of their upper ones. */
#if defined(__AVX512F__)
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif defined(__AVX2__)
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#endif

/* Rows of LANES floats, `row` apart, as columns `column` apart. */
INLINE void transpose(const float *from, size_t row, float *to, size_t column) {
  Vector a[LANES], b[LANES];
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++) a[i] = load(from + i * row);
  /* To take the rows i and i + LANES / 2 in turn, again and again, turns the index of a value around by a bit each time. */
#pragma GCC unroll 4
  for (int done = 1; done < LANES; done *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < LANES / 2; i++) {
      b[2 * i] = LOW(a[i], a[i + LANES / 2]);
      b[2 * i + 1] = HIGH(a[i], a[i + LANES / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) a[i] = b[i];
  }
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++) store(to + i * column, a[i]);
}

INLINE float sum(Vector value) {
  float total = 0;
  for (int i = 0; i < LANES; i++) total += value[i];
  return total;
}

/* Products of matrices, row-major unless strides say otherwise. */
#pragma once
#include "pool.h"

/*
 * The left matrix of a product, row by row and in segments: a row has `length` floats in each. A plain matrix has one
 * segment; what a convolution's window sees has one for each of its places. `find` writes to `to` where `count` rows from
 * `first` on have theirs.
 */
typedef struct Rows {
  void (*find)(const struct Rows *self, size_t segment, size_t first, size_t count, const float **to);
  size_t segments;
  size_t length;
} Rows;

/* [K, N], element (k, n) at data[k * row + n * column]. */
typedef struct {
  const float *data;
  size_t row, column;
} Matrix;

/* What is added to a product: a row [N], a matrix [M, N] with `step` floats from row to row, both or none. */
typedef struct {
  const float *row, *matrix;
  size_t step;
} Addend;

/* A result, `row` floats from one row to the next. */
typedef struct {
  float *data;
  size_t row;
} Result;

/* to [M, N] = alpha left [M, K] right [K, N] + addend, where K = segments * length. */
typedef void Product(const Pool *pool, size_t m, size_t n, const Rows *left, Matrix right, float alpha, Addend addend,
                     Result to);
/*
 * to [M, N] = alpha left^T right, or that much more of it with `more`; left [K, M], M = segments * length, and right
 * [K, N], its rows contiguous. The gradient of a kernel.
 */
typedef void InnerProduct(const Pool *pool, size_t k, size_t n, const Rows *left, Matrix right, float alpha, int more,
                          Result to);

/* A plain matrix as `Rows`. */
typedef struct {
  Rows rows;
  const float *data;
  size_t row;
} Dense;

static void denseRows(const Rows *self, size_t segment, size_t first, size_t count, const float **to) {
  const Dense *dense = (const Dense *)self;
  (void)segment;
  for (size_t i = 0; i < count; i++) to[i] = dense->data + (first + i) * dense->row;
}
static inline Dense dense(const float *data, size_t row, size_t length) {
  return (Dense){{denseRows, 1, length}, data, row};
}

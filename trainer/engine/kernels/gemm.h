/* Products of matrices, row-major unless strides say otherwise. */
#pragma once
#include "pool.h"

/*
 * The left matrix of a product, row by row and in segments: the elements of row i in segment s are `length` floats at
 * `at(self, i, s)`. A plain matrix has one segment; what a convolution's window sees has one for each of its places.
 */
typedef struct Rows {
  const float *(*at)(const struct Rows *self, size_t row, size_t segment);
  size_t segments;
  size_t length; /* of a segment */
} Rows;

/* [K, N], element (k, n) at data[k * row + n * column]. */
typedef struct {
  const float *data;
  size_t row, column;
} Matrix;

/* What is added to a product: nothing, a row [N], or a matrix [M, N]. */
typedef struct {
  const float *data;
  size_t row; /* 0: the same row for all */
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

static const float *denseAt(const Rows *self, size_t row, size_t segment) {
  const Dense *dense = (const Dense *)self;
  (void)segment;
  return dense->data + row * dense->row;
}
static inline Dense dense(const float *data, size_t row, size_t length) {
  return (Dense){{denseAt, 1, length}, data, row};
}

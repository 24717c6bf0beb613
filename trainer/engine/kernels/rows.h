/* Elementwise ops, and ops on the rows or columns of a matrix. What an op is, with its source, is said in ../ops.ts. */
#pragma once
#include "pool.h"

typedef void Elementwise(const Pool *pool, size_t size, const float *a, const float *b, float *to);
typedef void Standardize(const Pool *pool, size_t rows, size_t width, float eps, float mean, const float *x, float *y,
                         float *rate);
/* `addend`, or NULL, is added to dx. */
typedef void StandardizeGrad(const Pool *pool, size_t rows, size_t width, float mean, const float *dy, const float *y,
                             const float *rate, const float *addend, float *dx);

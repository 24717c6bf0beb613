/* Ops on the columns of a matrix [R, C] (../ops.ts). */
#pragma once
#include "pool.h"

/* to [C] = the sums of x's columns. */
typedef void ColumnSums(const Pool *pool, size_t rows, size_t columns, const float *x, float *to);

typedef struct {
  size_t rows, columns;
  float eps;
  const float *x, *scale, *shift;
  float *y, *mean, *variance;
} StandardizeColumns;
typedef void StandardizeColumnsOp(const Pool *pool, StandardizeColumns work);

typedef struct {
  size_t rows, columns;
  float eps;
  const float *dy, *x, *scale, *mean, *variance;
  float *dx, *dScale, *dShift;
} StandardizeColumnsGrad;
typedef void StandardizeColumnsGradOp(const Pool *pool, StandardizeColumnsGrad work);

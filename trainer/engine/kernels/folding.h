/* A layer norm's scale and shift and a layer's bias, folded into the layer's kernel (../ops.ts, foldNorm). */
#pragma once
#include "pool.h"

typedef struct {
  size_t inputs, outputs;
  const float *kernel; /* [inputs, outputs] */
  const float *scale, *shift; /* [inputs] */
  const float *bias; /* [outputs] */
  float *folded; /* [inputs, outputs] */
} FoldNorm;
typedef void FoldNormOp(const Pool *pool, FoldNorm work);

typedef struct {
  size_t inputs, outputs;
  const float *dFolded, *kernel, *scale, *shift;
  float *dKernel, *dScale, *dShift, *dBias;
} FoldNormGrad;
typedef void FoldNormGradOp(const Pool *pool, FoldNormGrad work);

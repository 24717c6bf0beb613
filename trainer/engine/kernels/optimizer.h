/* AdamW over many parameters at once (../ops.ts). */
#pragma once
#include "pool.h"

/* A parameter and its gradient, at `first` of a pack's moments. */
typedef struct {
  size_t first, size;
  const float *parameter, *gradient;
  float *next;
} Member;

typedef struct {
  size_t count, size; /* of the members, and of all their values */
  const Member *members;
  float beta1, beta2, rate, floor, keep, clip;
  const float *m, *v;
  float *nextM, *nextV;
} Adamw;

typedef void AdamwOp(const Pool *pool, Adamw work);

/* The sum of the squares of all members' gradients. */
typedef float SquaredNorm(const Pool *pool, size_t count, size_t size, const Member *members);

/* Multi-head self-attention on queries, keys and values as one product leaves them (../ops.ts). */
#pragma once
#include "pool.h"

typedef struct {
  size_t batch, heads, tokens, width; /* width of a token, of all heads */
  size_t from;                        /* the first token that attends */
  float scale;
  const float *qkv;      /* [batch, tokens, 3, heads, width / heads] */
  float *y;              /* [batch, tokens - from, width] */
  float *logSums;        /* [batch, heads, tokens - from]: log sum exp of the scores */
  const float *dy;       /* as y */
  float *dqkv;           /* as qkv */
} Attention;

typedef void Attend(const Pool *pool, Attention work);

/* Convolutions as products with what windows see (../lower/window.ts), which is looked up and never written out. */
#pragma once
#include "pool.h"

typedef struct {
  size_t batch, pixels, channels, windows, places, outputs;
  const float *x;       /* [batch, pixels, channels] */
  const int32_t *seen;  /* [windows, places]: pixels, or -1 outside of the image */
  const float *right;   /* [places * channels, outputs], or [batch * windows, outputs] */
  const float *addend;  /* [outputs], or NULL; of a product */
  float *to;            /* [batch * windows, outputs], or [places * channels, outputs] */
} Windows;

typedef void WindowOp(const Pool *pool, Windows work);

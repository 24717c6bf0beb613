/*
 * Convolutions of 3 x 3 kernels in strides of 1, in 4/9 of the multiplications. Images have their channels last; `top` and
 * `left` are the padding before the first row and column, which may be negative. Where an image is not finite, all pixels
 * of the tiles that see it may be NaN.
 */
#pragma once
#include "pool.h"

typedef struct {
  size_t batch, height, width, channels; /* of x */
  size_t outHeight, outWidth, outputs;   /* of y */
  ptrdiff_t top, left;
  const float *x; /* [batch, height, width, channels] */
} Convolution;

/*
 * y [batch, outHeight, outWidth, outputs] of a kernel [3, 3, channels, outputs]; or, `turned`, of a kernel
 * [3, 3, outputs, channels] that is first turned by half a turn and has its channels swapped, which is what gives the
 * gradient of a convolution's images. `addend` [outputs], or NULL, is added to every pixel.
 */
typedef void WinogradProduct(const Pool *pool, Convolution work, const float *kernel, int turned, const float *addend,
                             float *y);
/* The gradient of the kernel, [3, 3, channels, outputs], from that of y. */
typedef void WinogradInnerProduct(const Pool *pool, Convolution work, const float *dy, float *dKernel);

/*
 * Winograd's minimal filtering F(2 x 2, 3 x 3) (Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks",
 * section 4.1): a tile of 2 x 2 pixels of the result y depends on 4 x 4 pixels d of the image, and with the kernel g is
 *
 *   y = A^T [(G g G^T) * (B^T d B)] A
 *
 * where * multiplies each of 16 points by its own: 16 multiplications where the definition has 36. Summed over the channels,
 * each point is a product of matrices, [tiles, channels] [channels, outputs]. As y is linear in g, the gradient of g has the
 * same matrices: dg = G^T [(A dy A^T) * (B^T d B)] G, summed over the tiles, again a product for each point.
 *
 * A task takes some tiles from the image to the result by itself, so that all that is 4 times as large as they are stays in
 * its core's cache; only the transformed kernel is shared. What is transformed is whole vectors of channels.
 */
#include "winograd.h"
#include "gemm.h"
#include "simd.h"
#include "windows.h"

enum { KERNEL = 3, TILE = 2, SEEN = TILE + KERNEL - 1, POINTS = SEEN * SEEN, PLACES = KERNEL * KERNEL };

/* --- the transforms --- */

/* One of the matrices times a column, whose elements are `step` apart, and those of the result `toStep`. */
typedef void Transform(const Vector *from, int step, Vector *to, int toStep);

static inline void timesBt(const Vector *d, int step, Vector *to, int toStep) {
  to[0] = d[0] - d[2 * step];
  to[toStep] = d[step] + d[2 * step];
  to[2 * toStep] = d[2 * step] - d[step];
  to[3 * toStep] = d[step] - d[3 * step];
}
static inline void timesG(const Vector *g, int step, Vector *to, int toStep) {
  const Vector even = (g[0] + g[2 * step]) * 0.5f, odd = g[step] * 0.5f;
  to[0] = g[0];
  to[toStep] = even + odd;
  to[2 * toStep] = even - odd;
  to[3 * toStep] = g[2 * step];
}
static inline void timesGt(const Vector *u, int step, Vector *to, int toStep) {
  const Vector even = (u[step] + u[2 * step]) * 0.5f;
  to[0] = u[0] + even;
  to[toStep] = (u[step] - u[2 * step]) * 0.5f;
  to[2 * toStep] = even + u[3 * step];
}
static inline void timesAt(const Vector *m, int step, Vector *to, int toStep) {
  to[0] = m[0] + m[step] + m[2 * step];
  to[toStep] = m[step] - m[2 * step] - m[3 * step];
}
static inline void timesA(const Vector *y, int step, Vector *to, int toStep) {
  to[0] = y[0];
  to[toStep] = y[0] + y[step];
  to[2 * toStep] = y[0] - y[step];
  to[3 * toStep] = -y[step];
}

/* T x T^T [made, made] of x [side, side], where T [made, side] is one of the matrices. */
INLINE void onBothSides(Transform *times, int side, int made, const Vector *x, Vector *to) {
  Vector half[POINTS]; /* T x [made, side] */
#pragma GCC unroll 4
  for (int i = 0; i < side; i++) times(x + i, side, half + i, side);
#pragma GCC unroll 4
  for (int i = 0; i < made; i++) times(half + i * side, 1, to + i * made, 1);
}

/* --- tiles --- */

INLINE size_t tilesAcross(const Convolution *of) { return parts(of->outWidth, TILE); }
INLINE size_t tilesPerImage(const Convolution *of) { return parts(of->outHeight, TILE) * tilesAcross(of); }
INLINE size_t tilesOf(const Convolution *of) { return of->batch * tilesPerImage(of); }

/* Where a tile of the result begins. */
typedef struct {
  size_t image, y, x;
} Place;
INLINE Place placeOf(const Convolution *of, size_t tile) {
  const size_t perImage = tilesPerImage(of), across = tilesAcross(of), within = tile % perImage;
  return (Place){tile / perImage, within / across * TILE, within % across * TILE};
}

/* The pixels [side, side] of an image [height, width, channels] from (y, x) on; those outside of it are zero. */
INLINE void pixelsFrom(const float *image, size_t height, size_t width, size_t channels, size_t y, size_t x, int side,
                       const float **to) {
  for (int i = 0; i < side; i++)
    for (int j = 0; j < side; j++) {
      const size_t row = y + i, column = x + j; /* before the first one they are huge */
      to[i * side + j] = row < height && column < width ? image + (row * width + column) * channels : nothing;
    }
}

/* Floats from point to point of so many rows: off the powers of two, whose multiples share a set of the cache. */
INLINE size_t pointStride(size_t rows, size_t row) { return rows * row + LANES; }

/* B^T d B of a tile [POINTS, count], `stride` from point to point, of the channels from `first` on. */
static void transformImage(const Convolution *of, size_t tile, size_t first, size_t count, float *to, size_t stride) {
  const Place at = placeOf(of, tile);
  const float *image = of->x + at.image * of->height * of->width * of->channels, *pixels[POINTS];
  pixelsFrom(image, of->height, of->width, of->channels, at.y - of->top, at.x - of->left, SEEN, pixels);
  for (size_t c = 0; c < count; c += LANES) {
    Vector d[POINTS], v[POINTS];
#pragma GCC unroll 16
    for (int p = 0; p < POINTS; p++) d[p] = loadSome(pixels[p] + first + c, count - c);
    onBothSides(timesBt, SEEN, SEEN, d, v);
#pragma GCC unroll 16
    for (int p = 0; p < POINTS; p++) store(to + p * stride + c, v[p]);
  }
}

/* --- y --- */

/* Most tiles that a task takes, and fewer if their points would leave the cache, but not so few that the kernel would. */
enum { MOST_TILES = 64, LEAST_TILES = 32, SEEN_FLOATS = 1 << 18 };

typedef struct {
  Convolution convolution;
  const float *kernel, *addend;
  int turned;
  float *y;
  float *transformed;  /* G g G^T: panel by panel of the outputs, as gemm.c packs them, [POINTS, depth, width] */
  size_t depth;        /* channels, in whole vectors */
  size_t tiles;        /* in a task */
  size_t columnShares; /* of the panels, among tasks that take the same tiles */
} WinogradWork;

/* The transformed kernel of LANES channels. */
static void transformKernel(void *argument, size_t index) {
  const WinogradWork *work = argument;
  const size_t channels = work->convolution.channels, outputs = work->convolution.outputs, c = index * LANES;
  /* The kernel's last axis, which vectors are loaded along, and the one before it. */
  const size_t inner = work->turned ? channels : outputs, outer = work->turned ? outputs : channels;
  for (size_t n = 0, width; n < outputs; n += width) {
    width = panelAt(n, outputs);
    const size_t row = paddedColumns(width), pointStep = work->depth * row;
    float *to = work->transformed + n * POINTS * work->depth + c * row;
    for (size_t j = 0; j < row; j += LANES, to += LANES) {
      const size_t firstInner = work->turned ? c : n + j, firstOuter = work->turned ? n + j : c;
      Vector points[POINTS][LANES]; /* by the outer axis */
      for (size_t i = 0; i < LANES; i++) {
        Vector g[PLACES] = {0}, u[POINTS];
        for (int p = 0; p < PLACES && firstOuter + i < outer; p++) {
          const int place = work->turned ? PLACES - 1 - p : p;
          const float *from = work->kernel + (place * outer + firstOuter + i) * inner + firstInner;
          g[p] = loadSome(from, inner - firstInner);
        }
        onBothSides(timesG, KERNEL, SEEN, g, u);
        for (int p = 0; p < POINTS; p++) points[p][i] = u[p];
      }
      for (int p = 0; p < POINTS; p++) {
        if (work->turned) transpose((const float *)points[p], LANES, to + p * pointStep, row);
        else for (size_t i = 0; i < LANES; i++) store(to + p * pointStep + i * row, points[p][i]);
      }
    }
  }
}

/* A^T m A + addend of a tile, m [POINTS, width] `stride` from point to point, to its pixels' outputs from n on. */
static void transformBack(const WinogradWork *work, size_t tile, size_t n, size_t width, const float *m, size_t stride) {
  const Convolution *of = &work->convolution;
  const Place at = placeOf(of, tile);
  const size_t rows = least(TILE, of->outHeight - at.y), columns = least(TILE, of->outWidth - at.x);
  float *to = work->y + ((at.image * of->outHeight + at.y) * of->outWidth + at.x) * of->outputs + n;
  for (size_t j = 0; j < width; j += LANES) {
    Vector points[POINTS], y[TILE * TILE];
#pragma GCC unroll 16
    for (int p = 0; p < POINTS; p++) points[p] = load(m + p * stride + j);
    onBothSides(timesAt, SEEN, TILE, points, y);
    const Vector addend = work->addend ? loadSome(work->addend + n + j, width - j) : (Vector){0};
    for (size_t i = 0; i < rows; i++)
      for (size_t k = 0; k < columns; k++)
        storeSome(to + (i * of->outWidth + k) * of->outputs + j, y[i * TILE + k] + addend, width - j);
  }
}

static void multiplyTiles(void *argument, size_t index) {
  const WinogradWork *work = argument;
  const Convolution *of = &work->convolution;
  const size_t block = index / work->columnShares, share = index % work->columnShares;
  const size_t first = block * work->tiles, count = least(work->tiles, tilesOf(of) - first);
  const size_t seenStride = pointStride(work->tiles, work->depth), madeStride = pointStride(work->tiles, TILE_COLUMNS);
  float *seen = scratch(SLOT_LEFT, POINTS * seenStride * sizeof(float)); /* [POINTS, tiles, depth] */
  float *made = scratch(SLOT_RIGHT, POINTS * madeStride * sizeof(float)); /* [POINTS, tiles, width] */
  for (size_t t = 0; t < count; t++) transformImage(of, first + t, 0, of->channels, seen + t * work->depth, seenStride);
  for (size_t n = 0, width, panel = 0; n < of->outputs; n += width, panel++) {
    width = panelAt(n, of->outputs);
    if (panel % work->columnShares != share) continue;
    const size_t row = paddedColumns(width);
    for (size_t p = 0; p < POINTS; p++) {
      const float *packed = work->transformed + (n * POINTS + p * row) * work->depth;
      for (size_t t = 0; t < count; t += TILE_ROWS) {
        const size_t rows = least(TILE_ROWS, count - t);
        const float *pointers[TILE_ROWS];
        for (size_t i = 0; i < TILE_ROWS; i++)
          pointers[i] = seen + p * seenStride + (t + (i < rows ? i : 0)) * work->depth;
        const Target target = {made + p * madeStride + t * row, row, rows, row, 1, {0}};
        product(pointers, 1, of->channels, 1, packed, &target);
      }
    }
    for (size_t t = 0; t < count; t++) transformBack(work, first + t, n, width, made + t * row, madeStride);
  }
}

static WinogradProduct winogradProduct;
static void winogradProduct(const Pool *pool, Convolution of, const float *kernel, int turned, const float *addend,
                            float *y) {
  const size_t depth = paddedColumns(of.channels), columns = paddedColumns(of.outputs);
  float *transformed = scratch(SLOT_SHARED, POINTS * depth * columns * sizeof(float));
  size_t tiles = MOST_TILES;
  while (tiles > LEAST_TILES && POINTS * tiles * depth > SEEN_FLOATS) tiles /= 2;
  const size_t blocks = parts(tilesOf(&of), tiles), panels = parts(columns, TILE_COLUMNS);
  const size_t columnShares = blocks < TASKS ? least(parts(TASKS, blocks), panels) : 1;
  WinogradWork work = {of, kernel, addend, turned, y, transformed, depth, tiles, columnShares};
  each(pool, depth / LANES, transformKernel, &work);
  each(pool, blocks * columnShares, multiplyTiles, &work);
}

/* --- the gradient of the kernel --- */

/* A task sums so many of its channels by outputs over so many tiles at once: the sums stay in the cache beside the tiles. */
enum { INNER_CHANNELS = 64, INNER_OUTPUTS = 96, INNER_TILES = 128 };

typedef struct {
  Convolution convolution;
  const float *dy;
  size_t tiles;             /* in a part */
  size_t channels, outputs; /* in a task */
  size_t across;            /* tasks of the same channels */
  Partial sums;
} WinogradInnerWork;

/* A dy A^T of a tile [POINTS, width], `stride` from point to point, of the outputs from n on. */
static void transformGradient(const WinogradInnerWork *work, size_t tile, size_t n, size_t width, float *to, size_t stride) {
  const Convolution *of = &work->convolution;
  const Place at = placeOf(of, tile);
  const float *image = work->dy + at.image * of->outHeight * of->outWidth * of->outputs, *pixels[TILE * TILE];
  pixelsFrom(image, of->outHeight, of->outWidth, of->outputs, at.y, at.x, TILE, pixels);
  for (size_t j = 0; j < width; j += LANES) {
    Vector dy[TILE * TILE], z[POINTS];
#pragma GCC unroll 4
    for (int p = 0; p < TILE * TILE; p++) dy[p] = loadSome(pixels[p] + n + j, width - j);
    onBothSides(timesA, TILE, SEEN, dy, z);
#pragma GCC unroll 16
    for (int p = 0; p < POINTS; p++) store(to + p * stride + j, z[p]);
  }
}

static void multiplyTilesInner(void *argument, size_t index) {
  const WinogradInnerWork *work = argument;
  const Convolution *of = &work->convolution;
  const size_t blocks = parts(of->channels, work->channels) * work->across, part = index / blocks, block = index % blocks;
  const size_t c0 = block / work->across * work->channels, n0 = block % work->across * work->outputs;
  const size_t channels = least(work->channels, of->channels - c0), outputs = least(work->outputs, of->outputs - n0);
  const size_t seenRow = paddedColumns(channels), sumsRow = paddedColumns(outputs);
  const size_t seenStride = pointStride(INNER_TILES, seenRow), gradientStride = pointStride(INNER_TILES, TILE_COLUMNS);
  const size_t sumsStride = pointStride(channels, sumsRow);
  float *seen = scratch(SLOT_LEFT, POINTS * seenStride * sizeof(float)); /* [POINTS, tiles, channels] */
  float *gradient = scratch(SLOT_RIGHT, POINTS * gradientStride * sizeof(float)); /* [POINTS, tiles, width] */
  float *sums = scratch(SLOT_SUMS, POINTS * sumsStride * sizeof(float)); /* [POINTS, channels, outputs] */
  const size_t begin = part * work->tiles, end = least(begin + work->tiles, tilesOf(of));
  for (size_t first = begin; first < end; first += INNER_TILES) {
    const size_t count = least(INNER_TILES, end - first);
    for (size_t t = 0; t < count; t++) transformImage(of, first + t, c0, channels, seen + t * seenRow, seenStride);
    for (size_t n = 0, width; n < outputs; n += width) {
      width = panelAt(n, outputs);
      const size_t row = paddedColumns(width);
      for (size_t t = 0; t < count; t++)
        transformGradient(work, first + t, n0 + n, width, gradient + t * row, gradientStride);
      for (size_t p = 0; p < POINTS; p++)
        for (size_t c = 0; c < channels; c += TILE_ROWS) {
          const size_t rows = least(TILE_ROWS, channels - c);
          const float *pointers[TILE_ROWS];
          for (size_t i = 0; i < TILE_ROWS; i++) pointers[i] = seen + p * seenStride + c + (i < rows ? i : 0);
          float *to = sums + p * sumsStride + c * sumsRow + n;
          const Target target = {to, sumsRow, rows, row, 1, {NULL, first == begin ? NULL : to, sumsRow}};
          product(pointers, 1, count, seenRow, gradient + p * gradientStride, &target);
        }
    }
  }
  const Result to = partOf(&work->sums, part); /* [PLACES * channels, outputs] */
  for (size_t c = 0; c < channels; c++)
    for (size_t n = 0; n < outputs; n += LANES) {
      Vector u[POINTS], g[PLACES];
      for (size_t p = 0; p < POINTS; p++) u[p] = load(sums + p * sumsStride + c * sumsRow + n);
      onBothSides(timesGt, SEEN, KERNEL, u, g);
      for (size_t p = 0; p < PLACES; p++)
        storeSome(to.data + (p * of->channels + c0 + c) * to.row + n0 + n, g[p], outputs - n);
    }
}

static WinogradInnerProduct winogradInnerProduct;
static void winogradInnerProduct(const Pool *pool, Convolution of, const float *dy, float *dKernel) {
  const size_t down = parts(of.channels, INNER_CHANNELS), across = parts(of.outputs, INNER_OUTPUTS);
  const size_t m = PLACES * of.channels, tiles = tilesOf(&of);
  size_t among = 1;
  while (among * down * across < INNER_TASKS && 2 * among * m * of.outputs <= INNER_PARTS_FLOATS &&
         tiles / (2 * among) >= 2 * INNER_TILES)
    among *= 2;
  const size_t perPart = parts(tiles, among);
  WinogradInnerWork work = {.convolution = of,
                            .dy = dy,
                            .tiles = perPart,
                            .channels = paddedColumns(parts(of.channels, down)),
                            .outputs = paddedColumns(parts(of.outputs, across)),
                            .across = across};
  work.across = parts(of.outputs, work.outputs);
  among = parts(tiles, perPart);
  work.sums = partialSums(among, m, of.outputs, (Result){dKernel, of.outputs});
  each(pool, among * parts(of.channels, work.channels) * work.across, multiplyTilesInner, &work);
  addParts(pool, work.sums);
}

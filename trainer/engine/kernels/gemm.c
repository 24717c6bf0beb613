/*
 * Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): a tile of the result stays in
 * registers, the right matrix is packed so that a tile's columns are read in order. The left one is read where it lies,
 * its rows by pointers, which is what lets a convolution be a product without its windows ever being written out.
 */
#include "gemm.h"
#include "simd.h"
#include <string.h>

/* Most values of the inner axis that are summed before the sums go to memory: a packed panel of them stays in L2. */
enum { DEPTH = 1024 };
/* Rows that share a pass over the packed columns. */
enum { BLOCK_ROWS = 8 * TILE_ROWS };
/* Among how many the packing of a piece of the right matrix is shared out, and at least a product. */
enum { PACKERS = 8, TASKS = 16 };

typedef Vector Tile[TILE_ROWS][TILE_VECTORS];

/* tile += the product of TILE_ROWS rows, `step` apart from element to element, and packed columns; `vectors` is constant. */
INLINE void multiply(Tile tile, int vectors, const float *const *rows, size_t step, size_t depth, const float *packed) {
  const float *a[TILE_ROWS];
#pragma GCC unroll 8
  for (int i = 0; i < TILE_ROWS; i++) a[i] = rows[i];
  for (size_t k = 0; k < depth; k++) {
    Vector b[TILE_VECTORS];
#pragma GCC unroll 3
    for (int j = 0; j < vectors; j++) b[j] = *(const Vector *)(packed + (k * vectors + j) * LANES);
#pragma GCC unroll 8
    for (int i = 0; i < TILE_ROWS; i++) {
      const Vector x = splat(a[i][k * step]);
#pragma GCC unroll 3
      for (int j = 0; j < vectors; j++) tile[i][j] += x * b[j];
    }
  }
}

/* Where a tile's result goes. */
typedef struct {
  float *to;
  size_t row; /* floats from row to row */
  size_t rows, columns;
  float alpha;
  Addend addend; /* at the tile's first element */
} Target;

INLINE void write(Tile tile, int vectors, const Target *target) {
  float *to = target->to;
  const float *row = target->addend.row, *matrix = target->addend.matrix, *from = matrix ? matrix : row;
  const size_t step = matrix ? target->addend.step : 0;
  float alpha = target->alpha;
  if (row && matrix) {
#pragma GCC unroll 3
    for (int j = 0; j < vectors; j++) {
      const Vector own = loadSome(row + j * LANES, target->columns - j * LANES);
#pragma GCC unroll 8
      for (int i = 0; i < TILE_ROWS; i++) tile[i][j] = tile[i][j] * alpha + own;
    }
    alpha = 1;
  }
  for (size_t i = 0; i < target->rows; i++, to += target->row, from += from ? step : 0) {
#pragma GCC unroll 3
    for (int j = 0; j < vectors; j++) {
      const size_t left = target->columns - j * LANES;
      Vector value = tile[i][j] * alpha;
      if (left >= LANES) {
        store(to + j * LANES, from ? value + load(from + j * LANES) : value);
      } else {
        for (size_t l = 0; l < left; l++) to[j * LANES + l] = value[l] + (from ? from[j * LANES + l] : 0);
      }
    }
  }
}

/* One tile: `segments` runs of `length` elements each, of rows at pointers[segment][TILE_ROWS]. */
INLINE void tileOf(int vectors, const float *const *pointers, size_t segments, size_t length, size_t step,
                   const float *packed, const Target *target) {
  Tile tile = {0};
  for (size_t s = 0; s < segments; s++, pointers += TILE_ROWS, packed += length * vectors * LANES)
    multiply(tile, vectors, pointers, step, length, packed);
  write(tile, vectors, target);
}

static void product(const float *const *pointers, size_t segments, size_t length, size_t step, const float *packed,
                    const Target *target) {
  switch (parts(target->columns, LANES)) {
    case 1: tileOf(1, pointers, segments, length, step, packed, target); break;
    case 2: tileOf(2, pointers, segments, length, step, packed, target); break;
    default: tileOf(3, pointers, segments, length, step, packed, target); break;
  }
}

/* Width of the panel that begins at column n: as many vectors as the other panels, to one, and no more than a tile has. */
INLINE size_t panelAt(size_t n, size_t columns) {
  const size_t vectors = parts(columns - n, LANES), panels = parts(vectors, TILE_VECTORS);
  return least(parts(vectors, panels) * LANES, columns - n);
}

/* A panel of a matrix whose columns are contiguous, or that has no such axis. */
static void packTurned(const float *from, Matrix matrix, size_t depth, size_t width, float *to) {
  const size_t padded = parts(width, LANES) * LANES;
  const size_t whole = matrix.row == 1 ? depth / LANES * LANES : 0;
  for (size_t j = 0; j < padded; j += LANES) {
    const size_t left = least(LANES, width - j);
    const float *columns = from + j * matrix.column;
    float some[LANES * LANES]; /* of the last columns, and zeros for those that are not there */
    memset(some + left * LANES, 0, (LANES - left) * LANES * sizeof(float));
    for (size_t k = 0; k < whole; k += LANES) {
      for (size_t l = 0; left < LANES && l < left; l++)
        store(some + l * LANES, load(columns + l * matrix.column + k));
      if (left < LANES) transpose(some, LANES, to + k * padded + j, padded);
      else transpose(columns + k, matrix.column, to + k * padded + j, padded);
    }
    for (size_t k = whole; k < depth; k++)
      for (size_t l = 0; l < LANES; l++)
        to[k * padded + j + l] = l < left ? columns[l * matrix.column + k * matrix.row] : 0;
  }
}

/* [depth, columns] panel by panel, each row of a panel whole vectors: the last ones zero. */
static void pack(Matrix matrix, size_t depth, size_t columns, float *to) {
  for (size_t n = 0, width; n < columns; n += width) {
    width = panelAt(n, columns);
    const size_t padded = parts(width, LANES) * LANES;
    const float *from = matrix.data + n * matrix.column;
    if (matrix.column == 1) {
      for (size_t k = 0; k < depth; k++, from += matrix.row, to += padded) {
        memcpy(to, from, width * sizeof(float));
        memset(to + width, 0, (padded - width) * sizeof(float));
      }
    } else {
      packTurned(from, matrix, depth, width, to);
      to += depth * padded;
    }
  }
}

INLINE size_t paddedColumns(size_t columns) { return parts(columns, LANES) * LANES; }

/* --- left [M, K] right [K, N] --- */

typedef struct {
  size_t m, n;
  const Rows *left;
  Matrix right;
  float alpha;
  Addend addend;
  Result to;
  float *packed;
  size_t chunk;    /* length of a piece of a segment */
  size_t chunks;   /* pieces in all */
  size_t together; /* pieces that are summed before they go to memory */
  size_t columns;  /* padded */
  size_t shares;   /* of a piece's panels among those that pack */
  size_t columnShares; /* of the panels among those that multiply a block of rows */
} Work;

static void packChunk(void *argument, size_t index) {
  const Work *work = argument;
  const size_t chunk = index / work->shares, share = index % work->shares;
  const size_t row = chunk * work->chunk;
  Matrix matrix = work->right;
  matrix.data += row * matrix.row;
  /* The panels of the pieces that are summed together follow each other panel by panel. */
  const size_t first = chunk / work->together * work->together;
  const size_t among = least(work->together, work->chunks - first);
  float *group = work->packed + first * work->chunk * work->columns;
  for (size_t n = 0, width, i = 0; n < work->n; n += width, i++) {
    width = panelAt(n, work->n);
    const size_t padded = parts(width, LANES) * LANES;
    Matrix panel = matrix;
    panel.data += n * matrix.column;
    if (i % work->shares == share) pack(panel, work->chunk, width, group + (chunk - first) * work->chunk * padded);
    group += among * work->chunk * padded;
  }
}

static void multiplyRows(void *argument, size_t index) {
  const Work *work = argument;
  const size_t block = index / work->columnShares, share = index % work->columnShares;
  const Rows *left = work->left;
  const size_t m0 = block * BLOCK_ROWS, rows = least(BLOCK_ROWS, work->m - m0);
  const size_t perSegment = left->length / work->chunk;
  const float **pointers = scratch(SLOT_ROWS, work->together * BLOCK_ROWS * sizeof *pointers);
  for (size_t first = 0; first < work->chunks; first += work->together) {
    const size_t among = least(work->together, work->chunks - first);
    for (size_t i = 0; i < rows; i += TILE_ROWS)
      for (size_t c = 0; c < among; c++) {
        const size_t here = least(TILE_ROWS, rows - i), offset = (first + c) % perSegment * work->chunk;
        const float **own = pointers + i * among + c * TILE_ROWS;
        left->find(left, (first + c) / perSegment, m0 + i, here, own);
        for (size_t r = 0; r < here; r++) own[r] += offset;
        for (size_t r = here; r < TILE_ROWS; r++) own[r] = own[0]; /* computed, and never written */
      }
    const float *packed = work->packed + first * work->chunk * work->columns;
    for (size_t n = 0, width, panel = 0; n < work->n; n += width, panel++) {
      width = panelAt(n, work->n);
      for (size_t i = 0; i < rows && panel % work->columnShares == share; i += TILE_ROWS) {
        float *to = work->to.data + (m0 + i) * work->to.row + n;
        Addend addend = {NULL, to, work->to.row};
        if (first == 0) {
          addend = work->addend;
          if (addend.row) addend.row += n;
          if (addend.matrix) addend.matrix += (m0 + i) * addend.step + n;
        }
        const Target target = {to, work->to.row, least(TILE_ROWS, rows - i), width, work->alpha, addend};
        product(pointers + i * among, among, work->chunk, 1, packed, &target);
      }
      packed += among * work->chunk * parts(width, LANES) * LANES;
    }
  }
}

/* The longest piece of `length` that divides it and is at most DEPTH. */
static size_t chunkOf(size_t length) {
  size_t pieces = parts(length, DEPTH);
  while (length % pieces) pieces++;
  return length / pieces;
}

INLINE float dot(const float *a, const float *b, size_t count) {
  Vector sums = {0};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) sums += load(a + i) * load(b + i);
  float total = sum(sums);
  for (; i < count; i++) total += a[i] * b[i];
  return total;
}

/* A product of a single row, for which it would take longer to pack the right matrix than to read it. */
static void weightedSum(size_t n, const Rows *left, Matrix right, float alpha, Addend addend, float *restrict to) {
  for (size_t i = 0; i < n; i++) to[i] = (addend.row ? addend.row[i] : 0) + (addend.matrix ? addend.matrix[i] : 0);
  for (size_t s = 0; s < left->segments; s++) {
    const float *weights;
    left->find(left, s, 0, 1, &weights);
    if (right.row == 1 && right.column != 1) {
      for (size_t i = 0; i < n; i++) to[i] += alpha * dot(weights, right.data + i * right.column, left->length);
      right.data += left->length;
      continue;
    }
    for (size_t k = 0; k < left->length; k++, right.data += right.row) {
      const float weight = alpha * weights[k];
      const float *restrict row = right.data;
      for (size_t i = 0; i < n; i++) to[i] += weight * row[i];
    }
  }
}

static Product multiplied;
static void multiplied(const Pool *pool, size_t m, size_t n, const Rows *left, Matrix right, float alpha, Addend addend,
                       Result to) {
  if (m == 1 && (right.column == 1 || right.row == 1)) {
    weightedSum(n, left, right, alpha, addend, to.data);
    return;
  }
  const size_t chunk = chunkOf(left->length), columns = paddedColumns(n);
  const size_t depth = left->segments * left->length;
  const size_t together = DEPTH / chunk;
  float *packed = scratch(SLOT_SHARED, depth * columns * sizeof(float));
  const size_t panels = parts(columns, TILE_COLUMNS), blocks = parts(m, BLOCK_ROWS);
  const size_t shares = least(PACKERS, panels);
  const size_t columnShares = pool && blocks < TASKS ? least(parts(TASKS, blocks), panels) : 1;
  Work work = {m,      n,     left,          right,    alpha,   addend, to,
               packed, chunk, depth / chunk, together, columns, shares, columnShares};
  each(pool, work.chunks * shares, packChunk, &work);
  each(pool, blocks * columnShares, multiplyRows, &work);
}

/* --- left^T [M, K] right [K, N] --- */

/*
 * Both matrices are packed, INNER_DEPTH of the inner axis at a time. The axis is long, so it is shared out too: each part of
 * it has sums of its own, which are added up at the end. How the work is cut does not depend on the number of threads.
 */
enum { INNER_DEPTH = 256, INNER_TASKS = 16, INNER_PARTS_FLOATS = 1 << 20 };
/* Floats from panel to panel of a packed left matrix: off the powers of two, whose multiples share a set of the cache. */
enum { PANEL = (INNER_DEPTH + 2) * TILE_ROWS };

/* Sums [m, n] of each part of an inner axis: those of the first are where the result goes, `others` [count - 1, m, n]. */
typedef struct {
  size_t count, m, n;
  float *others;
  Result to;
} Partial;

static Partial partialSums(size_t count, size_t m, size_t n, Result to) {
  float *others = count > 1 ? scratch(SLOT_SHARED, (count - 1) * m * n * sizeof(float)) : NULL;
  return (Partial){count, m, n, others, to};
}
static Result partOf(const Partial *sums, size_t part) {
  return part == 0 ? sums->to : (Result){sums->others + (part - 1) * sums->m * sums->n, sums->n};
}
static void addRowOfParts(void *argument, size_t row) {
  const Partial *sums = argument;
  float *restrict to = sums->to.data + row * sums->to.row;
  for (size_t part = 1; part < sums->count; part++) {
    const Result other = partOf(sums, part);
    const float *restrict from = other.data + row * other.row;
    for (size_t i = 0; i < sums->n; i++) to[i] += from[i];
  }
}
static void addParts(const Pool *pool, Partial sums) {
  if (sums.count > 1) each(pool, sums.m, addRowOfParts, &sums);
}

typedef struct {
  size_t k, m, n;
  const Rows *left;
  Matrix right;
  float alpha;
  int more;
  size_t depth;        /* of the inner axis in a part */
  Partial sums;
  size_t tileM, tileN; /* of the result in a task */
  size_t across;
} InnerWork;

/* Rows k0 on, columns m0 on, of the left matrix as panels of TILE_ROWS columns, the last one filled up with zeros. */
static void packLeft(const Rows *left, size_t k0, size_t depth, size_t m0, size_t count, float *to) {
  const float *rows[INNER_DEPTH];
  size_t segment = m0 / left->length, offset = m0 % left->length;
  for (size_t m = 0; m < count; segment++, offset = 0) {
    const size_t end = least(count, m + left->length - offset);
    left->find(left, segment, k0, depth, rows);
    for (size_t width; m < end; m += width, offset += width) {
      width = least(TILE_ROWS - m % TILE_ROWS, end - m);
      float *panel = to + m / TILE_ROWS * PANEL + m % TILE_ROWS;
      /* Of a constant size a copy is an instruction. */
      if (width == TILE_ROWS)
        for (size_t k = 0; k < depth; k++) memcpy(panel + k * TILE_ROWS, rows[k] + offset, TILE_ROWS * sizeof(float));
      else
        for (size_t k = 0; k < depth; k++) memcpy(panel + k * TILE_ROWS, rows[k] + offset, width * sizeof(float));
    }
  }
  for (size_t m = count; m % TILE_ROWS; m++)
    for (size_t k = 0; k < depth; k++) to[m / TILE_ROWS * PANEL + k * TILE_ROWS + m % TILE_ROWS] = 0;
}

static void multiplyInner(void *argument, size_t index) {
  const InnerWork *work = argument;
  const size_t tiles = parts(work->m, work->tileM) * work->across, part = index / tiles, tile = index % tiles;
  const size_t m0 = tile / work->across * work->tileM, n0 = tile % work->across * work->tileN;
  const size_t rows = least(work->tileM, work->m - m0), columns = least(work->tileN, work->n - n0);
  const Result to = partOf(&work->sums, part);
  float *left = scratch(SLOT_LEFT, parts(rows, TILE_ROWS) * PANEL * sizeof(float));
  float *right = scratch(SLOT_RIGHT, paddedColumns(columns) * INNER_DEPTH * sizeof(float));
  const size_t first = part * work->depth, end = least(first + work->depth, work->k);
  for (size_t k0 = first; k0 < end; k0 += INNER_DEPTH) {
    const size_t depth = least(INNER_DEPTH, end - k0);
    packLeft(work->left, k0, depth, m0, rows, left);
    Matrix own = work->right;
    own.data += k0 * own.row + n0 * own.column;
    pack(own, depth, columns, right);
    const float *packed = right;
    for (size_t n = 0, width; n < columns; n += width) {
      width = panelAt(n, columns);
      for (size_t m = 0; m < rows; m += TILE_ROWS) {
        const float *pointers[TILE_ROWS];
        for (size_t i = 0; i < TILE_ROWS; i++) pointers[i] = left + m / TILE_ROWS * PANEL + i;
        float *data = to.data + (m0 + m) * to.row + n0 + n;
        const Addend addend = {NULL, k0 == first && !(part == 0 && work->more) ? NULL : data, to.row};
        const Target target = {data, to.row, least(TILE_ROWS, rows - m), width, work->alpha, addend};
        product(pointers, 1, depth, TILE_ROWS, packed, &target);
      }
      packed += depth * parts(width, LANES) * LANES;
    }
  }
}

static InnerProduct multipliedInner;
static void multipliedInner(const Pool *pool, size_t k, size_t n, const Rows *left, Matrix right, float alpha, int more,
                            Result to) {
  const size_t m = left->segments * left->length;
  size_t among = 1, down = 1, across = 1;
  if (pool) {
    while (2 * among <= INNER_TASKS && 2 * among * m * n <= INNER_PARTS_FLOATS && k / (2 * among) >= 2 * INNER_DEPTH)
      among *= 2;
    while (among * down * across < INNER_TASKS && m * n / (down * across) > 16 * TILE_ROWS * TILE_COLUMNS) {
      if (m / down > n / across) down *= 2;
      else across *= 2;
    }
  }
  const size_t depth = parts(parts(k, among), INNER_DEPTH) * INNER_DEPTH;
  among = parts(k, depth);
  const size_t tileM = parts(parts(m, down), TILE_ROWS) * TILE_ROWS, tileN = parts(parts(n, across), LANES) * LANES;
  down = parts(m, tileM);
  across = parts(n, tileN);
  InnerWork work = {k, m, n, left, right, alpha, more, depth, partialSums(among, m, n, to), tileM, tileN, across};
  each(pool, among * down * across, multiplyInner, &work);
  addParts(pool, work.sums);
}

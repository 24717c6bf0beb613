/* Sums over rows are taken in a fixed number of parts, so that they do not depend on the number of threads. */
#include "columns.h"
#include "simd.h"
#include <math.h>
#include <string.h>

enum { ROW_PARTS = 16, MOST_SUMS = 2 };

/* What one pass adds up for each column: up to two sums of the values of a row. */
typedef struct ColumnPass {
  size_t rows, columns, parts, sums;
  void (*add)(const struct ColumnPass *pass, size_t row, float *sums);
  const float *x, *dy, *mean;
  float *partial; /* [parts, sums, columns] */
} ColumnPass;

static void addPart(void *argument, size_t part) {
  const ColumnPass *pass = argument;
  float *sums = pass->partial + part * pass->sums * pass->columns;
  memset(sums, 0, pass->sums * pass->columns * sizeof(float));
  const size_t end = (part + 1) * pass->rows / pass->parts;
  for (size_t row = part * pass->rows / pass->parts; row < end; row++) pass->add(pass, row, sums);
}

/* The sums [sums, columns] of all rows, in memory of this thread. */
static float *addUp(const Pool *pool, ColumnPass pass) {
  pass.parts = least(pass.rows, ROW_PARTS);
  const size_t count = pass.sums * pass.columns;
  pass.partial = scratch(SLOT_SHARED, pass.parts * count * sizeof(float));
  each(pool, pass.parts, addPart, &pass);
  for (size_t part = 1; part < pass.parts; part++)
    for (size_t i = 0; i < count; i++) pass.partial[i] += pass.partial[part * count + i];
  return pass.partial;
}

static void addRow(const ColumnPass *pass, size_t row, float *restrict sums) {
  const float *restrict x = pass->x + row * pass->columns;
  for (size_t i = 0; i < pass->columns; i++) sums[i] += x[i];
}
static void addSquares(const ColumnPass *pass, size_t row, float *restrict sums) {
  const float *restrict x = pass->x + row * pass->columns, *restrict mean = pass->mean;
  for (size_t i = 0; i < pass->columns; i++) sums[i] += (x[i] - mean[i]) * (x[i] - mean[i]);
}
static void addGradients(const ColumnPass *pass, size_t row, float *restrict sums) {
  const size_t columns = pass->columns;
  const float *restrict x = pass->x + row * columns, *restrict dy = pass->dy + row * columns, *restrict mean = pass->mean;
  for (size_t i = 0; i < columns; i++) {
    sums[i] += dy[i];
    sums[columns + i] += dy[i] * (x[i] - mean[i]);
  }
}

static void columnSums(const Pool *pool, size_t rows, size_t columns, const float *x, float *to) {
  const float *sums = addUp(pool, (ColumnPass){.rows = rows, .columns = columns, .sums = 1, .add = addRow, .x = x});
  memcpy(to, sums, columns * sizeof(float));
}

/* to = x a + other b + c, with a, b and c by column; without b there is no other. */
typedef struct {
  size_t rows, columns, perTask;
  const float *x, *other, *a, *b, *c;
  float *to;
} Affine;

static void affineRows(void *argument, size_t task) {
  const Affine *work = argument;
  const size_t columns = work->columns, first = task * work->perTask;
  const size_t end = least(first + work->perTask, work->rows);
  const float *restrict a = work->a, *restrict b = work->b, *restrict c = work->c;
  for (size_t row = first; row < end; row++) {
    const float *restrict x = work->x + row * columns;
    float *restrict to = work->to + row * columns;
    if (b) {
      const float *restrict other = work->other + row * columns;
      for (size_t i = 0; i < columns; i++) to[i] = x[i] * a[i] + (other[i] * b[i] + c[i]);
    } else {
      for (size_t i = 0; i < columns; i++) to[i] = x[i] * a[i] + c[i];
    }
  }
}
static void affine(const Pool *pool, Affine work) {
  if (work.columns == 0) return;
  work.perTask = work.columns < 1 << 14 ? (1 << 14) / work.columns : 1;
  each(pool, parts(work.rows, work.perTask), affineRows, &work);
}

static void standardizeColumns(const Pool *pool, StandardizeColumns work) {
  const size_t columns = work.columns;
  const ColumnPass pass = {.rows = work.rows, .columns = columns, .sums = 1, .add = addRow, .x = work.x};
  const float *sums = addUp(pool, pass);
  for (size_t i = 0; i < columns; i++) work.mean[i] = sums[i] / work.rows;
  ColumnPass second = pass;
  second.add = addSquares;
  second.mean = work.mean;
  const float *squares = addUp(pool, second);
  for (size_t i = 0; i < columns; i++) work.variance[i] = squares[i] / work.rows;
  float *a = scratch(SLOT_ROWS, 2 * columns * sizeof(float)), *c = a + columns;
  for (size_t i = 0; i < columns; i++) {
    a[i] = work.scale[i] / sqrtf(work.variance[i] + work.eps);
    c[i] = work.shift[i] - work.mean[i] * a[i];
  }
  affine(pool, (Affine){.rows = work.rows, .columns = columns, .x = work.x, .a = a, .c = c, .to = work.y});
}

/* With n = (x - mean) rate: (dy - <dy> - n <dy n>) rate scale, where <.> is the mean over a column. */
static void standardizeColumnsGrad(const Pool *pool, StandardizeColumnsGrad work) {
  const size_t columns = work.columns;
  const float *sums = addUp(pool, (ColumnPass){.rows = work.rows,
                                               .columns = columns,
                                               .sums = 2,
                                               .add = addGradients,
                                               .x = work.x,
                                               .dy = work.dy,
                                               .mean = work.mean});
  float *a = scratch(SLOT_ROWS, 3 * columns * sizeof(float)), *b = a + columns, *c = b + columns;
  for (size_t i = 0; i < columns; i++) {
    const float rate = 1 / sqrtf(work.variance[i] + work.eps);
    work.dShift[i] = sums[i];
    work.dScale[i] = sums[columns + i] * rate;
    a[i] = rate * work.scale[i];
    b[i] = -a[i] * rate * work.dScale[i] / work.rows;
    c[i] = -a[i] * work.dShift[i] / work.rows - b[i] * work.mean[i];
  }
  affine(pool, (Affine){.rows = work.rows,
                        .columns = columns,
                        .x = work.dy,
                        .other = work.x,
                        .a = a,
                        .b = b,
                        .c = c,
                        .to = work.dx});
}

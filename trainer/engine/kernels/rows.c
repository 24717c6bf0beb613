/* What goes through tensors element by element, or row by row: each in one pass over memory. */
#include "functions.h"
#include "pool.h"
#include "rows.h"
#include <math.h>

/* Elements that one task goes through: enough to be worth handing out, few enough to stay in the cache. */
enum { CHUNK = 1 << 14 };

/* --- elementwise --- */

typedef struct {
  size_t size;
  const float *a, *b;
  float *to;
} Elements;

/* A task that sets each element of `to` to an expression in the vectors a and b, those of the same place. */
#define ELEMENTWISE(name, expression)                                            \
  static void name##Chunk(void *argument, size_t index) {                        \
    const Elements *work = argument;                                             \
    size_t i = index * CHUNK;                                                    \
    const size_t end = least(i + CHUNK, work->size);                             \
    for (; i + LANES <= end; i += LANES) {                                       \
      const Vector a = load(work->a + i), b = load(work->b + i);                 \
      store(work->to + i, expression);                                           \
    }                                                                            \
    if (i < end) {                                                               \
      const Vector a = loadSome(work->a + i, end - i), b = loadSome(work->b + i, end - i); \
      storeSome(work->to + i, expression, end - i);                              \
    }                                                                            \
  }                                                                              \
  static void name(const Pool *pool, size_t size, const float *a, const float *b, float *to) { \
    Elements work = {size, a, b, to};                                            \
    each(pool, parts(size, CHUNK), name##Chunk, &work);                          \
  }

INLINE Vector gated(Vector s) { return s * gateOf(s).phi; }
INLINE Vector gatedGrad(Vector dy, Vector s) {
  const Gate gate = gateOf(s);
  return dy * (gate.phi + s * gate.density);
}

ELEMENTWISE(erfGate, ((void)b, gated(a)))
ELEMENTWISE(erfGateGrad, gatedGrad(a, b))
ELEMENTWISE(reluGrad, choose(b > 0, a, splat(0)))

/* --- rows --- */

typedef struct {
  size_t rows, width, perTask;
  float eps, mean;
  const float *x, *y, *rates, *addend;
  float *to, *rate;
} RowWork;

static void standardizeRow(const RowWork *work, size_t row) {
  const size_t width = work->width, whole = width / LANES * LANES, left = width - whole;
  const float *x = work->x + row * width;
  float *to = work->to + row * width;
  Vector sums = {0};
  for (size_t i = 0; i < whole; i += LANES) sums += load(x + i);
  const float mean = (sum(sums) + (left ? sum(loadSome(x + whole, left)) : 0)) / width;
  Vector squares = {0};
  for (size_t i = 0; i < whole; i += LANES) {
    const Vector centred = load(x + i) - mean;
    squares += centred * centred;
  }
  float variance = sum(squares);
  for (size_t i = whole; i < width; i++) variance += (x[i] - mean) * (x[i] - mean);
  const float rate = 1 / sqrtf(variance / width + work->eps);
  for (size_t i = 0; i < whole; i += LANES) store(to + i, (load(x + i) - mean) * rate + work->mean);
  for (size_t i = whole; i < width; i++) to[i] = (x[i] - mean) * rate + work->mean;
  work->rate[row] = rate;
}

/* With n = y - mean: (dy - <dy> - n <dy n>) rate + addend, where <.> is the mean over the row. */
static void standardizeGradRow(const RowWork *work, size_t row) {
  const size_t width = work->width, whole = width / LANES * LANES;
  const float *dy = work->x + row * width, *y = work->y + row * width;
  float *to = work->to + row * width;
  Vector sums = {0}, products = {0};
  for (size_t i = 0; i < whole; i += LANES) {
    const Vector gradient = load(dy + i);
    sums += gradient;
    products += gradient * (load(y + i) - work->mean);
  }
  float first = sum(sums), second = sum(products);
  for (size_t i = whole; i < width; i++) {
    first += dy[i];
    second += dy[i] * (y[i] - work->mean);
  }
  const float rate = work->rates[row];
  first /= width;
  second /= width;
  const float *addend = work->addend ? work->addend + row * width : NULL;
  for (size_t i = 0; i < whole; i += LANES) {
    const Vector dx = (load(dy + i) - first - (load(y + i) - work->mean) * second) * rate;
    store(to + i, addend ? dx + load(addend + i) : dx);
  }
  for (size_t i = whole; i < width; i++)
    to[i] = (dy[i] - first - (y[i] - work->mean) * second) * rate + (addend ? addend[i] : 0);
}

#define ROWWISE(name)                                                      \
  static void name##Rows(void *argument, size_t task) {                    \
    const RowWork *work = argument;                                        \
    const size_t first = task * work->perTask;                             \
    const size_t end = least(first + work->perTask, work->rows);           \
    for (size_t row = first; row < end; row++) name##Row(work, row);       \
  }                                                                        \
  static void name##All(const Pool *pool, RowWork work) {                  \
    if (work.width == 0) return;                                           \
    work.perTask = work.width < CHUNK ? CHUNK / work.width : 1;            \
    each(pool, parts(work.rows, work.perTask), name##Rows, &work);         \
  }

ROWWISE(standardize)
ROWWISE(standardizeGrad)

static void standardize(const Pool *pool, size_t rows, size_t width, float eps, float mean, const float *x, float *y,
                        float *rate) {
  standardizeAll(pool, (RowWork){.rows = rows, .width = width, .eps = eps, .mean = mean, .x = x, .to = y, .rate = rate});
}

static void standardizeGrad(const Pool *pool, size_t rows, size_t width, float mean, const float *dy, const float *y,
                            const float *rate, const float *addend, float *dx) {
  standardizeGradAll(pool, (RowWork){.rows = rows, .width = width, .mean = mean, .x = dy, .y = y, .rates = rate,
                                     .addend = addend, .to = dx});
}

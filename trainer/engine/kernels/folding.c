/*
 * With `lift` = shift - scale, of each column j of the kernel: move[j] = (lift . kernel[:, j] + bias[j]) / inputs, and
 * folded[k, j] = scale[k] kernel[k, j] + move[j]. A task has some columns, which the first pass leaves in the cache for the
 * second.
 */
#include "folding.h"
#include "simd.h"

enum { FOLDED_COLUMNS = 64 };

static void foldColumns(void *argument, size_t task) {
  const FoldNorm *work = argument;
  const size_t first = task * FOLDED_COLUMNS, width = least(FOLDED_COLUMNS, work->outputs - first);
  float move[FOLDED_COLUMNS];
  for (size_t j = 0; j < width; j++) move[j] = work->bias[first + j];
  for (size_t k = 0; k < work->inputs; k++) {
    const float *restrict row = work->kernel + k * work->outputs + first;
    const float lift = work->shift[k] - work->scale[k];
    for (size_t j = 0; j < width; j++) move[j] += lift * row[j];
  }
  for (size_t j = 0; j < width; j++) move[j] /= work->inputs;
  for (size_t k = 0; k < work->inputs; k++) {
    const float *restrict row = work->kernel + k * work->outputs + first;
    float *restrict to = work->folded + k * work->outputs + first;
    const float scale = work->scale[k];
    for (size_t j = 0; j < width; j++) to[j] = scale * row[j] + move[j];
  }
}

static void foldNorm(const Pool *pool, FoldNorm work) { each(pool, parts(work.outputs, FOLDED_COLUMNS), foldColumns, &work); }

typedef struct {
  FoldNormGrad given;
  float *sums; /* of a task's columns, for dScale and dShift: [tasks, 2, inputs] */
} FoldGradWork;

static void foldGradColumns(void *argument, size_t task) {
  const FoldGradWork *work = argument;
  const FoldNormGrad *given = &work->given;
  const size_t first = task * FOLDED_COLUMNS, width = least(FOLDED_COLUMNS, given->outputs - first);
  float *dScale = work->sums + 2 * task * given->inputs, *dShift = dScale + given->inputs;
  float dMove[FOLDED_COLUMNS] = {0}; /* over `inputs`, so that it is the bias's gradient too; zero beyond the width */
  for (size_t k = 0; k < given->inputs; k++) {
    const float *restrict row = given->dFolded + k * given->outputs + first;
    for (size_t j = 0; j < width; j++) dMove[j] += row[j];
  }
  for (size_t j = 0; j < width; j++) given->dBias[first + j] = dMove[j] /= given->inputs;
  for (size_t k = 0; k < given->inputs; k++) {
    const size_t at = k * given->outputs + first;
    const float scale = given->scale[k], lift = given->shift[k] - scale;
    Vector ofScale = {0}, ofShift = {0};
    for (size_t j = 0; j < width; j += LANES) {
      const Vector gradient = loadSome(given->dFolded + at + j, width - j);
      const Vector kernel = loadSome(given->kernel + at + j, width - j), moved = load(dMove + j);
      ofScale += kernel * (gradient - moved);
      ofShift += kernel * moved;
      storeSome(given->dKernel + at + j, scale * gradient + lift * moved, width - j);
    }
    dScale[k] = sum(ofScale);
    dShift[k] = sum(ofShift);
  }
}

static void foldNormGrad(const Pool *pool, FoldNormGrad given) {
  const size_t tasks = parts(given.outputs, FOLDED_COLUMNS), inputs = given.inputs;
  FoldGradWork work = {given, scratch(SLOT_SHARED, tasks * 2 * inputs * sizeof(float))};
  each(pool, tasks, foldGradColumns, &work);
  for (size_t k = 0; k < inputs; k++) {
    float dScale = 0, dShift = 0;
    for (size_t task = 0; task < tasks; task++) {
      dScale += work.sums[2 * task * inputs + k];
      dShift += work.sums[(2 * task + 1) * inputs + k];
    }
    given.dScale[k] = dScale;
    given.dShift[k] = dShift;
  }
}

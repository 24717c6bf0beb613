#include "optimizer.h"
#include "simd.h"
#include <math.h>

enum { VALUES = 1 << 14 }; /* that one task goes through */

/* The part of a member that a task has: values `begin` to `end` of it. */
typedef struct {
  size_t begin, end;
} Range;

/* Calls `body` for each member that has values in the task's part of the pack. */
#define EACH_MEMBER(members, count, task, body)                                                            \
  for (size_t i = 0; i < count; i++) {                                                                     \
    const Member *member = &members[i];                                                                    \
    const size_t from = task * VALUES, to = from + VALUES, last = member->first + member->size;            \
    if (member->first >= to || last <= from) continue;                                                     \
    const Range range = {from > member->first ? from - member->first : 0, (last < to ? last : to) - member->first}; \
    body                                                                                                   \
  }

/* The moments are kept as sums, and `rate` and `floor` hold what makes averages of them (../../nn/adamw.ts). In place if need be. */
static void update(const Adamw *work, const Member *member, Range range) {
  const float *g = member->gradient, *p = member->parameter, *m = work->m + member->first, *v = work->v + member->first;
  float *next = member->next, *nextM = work->nextM + member->first, *nextV = work->nextV + member->first;
  size_t i = range.begin;
  for (; i + LANES <= range.end; i += LANES) {
    const Vector gradient = load(g + i) * work->clip;
    const Vector first = load(m + i) * work->beta1 + gradient, second = load(v + i) * work->beta2 + gradient * gradient;
    store(nextM + i, first);
    store(nextV + i, second);
    store(next + i, load(p + i) * work->keep - first / (squareRoot(second) + work->floor) * work->rate);
  }
  for (; i < range.end; i++) {
    const float gradient = g[i] * work->clip;
    const float first = m[i] * work->beta1 + gradient, second = v[i] * work->beta2 + gradient * gradient;
    nextM[i] = first;
    nextV[i] = second;
    next[i] = p[i] * work->keep - first / (sqrtf(second) + work->floor) * work->rate;
  }
}

static void updateTask(void *argument, size_t task) {
  const Adamw *work = argument;
  EACH_MEMBER(work->members, work->count, task, update(work, member, range);)
}
static void adamw(const Pool *pool, Adamw work) { each(pool, parts(work.size, VALUES), updateTask, &work); }

typedef struct {
  size_t count;
  const Member *members;
  double *sums; /* of each task */
} NormWork;

static void normTask(void *argument, size_t task) {
  const NormWork *work = argument;
  double total = 0;
  EACH_MEMBER(work->members, work->count, task, {
    const float *g = member->gradient;
    Vector squares = {0};
    size_t i = range.begin;
    for (; i + LANES <= range.end; i += LANES) squares += load(g + i) * load(g + i);
    float rest = sum(squares);
    for (; i < range.end; i++) rest += g[i] * g[i];
    total += rest;
  })
  work->sums[task] = total;
}
static float squaredNorm(const Pool *pool, size_t count, size_t size, const Member *members) {
  const size_t tasks = parts(size, VALUES);
  double *sums = scratch(SLOT_SHARED, tasks * sizeof(double)), total = 0;
  NormWork work = {count, members, sums};
  each(pool, tasks, normTask, &work);
  for (size_t i = 0; i < tasks; i++) total += sums[i];
  return (float)total;
}

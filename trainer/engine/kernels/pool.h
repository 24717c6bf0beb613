/* Work shared out among the threads of the session that runs an op, and memory for it. */
#pragma once
#include <stddef.h>

typedef void Task(void *work, size_t index);

/* Runs `task` for each index below `count`, in any order, several at once. Without a pool the caller does it alone. */
typedef struct Pool {
  void (*run)(const struct Pool *pool, size_t count, Task *task, void *work);
  const void *context;
} Pool;

/* In how many parts work is cut, the last of them maybe smaller. */
static inline size_t parts(size_t whole, size_t part) { return (whole + part - 1) / part; }
static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }

static inline void each(const Pool *pool, size_t count, Task *task, void *work) {
  if (pool && count > 1) pool->run(pool, count, task, work);
  else for (size_t i = 0; i < count; i++) task(work, i);
}

/*
 * Memory of the calling thread, aligned to cache lines, that grows to the most floats ever asked of a slot and lives as
 * long as the thread. What a slot held before is lost.
 */
enum { SLOT_LEFT, SLOT_RIGHT, SLOT_SHARED, SLOT_SUMS, SLOT_ROWS, SLOT_SCORES, SLOT_GRADIENTS, SLOT_MEMBERS, SLOTS };
void *scratch(int slot, size_t bytes);

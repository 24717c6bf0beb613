/*
 * Attention one head of one image at a time, so that its scores never leave the cache, and none is kept for the gradient:
 * they are computed again from the log of their sum (Dao et al. 2022, "FlashAttention", section 3).
 */
#include "attention.h"
#include "gemm.h"
#include "functions.h"
#include <math.h>
#include <string.h>

/* Queries that are looked at together. */
enum { QUERIES = 256 };

/* Where a head has its queries, keys and values. */
typedef struct {
  size_t width, row; /* of the head; floats from token to token */
  const float *q, *k, *v;
} Head;

static Head headOf(const Attention *work, size_t index) {
  const size_t image = index / work->heads, head = index % work->heads;
  const size_t row = 3 * work->width, width = work->width / work->heads;
  const float *q = work->qkv + image * work->tokens * row + head * width;
  return (Head){width, row, q + work->from * row, q + work->width, q + 2 * work->width};
}

/* scores [count, tokens] = scale q k^T of queries `first` on. */
static void score(const Attention *work, const Head *head, size_t first, size_t count, float *scores) {
  const Dense q = dense(head->q + first * head->row, head->row, head->width);
  const Matrix keys = {head->k, 1, head->row};
  multiplied(NULL, count, work->tokens, &q.rows, keys, work->scale, (Addend){0}, (Result){scores, work->tokens});
}

/*
 * e^(x - shift) for each of a row, and their sum. For the gradient `shift` is a float's rounding of the log of their sum: of
 * scores of 250 weights then sum to 1 within 2e-6, of 2,500 within 2e-5.
 */
static float exponentials(float *row, size_t count, float shift) {
  Vector sums = {0};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const Vector value = expOf(load(row + i) - shift);
    store(row + i, value);
    sums += value;
  }
  float total = sum(sums);
  if (i < count) storeSome(row + i, expOf(loadSome(row + i, count - i) - shift), count - i);
  for (; i < count; i++) total += row[i];
  return total;
}

static float largest(const float *row, size_t count) {
  Vector most = splat(row[0]);
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const Vector value = load(row + i);
    most = choose(value > most, value, most);
  }
  float result = most[0];
  for (int l = 1; l < LANES; l++) result = most[l] > result ? most[l] : result;
  for (; i < count; i++) result = row[i] > result ? row[i] : result;
  return result;
}

static void multiplyRow(float *row, size_t count, float by) {
  for (size_t i = 0; i < count; i++) row[i] *= by;
}

static void attendHead(void *argument, size_t index) {
  const Attention *work = argument;
  const Head head = headOf(work, index);
  const size_t image = index / work->heads, queries = work->tokens - work->from;
  float *scores = scratch(SLOT_SCORES, QUERIES * work->tokens * sizeof(float));
  float *y = work->y + image * queries * work->width + index % work->heads * head.width;
  for (size_t first = 0; first < queries; first += QUERIES) {
    const size_t count = least(queries - first, QUERIES);
    score(work, &head, first, count, scores);
    for (size_t i = 0; i < count; i++) {
      float *row = scores + i * work->tokens;
      const float most = largest(row, work->tokens), total = exponentials(row, work->tokens, most);
      work->logSums[index * queries + first + i] = most + logf(total);
      multiplyRow(row, work->tokens, 1 / total);
    }
    const Dense weights = dense(scores, work->tokens, work->tokens);
    const Matrix values = {head.v, head.row, 1};
    multiplied(NULL, count, head.width, &weights.rows, values, 1, (Addend){0},
               (Result){y + first * work->width, work->width});
  }
}

/* row = weights (dweights - along), the gradient of a softmax's logits; `along` is the sum of weights * dweights. */
static void softmaxGrad(float *restrict row, const float *restrict weights, size_t count, float along) {
  for (size_t i = 0; i < count; i++) row[i] = weights[i] * (row[i] - along);
}

static void attendHeadGrad(void *argument, size_t index) {
  const Attention *work = argument;
  const Head head = headOf(work, index);
  const size_t image = index / work->heads, tokens = work->tokens, queries = tokens - work->from;
  float *weights = scratch(SLOT_SCORES, QUERIES * tokens * sizeof(float));
  float *dWeights = scratch(SLOT_GRADIENTS, QUERIES * tokens * sizeof(float));
  const size_t at = image * queries * work->width + index % work->heads * head.width;
  const float *y = work->y + at, *dy = work->dy + at;
  float *dq = work->dqkv + (head.q - work->qkv), *dk = work->dqkv + (head.k - work->qkv), *dv = dk + work->width;
  for (size_t i = 0; i < work->from; i++) memset(dq - (i + 1) * head.row, 0, head.width * sizeof(float));
  for (size_t first = 0; first < queries; first += QUERIES) {
    const size_t count = least(queries - first, QUERIES);
    score(work, &head, first, count, weights);
    const Dense gradients = dense(dy + first * work->width, work->width, head.width);
    multiplied(NULL, count, tokens, &gradients.rows, (Matrix){head.v, 1, head.row}, 1, (Addend){0},
               (Result){dWeights, tokens});
    for (size_t i = 0; i < count; i++) {
      const float *own = y + (first + i) * work->width, *gradient = dy + (first + i) * work->width;
      /* The sum of weights * dweights is that of y * dy, which are shorter. */
      float along = 0;
      for (size_t j = 0; j < head.width; j++) along += own[j] * gradient[j];
      exponentials(weights + i * tokens, tokens, work->logSums[index * queries + first + i]);
      softmaxGrad(dWeights + i * tokens, weights + i * tokens, tokens, along);
    }
    const Dense kept = dense(weights, tokens, tokens), scores = dense(dWeights, tokens, tokens);
    multipliedInner(NULL, count, head.width, &kept.rows, (Matrix){gradients.data, work->width, 1}, 1, first > 0,
                    (Result){dv, head.row});
    multipliedInner(NULL, count, head.width, &scores.rows, (Matrix){head.q + first * head.row, head.row, 1}, work->scale,
                    first > 0, (Result){dk, head.row});
    multiplied(NULL, count, head.width, &scores.rows, (Matrix){head.k, head.row, 1}, work->scale, (Addend){0},
               (Result){dq + first * head.row, head.row});
  }
}

static void attend(const Pool *pool, Attention work) { each(pool, work.batch * work.heads, attendHead, &work); }
static void attendGrad(const Pool *pool, Attention work) { each(pool, work.batch * work.heads, attendHeadGrad, &work); }

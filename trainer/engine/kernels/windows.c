#include "windows.h"
#include "gemm.h"

enum { MOST_CHANNELS = 8192 };
static const float nothing[MOST_CHANNELS];

typedef struct {
  Rows rows;
  const Windows *windows;
} Seen;

static const float *seenAt(const Rows *self, size_t row, size_t place) {
  const Windows *windows = ((const Seen *)self)->windows;
  const size_t image = row / windows->windows, window = row % windows->windows;
  const int32_t pixel = windows->seen[window * windows->places + place];
  return pixel < 0 ? nothing : windows->x + (image * windows->pixels + pixel) * windows->channels;
}

static void windowProduct(const Pool *pool, Windows work) {
  const Seen seen = {{seenAt, work.places, work.channels}, &work};
  multiplied(pool, work.batch * work.windows, work.outputs, &seen.rows, (Matrix){work.right, work.outputs, 1}, 1,
             (Addend){0}, (Result){work.to, work.outputs});
}

static void windowInnerProduct(const Pool *pool, Windows work) {
  const Seen seen = {{seenAt, work.places, work.channels}, &work};
  multipliedInner(pool, work.batch * work.windows, work.outputs, &seen.rows, (Matrix){work.right, work.outputs, 1}, 1, 0,
                  (Result){work.to, work.outputs});
}

#include "windows.h"
#include "gemm.h"

enum { MOST_CHANNELS = 8192 };
static const float nothing[MOST_CHANNELS];

typedef struct {
  Rows rows;
  const Windows *windows;
} Seen;

static void findSeen(const Rows *self, size_t place, size_t first, size_t count, const float **to) {
  const Windows *windows = ((const Seen *)self)->windows;
  size_t window = first % windows->windows;
  const float *image = windows->x + first / windows->windows * windows->pixels * windows->channels;
  for (size_t i = 0; i < count; i++) {
    const int32_t pixel = windows->seen[window * windows->places + place];
    to[i] = pixel < 0 ? nothing : image + pixel * windows->channels;
    if (++window == windows->windows) {
      window = 0;
      image += windows->pixels * windows->channels;
    }
  }
}

static void windowProduct(const Pool *pool, Windows work) {
  const Seen seen = {{findSeen, work.places, work.channels}, &work};
  multiplied(pool, work.batch * work.windows, work.outputs, &seen.rows, (Matrix){work.right, work.outputs, 1}, 1,
             (Addend){.row = work.addend}, (Result){work.to, work.outputs});
}

static void windowInnerProduct(const Pool *pool, Windows work) {
  const Seen seen = {{findSeen, work.places, work.channels}, &work};
  multipliedInner(pool, work.batch * work.windows, work.outputs, &seen.rows, (Matrix){work.right, work.outputs, 1}, 1, 0,
                  (Result){work.to, work.outputs});
}

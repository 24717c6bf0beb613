/*
 * The kernels as custom ops of ONNX Runtime, domain `tessera`. What each computes is said in ../ops.ts and, for products
 * and windows, in ../lower/; shapes were checked when the graph was made. Built into one library with the kernels for every
 * instruction set of the processor's kind; ../native.ts loads it.
 */
#include "kernels.h"
#include "ort.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#if defined(__x86_64__)
extern const Kernels kernels_avx2, kernels_avx512;
const Kernels *kernelsHere(void) {
  /* Tests ask for the smaller set where the processor has both. */
  const char *asked = getenv("TESSERA_KERNELS");
  const int any = !asked || strcmp(asked, "avx2") != 0;
  __builtin_cpu_init();
  if (any && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return &kernels_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &kernels_avx2;
  return NULL;
}
#else
extern const Kernels kernels_neon;
const Kernels *kernelsHere(void) { return &kernels_neon; }
#endif

/* --- memory and threads --- */

enum { CACHE_LINE = 64 };
static _Thread_local struct {
  void *block; /* as it was allocated */
  size_t bytes;
} slots[SLOTS];

/* Frees what a thread has when it ends: a session's threads end with it. */
#if defined(_WIN32)
#include <windows.h>
static DWORD threadKey;
static void WINAPI freeSlots(void *own) {
#else
#include <pthread.h>
static pthread_key_t threadKey;
static void freeSlots(void *own) {
#endif
  for (int slot = 0; own && slot < SLOTS; slot++) {
    free(slots[slot].block);
    slots[slot].block = NULL;
    slots[slot].bytes = 0;
  }
}

static void makeThreadKey(void) {
  static int made;
  if (made) return;
  made = 1;
#if defined(_WIN32)
  threadKey = FlsAlloc(freeSlots);
#else
  pthread_key_create(&threadKey, freeSlots);
#endif
}

/* Has `freeSlots` called at the end of this thread. */
static void atThreadEnd(void) {
#if defined(_WIN32)
  FlsSetValue(threadKey, slots);
#else
  pthread_setspecific(threadKey, slots);
#endif
}

void *scratch(int slot, size_t bytes) {
  if (slots[slot].bytes < bytes) {
    atThreadEnd();
    free(slots[slot].block);
    slots[slot].block = malloc(bytes + CACHE_LINE);
    if (!slots[slot].block) {
      fprintf(stderr, "out of memory: a kernel asked for %zu bytes\n", bytes);
      abort();
    }
    slots[slot].bytes = bytes;
  }
  return (void *)(((uintptr_t)slots[slot].block + CACHE_LINE) / CACHE_LINE * CACHE_LINE);
}

/* --- ops --- */

enum { MOST_RANK = 8, MOST_INPUTS = 6 };

typedef struct {
  int64_t dims[MOST_RANK];
  size_t rank, size;
  void *data;
} Tensor;

typedef struct Call Call;

typedef struct {
  OrtCustomOp ort;
  const char *name;
  size_t inputs, optional, outputs;
  int variadic; /* whether the last input, and the last of several outputs, stands for any number */
  int indices; /* the input that holds int32, or -1 */
  void (*run)(Call *call);
} Op;

/* An op in a graph, with its attributes: those that it has not are 0. */
typedef struct {
  const Op *op;
  OrtApi api;
  float alpha, eps, mean, scale, beta1, beta2;
  int64_t transA, transB, heads, batch, from, places, top, left, height, width, turned;
} Kernel;

/* One run of it. */
struct Call {
  const Kernel *kernel;
  OrtKernelContext *context;
  Pool pool;
  size_t inputs;
  Tensor in[MOST_INPUTS];
  OrtStatus *failure; /* the first one */
};

static int failed(Call *call, OrtStatus *status) {
  if (status && call->failure) ortReleaseStatus(call->kernel->api, status);
  else if (status) call->failure = status;
  return status != NULL;
}

static const Kernels *kernels;

static void runInPool(const Pool *pool, size_t count, Task *task, void *work) {
  Call *call = (Call *)pool->context;
  failed(call, ortParallelFor(call->kernel->api, call->context, task, count, count, work));
}

static Tensor tensorOf(Call *call, size_t index) {
  const OrtApi api = call->kernel->api;
  const OrtValue *value = NULL;
  OrtShape *shape = NULL;
  Tensor tensor = {.size = 1};
  if (failed(call, ortInput(api, call->context, index, &value)) || !value) return tensor;
  if (failed(call, ortTensorData(api, value, &tensor.data)) || failed(call, ortTensorShape(api, value, &shape)))
    return tensor;
  failed(call, ortRank(api, shape, &tensor.rank));
  if (tensor.rank > MOST_RANK) failed(call, ortCreateStatus(api, ORT_INVALID_ARGUMENT, "a tensor of too many axes"));
  else failed(call, ortDimensions(api, shape, tensor.dims, tensor.rank));
  ortReleaseShape(api, shape);
  for (size_t i = 0; i < tensor.rank && i < MOST_RANK; i++) tensor.size *= tensor.dims[i];
  return tensor;
}

static float *output(Call *call, size_t index, const int64_t *dims, size_t rank) {
  OrtValue *value = NULL;
  void *data = NULL;
  if (!failed(call, ortOutput(call->kernel->api, call->context, index, dims, rank, &value)))
    failed(call, ortTensorData(call->kernel->api, value, &data));
  return data;
}
static float *outputLike(Call *call, size_t index, const Tensor *like) {
  return output(call, index, like->dims, like->rank);
}

/* alpha a [M, K] b [K, N] + c, a row or a matrix, + d, a matrix where c is a row; either factor transposed. */
static void runGemm(Call *call) {
  const Kernel *kernel = call->kernel;
  const Tensor *a = &call->in[0], *b = &call->in[1], *c = &call->in[2], *d = &call->in[3];
  const size_t m = a->dims[kernel->transA ? 1 : 0], k = a->dims[kernel->transA ? 0 : 1], n = b->dims[kernel->transB ? 0 : 1];
  float *to = output(call, 0, (int64_t[]){m, n}, 2);
  if (call->failure) return;
  const Dense left = dense(a->data, a->dims[1], a->dims[1]);
  const Matrix right = {b->data, kernel->transB ? 1 : n, kernel->transB ? k : 1};
  const int isMatrix = !d->data && c->size == m * n;
  const Addend addend = {isMatrix ? NULL : c->data, isMatrix ? c->data : d->data, n};
  if (!kernel->transA) {
    kernels->product(&call->pool, m, n, &left.rows, right, kernel->alpha, addend, (Result){to, n});
    return;
  }
  const int more = addend.row || addend.matrix;
  for (size_t i = 0; more && i < m; i++)
    memcpy(to + i * n, addend.matrix ? addend.matrix + i * n : addend.row, n * sizeof(float));
  kernels->innerProduct(&call->pool, k, n, &left.rows, right, kernel->alpha, more, (Result){to, n});
}

static void elementwise(Call *call, Elementwise *kernel, const Tensor *second) {
  float *to = outputLike(call, 0, &call->in[0]);
  if (!call->failure) kernel(&call->pool, call->in[0].size, call->in[0].data, second->data, to);
}
static void runErfGate(Call *call) { elementwise(call, kernels->erfGate, &call->in[0]); }
static void runErfGateGrad(Call *call) { elementwise(call, kernels->erfGateGrad, &call->in[1]); }
static void runReluGrad(Call *call) { elementwise(call, kernels->reluGrad, &call->in[1]); }

static void runStandardize(Call *call) {
  const Tensor *x = &call->in[0];
  Tensor rate = *x;
  rate.dims[x->rank - 1] = 1;
  float *y = outputLike(call, 0, x), *rates = outputLike(call, 1, &rate);
  if (call->failure) return;
  const size_t width = x->dims[x->rank - 1];
  if (width)
    kernels->standardize(&call->pool, x->size / width, width, call->kernel->eps, call->kernel->mean, x->data, y, rates);
}

static void runStandardizeGrad(Call *call) {
  const Tensor *dy = &call->in[0];
  float *dx = outputLike(call, 0, dy);
  if (call->failure) return;
  const size_t width = dy->dims[dy->rank - 1];
  if (width)
    kernels->standardizeGrad(&call->pool, dy->size / width, width, call->kernel->mean, dy->data, call->in[1].data,
                             call->in[2].data, call->in[3].data, dx);
}

static void runFoldNorm(Call *call) {
  const Tensor *kernel = &call->in[0];
  const FoldNorm work = {.inputs = kernel->dims[0],
                         .outputs = kernel->dims[1],
                         .kernel = kernel->data,
                         .scale = call->in[1].data,
                         .shift = call->in[2].data,
                         .bias = call->in[3].data,
                         .folded = outputLike(call, 0, kernel)};
  if (!call->failure) kernels->foldNorm(&call->pool, work);
}

static void runFoldNormGrad(Call *call) {
  const Tensor *kernel = &call->in[1], *scale = &call->in[2];
  const FoldNormGrad work = {.inputs = kernel->dims[0],
                             .outputs = kernel->dims[1],
                             .dFolded = call->in[0].data,
                             .kernel = kernel->data,
                             .scale = scale->data,
                             .shift = call->in[3].data,
                             .dKernel = outputLike(call, 0, kernel),
                             .dScale = outputLike(call, 1, scale),
                             .dShift = outputLike(call, 2, scale),
                             .dBias = output(call, 3, &kernel->dims[1], 1)};
  if (!call->failure) kernels->foldNormGrad(&call->pool, work);
}

static Attention attentionOf(const Call *call) {
  const Kernel *kernel = call->kernel;
  const Tensor *qkv = &call->in[0];
  const size_t batch = kernel->batch;
  return (Attention){.batch = batch,
                     .heads = kernel->heads,
                     .tokens = qkv->dims[0] / batch,
                     .width = qkv->dims[1] / 3,
                     .from = kernel->from,
                     .scale = kernel->scale,
                     .qkv = qkv->data};
}

static void runAttention(Call *call) {
  Attention work = attentionOf(call);
  const int64_t queries = work.tokens - work.from;
  work.y = output(call, 0, (int64_t[]){work.batch * queries, work.width}, 2);
  work.logSums = output(call, 1, (int64_t[]){work.batch * work.heads, queries}, 2);
  if (!call->failure) kernels->attend(&call->pool, work);
}

static void runAttentionGrad(Call *call) {
  Attention work = attentionOf(call);
  work.dy = call->in[1].data;
  work.y = call->in[2].data;
  work.logSums = call->in[3].data;
  work.dqkv = outputLike(call, 0, &call->in[0]);
  if (!call->failure) kernels->attendGrad(&call->pool, work);
}

static void runColumnSums(Call *call) {
  const Tensor *x = &call->in[0];
  float *to = output(call, 0, (int64_t[]){1, x->dims[1]}, 2);
  if (!call->failure) kernels->columnSums(&call->pool, x->dims[0], x->dims[1], x->data, to);
}

static void runStandardizeColumns(Call *call) {
  const Tensor *x = &call->in[0], *scale = &call->in[1];
  const StandardizeColumns work = {.rows = x->dims[0],
                                   .columns = x->dims[1],
                                   .eps = call->kernel->eps,
                                   .x = x->data,
                                   .scale = scale->data,
                                   .shift = call->in[2].data,
                                   .y = outputLike(call, 0, x),
                                   .mean = outputLike(call, 1, scale),
                                   .variance = outputLike(call, 2, scale)};
  if (!call->failure) kernels->standardizeColumns(&call->pool, work);
}

static void runStandardizeColumnsGrad(Call *call) {
  const Tensor *dy = &call->in[0], *scale = &call->in[2];
  const StandardizeColumnsGrad work = {.rows = dy->dims[0],
                                       .columns = dy->dims[1],
                                       .eps = call->kernel->eps,
                                       .dy = dy->data,
                                       .x = call->in[1].data,
                                       .scale = scale->data,
                                       .mean = call->in[3].data,
                                       .variance = call->in[4].data,
                                       .dx = outputLike(call, 0, dy),
                                       .dScale = outputLike(call, 1, scale),
                                       .dShift = outputLike(call, 2, scale)};
  if (!call->failure) kernels->standardizeColumnsGrad(&call->pool, work);
}

/* x [B, P, C], seen [windows * places] and the right matrix; `places` is what its rows, or those of the result, hold of C. */
static Windows windowsOf(const Call *call) {
  const Tensor *x = &call->in[0], *seen = &call->in[1];
  const size_t places = call->kernel->places;
  return (Windows){.batch = x->dims[0],
                   .pixels = x->dims[1],
                   .channels = x->dims[2],
                   .windows = seen->size / places,
                   .places = places,
                   .outputs = call->in[2].dims[1],
                   .x = x->data,
                   .seen = seen->data,
                   .right = call->in[2].data};
}
static void runWindowProduct(Call *call) {
  Windows work = windowsOf(call);
  work.addend = call->in[3].data;
  work.to = output(call, 0, (int64_t[]){work.batch * work.windows, work.outputs}, 2);
  if (!call->failure) kernels->windowProduct(&call->pool, work);
}
static void runWindowInnerProduct(Call *call) {
  Windows work = windowsOf(call);
  work.to = output(call, 0, (int64_t[]){work.places * work.channels, work.outputs}, 2);
  if (!call->failure) kernels->windowInnerProduct(&call->pool, work);
}

/* x [B, H, W, C], convolved to [B, height, width, outputs]. */
static Convolution convolutionOf(const Call *call, size_t height, size_t width, size_t outputs) {
  const Tensor *x = &call->in[0];
  return (Convolution){.batch = x->dims[0],
                       .height = x->dims[1],
                       .width = x->dims[2],
                       .channels = x->dims[3],
                       .outHeight = height,
                       .outWidth = width,
                       .outputs = outputs,
                       .top = call->kernel->top,
                       .left = call->kernel->left,
                       .x = x->data};
}
/* x, a kernel [3, 3, C, outputs], or `turned` [3, 3, outputs, C], and maybe an addend [outputs]. */
static void runWinogradProduct(Call *call) {
  const Kernel *kernel = call->kernel;
  const Tensor *g = &call->in[1];
  const Convolution work = convolutionOf(call, kernel->height, kernel->width, g->dims[kernel->turned ? 2 : 3]);
  float *y = output(call, 0, (int64_t[]){work.batch * work.outHeight * work.outWidth, work.outputs}, 2);
  if (!call->failure) kernels->winogradProduct(&call->pool, work, g->data, kernel->turned, call->in[2].data, y);
}
/* x and dy [B, height, width, outputs]. */
static void runWinogradInnerProduct(Call *call) {
  const Tensor *dy = &call->in[1];
  const Convolution work = convolutionOf(call, dy->dims[1], dy->dims[2], dy->dims[3]);
  float *to = output(call, 0, (int64_t[]){3, 3, work.channels, work.outputs}, 4);
  if (!call->failure) kernels->winogradInnerProduct(&call->pool, work, dy->data, to);
}

/* The members of a pack, of which the inputs from `first` on hold the parameter, if `parameters`, and the gradient each. */
static Member *membersOf(Call *call, size_t first, int parameters, size_t *count, size_t *size) {
  const size_t each = parameters ? 2 : 1;
  *count = (call->inputs - first) / each;
  *size = 0;
  Member *members = scratch(SLOT_MEMBERS, *count * sizeof *members);
  for (size_t i = 0; i < *count; i++) {
    const Tensor gradient = tensorOf(call, first + each * i + each - 1);
    members[i] = (Member){.first = *size, .size = gradient.size, .gradient = gradient.data};
    *size += gradient.size;
    if (!parameters) continue;
    const Tensor parameter = tensorOf(call, first + each * i);
    members[i].parameter = parameter.data;
    members[i].next = outputLike(call, 2 + i, &parameter);
  }
  return members;
}

/* scalars [4]: rate, floor, keep, clip; the moments m and v; then of each member the parameter and its gradient. */
static void runAdamw(Call *call) {
  const float *scalars = call->in[0].data;
  Adamw work = {.beta1 = call->kernel->beta1,
                .beta2 = call->kernel->beta2,
                .rate = scalars[0],
                .floor = scalars[1],
                .keep = scalars[2],
                .clip = scalars[3],
                .m = call->in[1].data,
                .v = call->in[2].data,
                .nextM = outputLike(call, 0, &call->in[1]),
                .nextV = outputLike(call, 1, &call->in[2])};
  work.members = membersOf(call, 3, 1, &work.count, &work.size);
  if (!call->failure) kernels->adamw(&call->pool, work);
}

static void runSquaredNorm(Call *call) {
  size_t count, size;
  const Member *members = membersOf(call, 0, 0, &count, &size);
  float *to = output(call, 0, NULL, 0);
  if (!call->failure) *to = kernels->squaredNorm(&call->pool, count, size, members);
}

/* The first input, once the second one is there. */
static void runAfter(Call *call) {
  float *to = outputLike(call, 0, &call->in[0]);
  if (!call->failure) memcpy(to, call->in[0].data, call->in[0].size * sizeof(float));
}

/* --- what the runtime asks of an op --- */

static const char *getName(const OrtCustomOp *op) { return ((const Op *)op)->name; }
static const char *getProvider(const OrtCustomOp *op) { return (void)op, NULL; } /* the CPU's */
static size_t getInputCount(const OrtCustomOp *op) { return ((const Op *)op)->inputs; }
static size_t getOutputCount(const OrtCustomOp *op) { return ((const Op *)op)->outputs; }
static int getInputType(const OrtCustomOp *op, size_t index) {
  return (int)index == ((const Op *)op)->indices ? ORT_INT32 : ORT_FLOAT;
}
static int getOutputType(const OrtCustomOp *op, size_t index) { return (void)op, (void)index, ORT_FLOAT; }
static int getInputCharacteristic(const OrtCustomOp *op, size_t index) {
  const Op *own = (const Op *)op;
  if (own->variadic && index + 1 == own->inputs) return ORT_VARIADIC;
  return index + own->optional >= own->inputs ? ORT_OPTIONAL : ORT_REQUIRED;
}
static int getOutputCharacteristic(const OrtCustomOp *op, size_t index) {
  const Op *own = (const Op *)op;
  return own->variadic && own->outputs > 1 && index + 1 == own->outputs ? ORT_VARIADIC : ORT_REQUIRED;
}
static int getMemory(const OrtCustomOp *op, size_t index) { return (void)op, (void)index, 0; }
static int one(const OrtCustomOp *op) { return (void)op, 1; }
static int anyVersion(const OrtCustomOp *op) { return (void)op, INT32_MAX; }

static void readFloat(OrtApi api, const OrtKernelInfo *info, const char *name, float *to) {
  OrtStatus *status = ortFloatAttribute(api, info, name, to);
  if (status) ortReleaseStatus(api, status);
}
static void readInt(OrtApi api, const OrtKernelInfo *info, const char *name, int64_t *to) {
  OrtStatus *status = ortIntAttribute(api, info, name, to);
  if (status) ortReleaseStatus(api, status);
}

static OrtStatus *createKernel(const OrtCustomOp *op, OrtApi api, const OrtKernelInfo *info, void **to) {
  Kernel *kernel = calloc(1, sizeof *kernel);
  if (!kernel) return ortCreateStatus(api, ORT_FAIL, "out of memory");
  kernel->op = (const Op *)op;
  kernel->api = api;
  kernel->alpha = 1;
  readFloat(api, info, "alpha", &kernel->alpha);
  readFloat(api, info, "eps", &kernel->eps);
  readFloat(api, info, "mean", &kernel->mean);
  readFloat(api, info, "scale", &kernel->scale);
  readFloat(api, info, "beta1", &kernel->beta1);
  readFloat(api, info, "beta2", &kernel->beta2);
  readInt(api, info, "transA", &kernel->transA);
  readInt(api, info, "transB", &kernel->transB);
  readInt(api, info, "heads", &kernel->heads);
  readInt(api, info, "batch", &kernel->batch);
  readInt(api, info, "from", &kernel->from);
  readInt(api, info, "places", &kernel->places);
  readInt(api, info, "top", &kernel->top);
  readInt(api, info, "left", &kernel->left);
  readInt(api, info, "height", &kernel->height);
  readInt(api, info, "width", &kernel->width);
  readInt(api, info, "turned", &kernel->turned);
  *to = kernel;
  return NULL;
}
static void destroyKernel(void *kernel) { free(kernel); }

static OrtStatus *compute(void *given, OrtKernelContext *context) {
  const Kernel *kernel = given;
  Call call = {.kernel = kernel, .context = context};
  call.pool = (Pool){runInPool, &call};
  failed(&call, ortInputCount(kernel->api, context, &call.inputs));
  for (size_t i = 0; i < call.inputs && i < MOST_INPUTS; i++) call.in[i] = tensorOf(&call, i);
  if (!call.failure) kernel->op->run(&call);
  return call.failure;
}

#define OP(opName, inputCount, optionalCount, outputCount, intInput, isVariadic, function)                                       \
  {.ort = {.version = ORT_VERSION,                                                                                   \
           .getName = getName,                                                                                       \
           .getProvider = getProvider,                                                                               \
           .getInputType = getInputType,                                                                             \
           .getInputCount = getInputCount,                                                                           \
           .getOutputType = getOutputType,                                                                           \
           .getOutputCount = getOutputCount,                                                                         \
           .destroyKernel = destroyKernel,                                                                           \
           .getInputCharacteristic = getInputCharacteristic,                                                         \
           .getOutputCharacteristic = getOutputCharacteristic,                                                       \
           .getInputMemory = getMemory,                                                                              \
           .getVariadicInputMinimum = one,                                                                           \
           .getVariadicInputHomogeneity = one,                                                                       \
           .getVariadicOutputMinimum = one,                                                                          \
           .getVariadicOutputHomogeneity = one,                                                                      \
           .createKernelOrFail = createKernel,                                                                       \
           .computeOrFail = compute,                                                                                 \
           .getStartVersion = one,                                                                                   \
           .getEndVersion = anyVersion},                                                                             \
   .name = opName, .inputs = inputCount, .optional = optionalCount, .outputs = outputCount, .indices = intInput, .variadic = isVariadic, \
   .run = function}

static const Op ops[] = {
    OP("Gemm", 4, 2, 1, -1, 0, runGemm),
    OP("ErfGate", 1, 0, 1, -1, 0, runErfGate),
    OP("ErfGateGrad", 2, 0, 1, -1, 0, runErfGateGrad),
    OP("ReluGrad", 2, 0, 1, -1, 0, runReluGrad),
    OP("Standardize", 1, 0, 2, -1, 0, runStandardize),
    OP("StandardizeGrad", 4, 1, 1, -1, 0, runStandardizeGrad),
    OP("FoldNorm", 4, 0, 1, -1, 0, runFoldNorm),
    OP("FoldNormGrad", 4, 0, 4, -1, 0, runFoldNormGrad),
    OP("Attention", 1, 0, 2, -1, 0, runAttention),
    OP("AttentionGrad", 4, 0, 1, -1, 0, runAttentionGrad),
    OP("ColumnSums", 1, 0, 1, -1, 0, runColumnSums),
    OP("StandardizeColumns", 3, 0, 3, -1, 0, runStandardizeColumns),
    OP("StandardizeColumnsGrad", 5, 0, 3, -1, 0, runStandardizeColumnsGrad),
    OP("WindowProduct", 4, 1, 1, 1, 0, runWindowProduct),
    OP("WindowInnerProduct", 3, 0, 1, 1, 0, runWindowInnerProduct),
    OP("WinogradProduct", 3, 1, 1, -1, 0, runWinogradProduct),
    OP("WinogradInnerProduct", 2, 0, 1, -1, 0, runWinogradInnerProduct),
    OP("Adamw", 4, 0, 3, -1, 1, runAdamw),
    OP("SquaredNorm", 1, 0, 1, -1, 1, runSquaredNorm),
    OP("After", 2, 0, 1, -1, 0, runAfter),
};

/* The instruction set that the kernels of this processor use, or NULL where there are none for it. */
EXPORT const char *tesseraKernels(void) {
  const Kernels *here = kernelsHere();
  return here ? here->name : NULL;
}

/* Called by the runtime, which has loaded this library. */
EXPORT OrtStatus *RegisterCustomOps(OrtSessionOptions *options, const OrtApiBase *base) {
  const OrtApi api = base->getApi(ORT_VERSION);
  makeThreadKey();
  kernels = kernelsHere();
  if (!kernels) return ortCreateStatus(api, ORT_FAIL, "this processor has none of the instructions that the kernels need");
  OrtDomain *domain = NULL;
  OrtStatus *status = ortCreateDomain(api, "tessera", &domain);
  for (size_t i = 0; !status && i < sizeof ops / sizeof *ops; i++) status = ortAddOp(api, domain, &ops[i].ort);
  return status ? status : ortAddDomain(api, options, domain);
}

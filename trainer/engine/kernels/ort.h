/*
 * ONNX Runtime's C interface, as far as custom ops take it: the layout of an op and the places of functions in the table
 * that the runtime hands out, which is only ever appended to. Its own headers come with none of its packages.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { ORT_VERSION = 20 }; /* of the interface, as in ../native.ts */

typedef struct OrtStatus OrtStatus;
typedef struct OrtKernelInfo OrtKernelInfo;
typedef struct OrtKernelContext OrtKernelContext;
typedef struct OrtValue OrtValue;
typedef struct OrtShape OrtShape;
typedef struct OrtDomain OrtDomain;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtShapeInference OrtShapeInference;
typedef void *const *OrtApi;

typedef struct {
  OrtApi (*getApi)(uint32_t version);
  const char *(*getVersion)(void);
} OrtApiBase;

enum { ORT_FAIL = 1, ORT_INVALID_ARGUMENT = 2 };
enum { ORT_FLOAT = 1, ORT_INT32 = 6 };
enum { ORT_REQUIRED = 0, ORT_OPTIONAL = 1, ORT_VARIADIC = 2 };

#define ORT_FUNCTION(api, place, ...) ((OrtStatus * (*)(__VA_ARGS__))(api)[place])
#define ortCreateStatus(api, code, text) ((OrtStatus * (*)(int, const char *))(api)[0])(code, text)
#define ortCreateDomain(api, name, out) ORT_FUNCTION(api, 26, const char *, OrtDomain **)(name, out)
#define ortAddOp(api, domain, op) ORT_FUNCTION(api, 27, OrtDomain *, const OrtCustomOp *)(domain, op)
#define ortAddDomain(api, options, domain) ORT_FUNCTION(api, 28, OrtSessionOptions *, OrtDomain *)(options, domain)
#define ortTensorData(api, value, out) ORT_FUNCTION(api, 51, const OrtValue *, void **)(value, out)
#define ortRank(api, shape, out) ORT_FUNCTION(api, 61, const OrtShape *, size_t *)(shape, out)
#define ortDimensions(api, shape, out, rank) ORT_FUNCTION(api, 62, const OrtShape *, int64_t *, size_t)(shape, out, rank)
#define ortTensorShape(api, value, out) ORT_FUNCTION(api, 65, const OrtValue *, OrtShape **)(value, out)
#define ortFloatAttribute(api, info, name, out) ORT_FUNCTION(api, 85, const OrtKernelInfo *, const char *, float *)(info, name, out)
#define ortIntAttribute(api, info, name, out) ORT_FUNCTION(api, 86, const OrtKernelInfo *, const char *, int64_t *)(info, name, out)
#define ortInputCount(api, context, out) ORT_FUNCTION(api, 88, const OrtKernelContext *, size_t *)(context, out)
#define ortInput(api, context, index, out) ORT_FUNCTION(api, 90, const OrtKernelContext *, size_t, const OrtValue **)(context, index, out)
#define ortOutput(api, context, index, dims, rank, out) \
  ORT_FUNCTION(api, 91, OrtKernelContext *, size_t, const int64_t *, size_t, OrtValue **)(context, index, dims, rank, out)
#define ortReleaseStatus(api, status) ((void (*)(OrtStatus *))(api)[93])(status)
#define ortReleaseShape(api, shape) ((void (*)(OrtShape *))(api)[99])(shape)
#define ortParallelFor(api, context, task, count, batches, argument) \
  ORT_FUNCTION(api, 274, const OrtKernelContext *, void (*)(void *, size_t), size_t, size_t, void *)(context, task, count, batches, argument)

typedef struct OrtCustomOp OrtCustomOp;
struct OrtCustomOp {
  uint32_t version;
  void *(*createKernel)(const OrtCustomOp *op, OrtApi api, const OrtKernelInfo *info);
  const char *(*getName)(const OrtCustomOp *op);
  const char *(*getProvider)(const OrtCustomOp *op);
  int (*getInputType)(const OrtCustomOp *op, size_t index);
  size_t (*getInputCount)(const OrtCustomOp *op);
  int (*getOutputType)(const OrtCustomOp *op, size_t index);
  size_t (*getOutputCount)(const OrtCustomOp *op);
  void (*compute)(void *kernel, OrtKernelContext *context);
  void (*destroyKernel)(void *kernel);
  int (*getInputCharacteristic)(const OrtCustomOp *op, size_t index);
  int (*getOutputCharacteristic)(const OrtCustomOp *op, size_t index);
  int (*getInputMemory)(const OrtCustomOp *op, size_t index);
  int (*getVariadicInputMinimum)(const OrtCustomOp *op);
  int (*getVariadicInputHomogeneity)(const OrtCustomOp *op);
  int (*getVariadicOutputMinimum)(const OrtCustomOp *op);
  int (*getVariadicOutputHomogeneity)(const OrtCustomOp *op);
  OrtStatus *(*createKernelOrFail)(const OrtCustomOp *op, OrtApi api, const OrtKernelInfo *info, void **kernel);
  OrtStatus *(*computeOrFail)(void *kernel, OrtKernelContext *context);
  OrtStatus *(*inferShapes)(const OrtCustomOp *op, OrtShapeInference *context);
  int (*getStartVersion)(const OrtCustomOp *op);
  int (*getEndVersion)(const OrtCustomOp *op);
  size_t (*getMayInPlace)(int **inputs, int **outputs);
  void (*releaseMayInPlace)(int *inputs, int *outputs);
  size_t (*getAliases)(int **inputs, int **outputs);
  void (*releaseAliases)(int *inputs, int *outputs);
};

/* One translation unit for each instruction set: -DKERNELS=kernels_<set>. */
#include "gemm.c"
#include "attention.c"
#include "columns.c"
#include "folding.c"
#include "optimizer.c"
#include "rows.c"
#include "windows.c"
#include "winograd.c"
#include "kernels.h"

#define TEXT(x) #x
#define NAME(x) TEXT(x)

const Kernels KERNELS = {
    .name = NAME(SET),
    .product = multiplied,
    .innerProduct = multipliedInner,
    .erfGate = erfGate,
    .erfGateGrad = erfGateGrad,
    .reluGrad = reluGrad,
    .standardize = standardize,
    .standardizeGrad = standardizeGrad,
    .foldNorm = foldNorm,
    .foldNormGrad = foldNormGrad,
    .attend = attend,
    .attendGrad = attendGrad,
    .columnSums = columnSums,
    .standardizeColumns = standardizeColumns,
    .standardizeColumnsGrad = standardizeColumnsGrad,
    .windowProduct = windowProduct,
    .windowInnerProduct = windowInnerProduct,
    .winogradProduct = winogradProduct,
    .winogradInnerProduct = winogradInnerProduct,
    .adamw = adamw,
    .squaredNorm = squaredNorm,
};

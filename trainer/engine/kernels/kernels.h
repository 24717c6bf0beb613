/* All kernels for one instruction set. */
#pragma once
#include <stdint.h>
#include "attention.h"
#include "columns.h"
#include "folding.h"
#include "gemm.h"
#include "optimizer.h"
#include "rows.h"
#include "windows.h"
#include "winograd.h"

typedef struct {
  const char *name;
  Product *product;
  InnerProduct *innerProduct;
  Elementwise *erfGate, *erfGateGrad, *reluGrad;
  Standardize *standardize;
  StandardizeGrad *standardizeGrad;
  FoldNormOp *foldNorm;
  FoldNormGradOp *foldNormGrad;
  Attend *attend, *attendGrad;
  ColumnSums *columnSums;
  StandardizeColumnsOp *standardizeColumns;
  StandardizeColumnsGradOp *standardizeColumnsGrad;
  WindowOp *windowProduct, *windowInnerProduct;
  WinogradProduct *winogradProduct;
  WinogradInnerProduct *winogradInnerProduct;
  AdamwOp *adamw;
  SquaredNorm *squaredNorm;
} Kernels;

/* For this processor, or NULL where it has none of the instruction sets. */
const Kernels *kernelsHere(void);

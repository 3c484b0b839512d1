/* gemm_sm90a.h: products of very many rows on Hopper: the host's side of gemm_sm90a.hip. */
#ifndef RF_KERNELS_GPU_GEMM_SM90A_H
#define RF_KERNELS_GPU_GEMM_SM90A_H

#include "kernels/gpu/product.h"

/* Whether the device can, the product is worth it, and the workspace has room for it. */
bool rf_gpu_gemm_sm90a_suits(const rf_compute *compute, const rf_gpu_product *product);
/* Where it suits. */
rf_status rf_gpu_gemm_sm90a(const rf_compute *compute, const rf_gpu_product *product,
                            rf_error *error);
/* The workspace that it needs to suit products of these limits; 0 where they are too few rows. */
rf_status rf_gpu_gemm_sm90a_workspace(const rf_kernel_limits *limits, uint64_t *bytes,
                                      rf_error *error);

#endif

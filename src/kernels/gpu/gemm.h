/* gemm.h: what the host's sides of products by matrix units share: gemm.c and gemm_few.c. */
#ifndef RF_KERNELS_GPU_GEMM_H
#define RF_KERNELS_GPU_GEMM_H

#include "kernels/gpu/args_gemm.h"
#include "kernels/gpu/product.h"

_Static_assert((int)RF_LINEAR_STORE == (int)RF_GPU_END_STORE &&
                   (int)RF_LINEAR_ADD == (int)RF_GPU_END_ADD &&
                   (int)RF_LINEAR_SWIGLU == (int)RF_GPU_END_SWIGLU,
               "kernels are given the numbers of rf_linear_end");

/* The arguments of a product in tiles of so many rows of weights, all but those of its splits and
 * its shared memory; with SwiGLU a tile is half of both parts. Returns the tiles of weights. */
uint32_t rf_gpu_gemm_open(const rf_gpu_product *product, uint32_t weights,
                          struct rf_gpu_gemm_args *args);

/* Splits k of so many stages as wanted, but into `most` at most, and as far as the workspace has
 * room for their sums. */
void rf_gpu_gemm_split(const rf_compute *compute, uint64_t wanted, uint32_t stages, uint32_t most,
                       struct rf_gpu_gemm_args *args);

/* Adds the partial sums of a product whose k was split, and ends it. */
rf_status rf_gpu_gemm_sum(const rf_compute *compute, const struct rf_gpu_gemm_args *args,
                          rf_error *error);

/* Any product with rows in f16, by gemm.hip. */
rf_status rf_gpu_gemm_tiles(const rf_compute *compute, const rf_gpu_product *product,
                            rf_error *error);

/* Whether gemm_few.hip is for a product with rows in f16; and the product. */
bool rf_gpu_gemm_few_suits(const rf_compute *compute, const rf_gpu_product *product);
rf_status rf_gpu_gemm_few(const rf_compute *compute, const rf_gpu_product *product,
                          rf_error *error);

#endif

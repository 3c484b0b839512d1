/* gemm_hopper.h: products of few rows on Hopper: the host's side of gemm_hopper.hip. */
#ifndef RF_KERNELS_GPU_GEMM_HOPPER_H
#define RF_KERNELS_GPU_GEMM_HOPPER_H

#include "kernels/gpu/product.h"

/* Whether the device can, and the product, whose rows need not be prepared yet, is for it. */
bool rf_gpu_gemm_hopper_suits(const rf_compute *compute, const rf_gpu_product *product);
/* The form of rows that it wants. */
rf_gpu_form rf_gpu_gemm_hopper_form(rf_type type);
/* Bytes that n_rows rows, at most as many as suit, of k elements take when packed; rounded up to
 * whole spans and padded rows. */
rf_status rf_gpu_packed_bytes(uint64_t n_rows, uint64_t k, uint64_t *bytes, rf_error *error);
/* Packs rows into `packed`. */
rf_status rf_gpu_pack(const rf_compute *compute, const rf_linear_input *input, uint32_t n_rows,
                      uint32_t k, rf_gpu_form form, rf_address packed, rf_error *error);
/* Where it suits, with rows of that form. */
rf_status rf_gpu_gemm_hopper(const rf_compute *compute, const rf_gpu_product *product,
                             rf_error *error);

#endif

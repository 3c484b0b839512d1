/*
 * args_prepare.h: activations as products want them. Rows of f32 are gathered, normed and
 * turned into
 *   f16: rounded to nearest. For matrix units.
 *   f32: as they are. For products with float weights of few rows.
 */
#ifndef RF_KERNELS_GPU_ARGS_PREPARE_H
#define RF_KERNELS_GPU_ARGS_PREPARE_H

#include <stdint.h>

/* Row r is at values + r * stride elements. */
struct rf_gpu_prepare_args {
    uint64_t x;      /* f32 [][k] */
    uint64_t rows;   /* i32 [n_rows], or 0: row r is row r */
    uint64_t norm;   /* f32 [k], or 0 */
    uint64_t values; /* f16 or f32 [n_rows][stride] */
    uint32_t k;
    uint32_t stride; /* of values; elements from k on are set to 0 */
    float epsilon;
};

/* gate = silu(gate) * up */
struct rf_gpu_swiglu_args {
    uint64_t gate; /* f32 [n] */
    uint64_t up;   /* f32 [n] */
    uint64_t n;
};

#endif

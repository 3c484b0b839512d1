/*
 * args_prepare.h: activations as products want them. Rows of f32 are gathered, normed and
 * turned into
 *   q8:  blocks of 32 signed bytes, value = d * q, |q| <= 127, with what a block's products need
 *        beside its bytes. For weights of integer blocks, products by dot4.
 *   f16: rounded to nearest. For matrix units.
 *   f32: as they are. For products with float weights of few rows.
 */
#ifndef RF_KERNELS_GPU_ARGS_PREPARE_H
#define RF_KERNELS_GPU_ARGS_PREPARE_H

#include <stdint.h>

#define RF_GPU_Q8_BLOCK 32

/* Of one block of q8. */
typedef struct rf_gpu_q8_scale {
    float d;
    int16_t sums[2]; /* of the bytes of its first 16 elements, and of the others */
} rf_gpu_q8_scale;

/* Rows in one of the forms. Row r of q8 has its bytes at quants + r * k and its scales, k / 32 of
 * them, at scales + r * k / 32 * sizeof(rf_gpu_q8_scale). f16 and f32 rows are at values + r *
 * stride elements. */
struct rf_gpu_prepare_args {
    uint64_t x;      /* f32 [][k] */
    uint64_t rows;   /* i32 [n_rows], or 0: row r is row r */
    uint64_t norm;   /* f32 [k], or 0 */
    uint64_t quants; /* i8 [n_rows][k] */
    uint64_t scales; /* rf_gpu_q8_scale [n_rows][k / 32] */
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

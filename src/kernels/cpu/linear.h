/* linear.h: what the other operations use of the matrix product. */
#ifndef RF_KERNELS_CPU_LINEAR_H
#define RF_KERNELS_CPU_LINEAR_H

#include "kernels/cpu/operations.h"

/* Rows of weights in one task: enough to read each activation from the first cache several times
 * over, few enough that they stay in the second one while all columns pass (16 rows of 14336 Q8_0:
 * 240 KiB). */
#define RF_LINEAR_ROWS 16

/* Columns in one tile: its result fits the first cache beside the weights' row (64 * 16 floats: 4
 * KiB). */
#define RF_LINEAR_COLUMNS 64

/* Multiply-adds of a dot product in a nanosecond on one core, for sharing out work. */
#define RF_LINEAR_PER_NS 20.0

/* Bytes that a product of n_tokens rows of k elements may need: packed activations. */
rf_status rf_linear_workspace(uint64_t n_tokens, uint64_t k, uint64_t *bytes, rf_error *error);

/* Activations as a dot product wants them, in one array: column i is row sources[i] of x, or row i
 * where sources is NULL. */
typedef struct rf_pack_job {
    rf_activation_pack_fn pack;
    const float *x;          /* f32 [][k] */
    const uint32_t *sources; /* [n_columns], or NULL */
    uint8_t *out;            /* [n_columns][column_bytes] */
    uint64_t k;
    uint64_t column_bytes;
    uint64_t n_columns;
} rf_pack_job;

void rf_linear_pack(const rf_compute *compute, const rf_pack_job *job);

/* The dot product for a weight tensor, by its type; RF_ERROR_UNSUPPORTED where there is none. */
rf_status rf_linear_dot(const rf_compute *compute, const rf_tensor *weight, const rf_dot_type **out,
                        rf_error *error);

#endif

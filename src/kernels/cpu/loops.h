/*
 * loops.h: the inner loops under the CPU's operations, other than dot products (dot.h): one table
 * of portable ones, which is the reference, and one that overrides them where the CPU has AVX2.
 *
 * Every result depends on its own inputs alone, not on where in an array they are nor on how the
 * array was shared out among threads: so a batch gives the same numbers with any number of threads.
 */
#ifndef RF_KERNELS_CPU_LOOPS_H
#define RF_KERNELS_CPU_LOOPS_H

#include <stdint.h>

#include "base/error.h"

/* Rows of the KV cache of one element type: n elements, whole blocks; rows need no alignment. */
typedef struct rf_kv_rows {
    rf_type type;
    void (*store)(const float *x, void *row, uint64_t n); /* rounds to nearest */
    void (*load)(const void *row, float *out, uint64_t n);
} rf_kv_rows;

#define RF_KV_ROW_TYPES 3

/* Attention's arrays are padded to a multiple of this: rows with zeros, keys with rows of zeros. */
#define RF_ATTENTION_LANES 8

typedef struct rf_cpu_loops {
    /* RMS norm of one row; out may be x. */
    void (*norm)(const float *x, const float *weight, float *out, uint64_t n, float epsilon);

    /* out[i] = silu(gate[i]) * up[i]; out may be gate. */
    void (*swiglu)(const float *gate, const float *up, float *out, uint64_t n);

    /* x[i] = exp(x[i] - max); returns the sum. x is padded, with anything. */
    float (*exponentials)(float *x, uint32_t n, float max);

    /* scores[j] = q · keys[j]. Rows are of `width` floats, a multiple of RF_ATTENTION_LANES,
     * aligned to 32 bytes; keys and scores are padded. */
    void (*scores)(const float *q, const float *keys, uint32_t n_keys, uint32_t width,
                   float *scores);

    /* sum = sum * scale + sum over j of weights[j] * values[j]; rows as in scores. */
    void (*accumulate)(const float *weights, const float *values, uint32_t n_values, uint32_t width,
                       float scale, float *sum);

    rf_kv_rows kv_rows[RF_KV_ROW_TYPES]; /* F32, F16, Q8_0 */
} rf_cpu_loops;

extern const rf_cpu_loops rf_loops_portable;
extern const rf_cpu_loops rf_loops_avx2; /* needs rf_cpu_has_avx2_fma_f16c */

/* The rows of a type; RF_ERROR_UNSUPPORTED where the KV cache cannot be of it. */
rf_status rf_cpu_loops_kv(const rf_cpu_loops *loops, rf_type type, const rf_kv_rows **out,
                          rf_error *error);

#endif

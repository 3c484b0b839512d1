/*
 * dot.h: dot products of quantised weight rows with activation rows, the inner loop of every matrix
 * product on the CPU. One entry per weight type; the portable entry is exact arithmetic on dequantised
 * weights, faster ones replace it by CPU feature.
 */
#ifndef RF_KERNELS_CPU_DOT_H
#define RF_KERNELS_CPU_DOT_H

#include <stdbool.h>
#include <stdint.h>

#include "rocmforge.h"

/* The most activation columns that one call takes: enough to pay for unpacking a weight block once. */
#define RF_DOT_MAX_COLUMNS 4

typedef struct rf_dot {
    rf_type weight;
    rf_type activation; /* what activations are turned into first: F32, Q8_0, Q8_1 or Q8_K */

    /* Turns n f32 activations into blocks of the activation type (n a multiple of the weight's block). */
    void (*prepare)(const float *x, void *out, uint64_t n);

    /*
     * out[c] = weight row · activations[c], for n elements and n_columns (1 to RF_DOT_MAX_COLUMNS)
     * prepared rows.
     */
    void (*columns)(uint64_t n, const void *weights, const void *const *activations,
                    uint32_t n_columns, float *out);
} rf_dot;

/* Bytes of a prepared activation row of n elements; at most 4 n for every type. */
uint64_t rf_dot_activation_bytes(const rf_dot *dot, uint64_t n);

/* The fastest entry for a weight type on this CPU, or the portable one if reference is true. NULL for a
 * type that is not computable. */
const rf_dot *rf_dot_for(rf_type weight, bool reference);

#endif

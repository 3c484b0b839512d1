/*
 * quantise_search.h: finding the scale (and minimum) that represent a few numbers with the least
 * squared error on a grid of integers.
 *
 * For a given assignment of integers q to numbers x the best scale is a linear least-squares
 * problem with a closed solution. A search tries some scales near the obvious one, takes the
 * integers nearest under each, solves, and keeps the best.
 *
 * n is a multiple of 4, at most 32; x is finite, of magnitude 65504 or less.
 */
#ifndef RF_TENSOR_QUANTISE_SEARCH_H
#define RF_TENSOR_QUANTISE_SEARCH_H

#include <stdint.h>

#include "tensor/half.h"

/* The integer nearest to x, ties to even, for |x| below 2^22: at 1.5 * 2^23 the last place of an
 * f32 is worth 1, so the addition rounds. */
static inline int32_t rf_nearest(float x)
{
    return (int32_t)(rf_f32_bits(x + 12582912.0F) & 0x7FFFFFU) - 0x400000;
}

/* The integer nearest to x / scale in [low, high]; 0, or the one closest to it, where scale is 0.
 */
static inline int32_t rf_nearest_in(float x, float inverse_scale, int32_t low, int32_t high)
{
    float q = x * inverse_scale;
    q = q < (float)low ? (float)low : q;
    q = q > (float)high ? (float)high : q;
    return rf_nearest(q);
}

/* 1 / scale, or 0 where the scale is so small that products with its inverse might overflow. */
static inline float rf_inverse(float scale)
{
    float magnitude = scale < 0 ? -scale : scale;
    return magnitude > 0x1p-100F ? 1 / scale : 0;
}

/* The scale for x = scale * q with q in [-levels, levels - 1]; it may be negative. 0 if x is all
 * zero. */
float rf_search_scale(const float *x, int n, int levels);

typedef struct rf_affine {
    float scale; /* at least 0 */
    float min;   /* at least 0 */
} rf_affine;

/* For x = scale * q - min with q in [0, top]. */
rf_affine rf_search_affine(const float *x, int n, int top);

/* For x = scale * values[q], values ascending; the scale may be negative. */
float rf_search_codebook(const float *x, int n, const int8_t values[16]);

/* The index of the value nearest to x / scale. */
int rf_nearest_value(float x, float inverse_scale, const int8_t values[16]);

#endif

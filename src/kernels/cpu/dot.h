/*
 * dot.h: the one inner loop of matrix products on the CPU: rows of weights times columns of
 * activations, out[c][r] = sum over i of weight[r][i] * x[c][i].
 *
 * A matrix product packs its input once (rf_activation_pack), then computes tiles; tiles are
 * independent, so threads share them out. A tile of one column is decode, limited by the speed at
 * which weights arrive; a tile of many columns is prefill, where each weight is unpacked once for
 * several.
 *
 * There is one portable entry a type, which is also the reference; faster ones override it by CPU
 * flag.
 *
 * Preconditions: n is a multiple of the weight type's block, and of 32 where activations are packed
 * as Q8; activations are aligned to 4 bytes (faster: 32), weights need no alignment; nothing
 * overlaps.
 */
#ifndef RF_KERNELS_CPU_DOT_H
#define RF_KERNELS_CPU_DOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* How a row of activations is laid out for a dot product. */
typedef enum rf_activation {
    RF_ACTIVATION_F32 = 0, /* as it is: n floats; need not be packed */
    RF_ACTIVATION_Q8 = 1,  /* rf_activation_block, one for 256 elements or what is left of them */
    RF_ACTIVATION_COUNT
} rf_activation;

/*
 * 256 activations as 8-bit integers with a scale for each 32: value = d[i / 32] * q[i], and
 * d = max |x| / 127. One layout serves every quantised weight type, so that an input shared by
 * matrices of several types is packed once. Scales are f32, as these blocks are never stored. The
 * sums of each 16 q let a dot product take weights that are stored with an offset as they are, and
 * correct the result once. What a row leaves unused of its last block is zero.
 */
typedef struct rf_activation_block {
    float d[8];
    int16_t sums[16];
    int8_t q[256]; /* -127..127 */
} rf_activation_block;

/* Bytes of a row of n packed activations; RF_ERROR_OVERFLOW where they do not fit. */
rf_status rf_activation_bytes(rf_activation activation, uint64_t n, uint64_t *bytes,
                              rf_error *error);

/*
 * Packs a row. Each x times 127 / max |x| is rounded to nearest, ties to even. 32 elements with a
 * NaN or an infinity among them get d = NaN, so that the product shows it; those with nothing of at
 * least 2^-100 are all zero.
 */
typedef void (*rf_activation_pack_fn)(const float *x, void *out, uint64_t n);

typedef struct rf_dot_tile {
    const void *weights; /* first row */
    const void *x;       /* first column, packed */
    float *out;          /* out[column * out_stride + row] */
    uint64_t n;          /* elements of a row */
    uint64_t row_bytes;  /* from one row of weights to the next */
    uint64_t x_bytes;    /* from one column of activations to the next */
    uint64_t out_stride; /* floats from one column of the result to the next */
    uint32_t n_rows;
    uint32_t n_columns;
} rf_dot_tile;

/* The dot product for one weight type. */
typedef struct rf_dot_type {
    rf_type weight;
    rf_activation activation;
    rf_activation_pack_fn pack;
    void (*tile)(const rf_dot_tile *tile);
} rf_dot_type;

/* The fastest entry for this CPU, or the portable one if `reference`; NULL where the type is not
 * computable. Portable entries sum in double. */
const rf_dot_type *rf_dot_for(rf_type weight, bool reference);

#endif

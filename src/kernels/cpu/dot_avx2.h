/*
 * dot_avx2.h: the loops that the AVX2 dot products of all quantised types share.
 *
 * They work on groups of 256 elements, as activations are packed. A weight type is given by a
 * reader: functions that turn a group of its blocks into 8-bit numbers q and f32 scales and
 * offsets, one for each sub-block of 32 (or 16) elements:
 *
 *     weight[i] = scale[i / 32] * q[i] + offset[i / 32]
 *     sum of weight * x = sum over sub-blocks j of
 *         scale[j] * d[j] * (sum of q * x.q) + offset[j] * d[j] * (sum of x.q)
 *
 * Only the first inner sum is over elements, and it is of integers. Readers and loops are inlined
 * into one function a type (RF_DOT_AVX2), in which what the reader says and `columns` are
 * constants.
 */
#ifndef RF_KERNELS_CPU_DOT_AVX2_H
#define RF_KERNELS_CPU_DOT_AVX2_H

#include <immintrin.h>
#include <stdbool.h>

#include "kernels/cpu/dot_entries.h"
#include "tensor/blocks.h"

#define RF_INLINE static inline __attribute__((always_inline))

/* Before a loop of n turns that index registers. Under sanitizers, whose checks are more than the
 * loop itself, it stays one: they compile ten times as long otherwise. */
#if defined(RF_ROLLED)
#define RF_UNROLL(n)
#else
#define RF_PRAGMA(text) _Pragma(#text)
#define RF_UNROLL(n)    RF_PRAGMA(GCC unroll n)
#endif

#define RF_DOT_COLUMNS 4 /* that share one unpacking: as many as there are registers for */

/* Scales and offsets of 8 sub-blocks of 32 in lanes of [0], or of 16 sub-blocks of 16 in [0] and
 * [1]. */
typedef struct rf_scales {
    __m256 scale[2];
    __m256 offset[2];
} rf_scales;

/* One weight type. `blocks` is how many sub-blocks of 32 are there: 8, but at the end of a row. */
typedef struct rf_reader {
    uint32_t group_bytes; /* of 256 elements */
    uint32_t sub_block;   /* 32 or 16 */
    bool is_signed;       /* q is -128..127; otherwise 0..64 */
    bool has_offset;
    rf_scales (*scales)(const uint8_t *group, uint32_t blocks);
    __m256i (*chunk)(const uint8_t *group, uint32_t j); /* q of elements 32 j to 32 j + 31 */
} rf_reader;

/* The columns of activations that one row is multiplied with: rows of rf_activation_block. */
typedef struct rf_columns {
    const uint8_t *x;
    uint64_t bytes; /* from one column to the next */
    uint32_t count; /* at most RF_DOT_COLUMNS */
} rf_columns;

typedef struct rf_sums {
    __m256 lanes[RF_DOT_COLUMNS][2]; /* two chains of additions a column: one would be too slow */
} rf_sums;

RF_INLINE __m256i rf_load256(const void *at)
{
    return _mm256_loadu_si256((const __m256i *)at);
}

RF_INLINE __m128i rf_load128(const void *at)
{
    return _mm_loadu_si128((const __m128i *)at);
}

RF_INLINE float rf_sum_lanes(__m256 x)
{
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

/*
 * 32 weights times activations, summed by fours. Pairs of products fit 16 bits: 2 * 64 * 127 and
 * 2 * 128 * 127 are below 2^15.
 */
RF_INLINE __m256 rf_products(__m256i weights, __m256i x, bool is_signed)
{
    if (is_signed) { /* |w| * (x with the sign of w): the instruction wants one side unsigned */
        x = _mm256_sign_epi8(x, weights);
        weights = _mm256_abs_epi8(weights);
    }
    __m256i pairs = _mm256_maddubs_epi16(weights, x);
    return _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/* Scales times the activations' d, to factors[]; offsets times d times the sums of q, to sums. */
RF_INLINE void rf_factors_32(const rf_reader *reader, const rf_scales *weight,
                             const rf_activation_block *x, float factors[16], __m256 sums[2])
{
    __m256 d = _mm256_loadu_ps(x->d);
    _mm256_storeu_ps(factors, _mm256_mul_ps(weight->scale[0], d));
    if (!reader->has_offset)
        return;
    __m256i of_q = _mm256_madd_epi16(rf_load256(x->sums), _mm256_set1_epi16(1));
    sums[1] =
        _mm256_fmadd_ps(_mm256_mul_ps(weight->offset[0], d), _mm256_cvtepi32_ps(of_q), sums[1]);
}

RF_INLINE void rf_factors_16(const rf_reader *reader, const rf_scales *weight,
                             const rf_activation_block *x, float factors[16], __m256 sums[2])
{
    for (size_t half = 0; half < 2; half++) {
        __m256 d = _mm256_broadcast_ps((const __m128 *)(const void *)(x->d + 4 * half));
        d = _mm256_permutevar_ps(d, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
        _mm256_storeu_ps(factors + 8 * half, _mm256_mul_ps(weight->scale[half], d));
        if (!reader->has_offset)
            continue;
        __m256i of_q = _mm256_cvtepi16_epi32(rf_load128(x->sums + 8 * half));
        sums[half] = _mm256_fmadd_ps(_mm256_mul_ps(weight->offset[half], d),
                                     _mm256_cvtepi32_ps(of_q), sums[half]);
    }
}

/* The factor of each lane of a chunk's products: one for all, or one for each half. */
RF_INLINE __m256 rf_factor(const rf_reader *reader, const float factors[16], uint32_t j)
{
    if (reader->sub_block == 32)
        return _mm256_broadcast_ss(factors + j);
    __m256i pair = _mm256_broadcastq_epi64(
        _mm_loadl_epi64((const __m128i *)(const void *)(factors + (size_t)2 * j)));
    return _mm256_permutevar_ps(_mm256_castsi256_ps(pair),
                                _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
}

/* One group of one row. */
RF_INLINE void rf_dot_group(const rf_reader *reader, const uint8_t *group, uint32_t blocks,
                            rf_columns columns, rf_sums *sums)
{
    float factors[RF_DOT_COLUMNS][16];
    rf_scales scales = reader->scales(group, blocks);
    RF_UNROLL(4)
    for (uint32_t c = 0; c < columns.count; c++) {
        const rf_activation_block *x = (const void *)(columns.x + c * columns.bytes);
        if (reader->sub_block == 32)
            rf_factors_32(reader, &scales, x, factors[c], sums->lanes[c]);
        else
            rf_factors_16(reader, &scales, x, factors[c], sums->lanes[c]);
    }
    RF_UNROLL(8)
    for (uint32_t j = 0; j < blocks; j++) {
        __m256i q = reader->chunk(group, j);
        RF_UNROLL(4)
        for (uint32_t c = 0; c < columns.count; c++) {
            const rf_activation_block *x = (const void *)(columns.x + c * columns.bytes);
            __m256 products = rf_products(q, rf_load256(x->q + (size_t)32 * j), reader->is_signed);
            sums->lanes[c][j % 2] =
                _mm256_fmadd_ps(products, rf_factor(reader, factors[c], j), sums->lanes[c][j % 2]);
        }
    }
}

/* One row of weights with up to RF_DOT_COLUMNS columns. */
RF_INLINE void rf_dot_row(const rf_reader *reader, const uint8_t *row, uint64_t n,
                          rf_columns columns, float *out, uint64_t out_stride)
{
    rf_sums sums;
    RF_UNROLL(4)
    for (uint32_t c = 0; c < columns.count; c++)
        sums.lanes[c][0] = sums.lanes[c][1] = _mm256_setzero_ps();
    for (uint64_t g = n / RF_SUPER_BLOCK; g; g--) {
        rf_dot_group(reader, row, RF_SUPER_BLOCK / RF_BLOCK, columns, &sums);
        row += reader->group_bytes;
        columns.x += sizeof(rf_activation_block);
    }
    if (n % RF_SUPER_BLOCK)
        rf_dot_group(reader, row, (uint32_t)(n % RF_SUPER_BLOCK / RF_BLOCK), columns, &sums);
    RF_UNROLL(4)
    for (uint32_t c = 0; c < columns.count; c++)
        out[c * out_stride] = rf_sum_lanes(_mm256_add_ps(sums.lanes[c][0], sums.lanes[c][1]));
}

/* All rows with `count` columns from `first` on: a few columns stay in the nearest cache meanwhile.
 */
RF_INLINE void rf_dot_rows(const rf_reader *reader, const rf_dot_tile *tile, uint32_t first,
                           uint32_t count)
{
    const uint8_t *row = tile->weights;
    float *out = tile->out + first * tile->out_stride;
    rf_columns columns = {(const uint8_t *)tile->x + first * tile->x_bytes, tile->x_bytes, count};
    for (uint32_t r = 0; r < tile->n_rows; r++, row += tile->row_bytes)
        rf_dot_row(reader, row, tile->n, columns, out + r, tile->out_stride);
}

RF_INLINE void rf_dot_tile_avx2(const rf_reader *reader, const rf_dot_tile *tile)
{
    uint32_t column = 0;
    for (; tile->n_columns - column >= RF_DOT_COLUMNS; column += RF_DOT_COLUMNS)
        rf_dot_rows(reader, tile, column, RF_DOT_COLUMNS);
    for (; column < tile->n_columns; column++)
        rf_dot_rows(reader, tile, column, 1);
}

/* Defines rf_dot_NAME_avx2 for a reader. */
#define RF_DOT_AVX2(name, ...)                                                                     \
    void rf_dot_##name##_avx2(const rf_dot_tile *tile)                                             \
    {                                                                                              \
        static const rf_reader reader = {__VA_ARGS__};                                             \
        rf_dot_tile_avx2(&reader, tile);                                                           \
    }

#endif

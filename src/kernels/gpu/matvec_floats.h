/*
 * matvec_floats.h: the part of matvec.hip for weights and activations in floats. Lanes read 16
 * bytes of a row at a time straight to registers, four times ahead; activations come through the
 * first-level cache.
 */
#ifndef RF_KERNELS_GPU_MATVEC_FLOATS_H
#define RF_KERNELS_GPU_MATVEC_FLOATS_H

#include "kernels/gpu/matvec_share.h"

#define AHEAD 4

/* Sixteen bytes as floats; one element. */
#define FLOATS_f32 4
DEVICE void widen_f32(u32x4 v, f32 *out)
{
    UNROLL
    for (u32 i = 0; i < 4; i++)
        out[i] = f32_from_bits(v[i]);
}
DEVICE f32 one_f32(const u8 *row, u32 i)
{
    return ((const f32 *)row)[i];
}

#define FLOATS_f16 8
DEVICE void widen_f16(u32x4 v, f32 *out)
{
    UNROLL
    for (u32 i = 0; i < 8; i++)
        out[i] = f16_from_bits((u16)(v[i / 2] >> (16 * (i % 2))));
}
DEVICE f32 one_f16(const u8 *row, u32 i)
{
    return f16_from_bits(((const u16 *)row)[i]);
}

#define FLOATS_bf16 8
DEVICE void widen_bf16(u32x4 v, f32 *out)
{
    UNROLL
    for (u32 i = 0; i < 8; i++)
        out[i] = f32_from_bits(i % 2 ? v[i / 2] & 0xFFFF0000U : v[i / 2] << 16);
}
DEVICE f32 one_bf16(const u8 *row, u32 i)
{
    return bf16_from_bits(((const u16 *)row)[i]);
}

#define FLOATS_OF_(type) FLOATS_##type
#define FLOATS_OF(type)  FLOATS_OF_(type)
#define WIDEN_(type)     widen_##type
#define WIDEN(type)      WIDEN_(type)
#define ONE_(type)       one_##type
#define ONE(type)        ONE_(type)

enum {
    FLOATS = FLOATS_OF(RF_WEIGHT), /* in 16 bytes */
    STEP = RF_WARP * FLOATS,
};

DEVICE u32x4 load_weights(const u8 *row, u32 element, u32 k)
{
    u32x4 none = {0, 0, 0, 0};
    return element < k ? load_once((const u32x4 *)(row + element / FLOATS * 16)) : none;
}

/* x: the element that the weights begin with, of the first column. */
template <u32 columns>
DEVICE void add_floats(const matvec_args *a, const u32x4 weights[2], const f32 *x, f32 *sums)
{
    f32 w[2][FLOATS];
    UNROLL
    for (u32 r = 0; r < 2; r++)
        WIDEN(RF_WEIGHT)(weights[r], w[r]);
    UNROLL
    for (u32 c = 0; c < columns; c++) {
        if (columns > 1 && c >= a->n_rows)
            continue;
        const f32x4 *column = (const f32x4 *)(x + (u64)c * a->stride);
        UNROLL
        for (u32 i = 0; i < FLOATS / 4; i++) {
            f32x4 v = column[i];
            UNROLL
            for (u32 r = 0; r < 2; r++) {
                f32 sum = sums[r * columns + c];
                UNROLL
                for (u32 j = 0; j < 4; j++)
                    sum = fused(w[r][4 * i + j], v[j], sum);
                sums[r * columns + c] = sum;
            }
        }
    }
}

/* A warp's share of two rows that start at multiples of 16 bytes. x is there once previous kernels
 * have ended. */
template <u32 columns>
DEVICE void sum_vectors(const matvec_args *a, const share *s, const f32 *x, const u8 *const rows[2],
                        f32 *sums)
{
    u32x4 weights[AHEAD][2];
    const u32 gap = a->split * STEP;
    u32 element = s->turn * STEP + lane() * FLOATS;
    u32 ahead = element;
    UNROLL
    for (u32 i = 0; i < AHEAD; i++, ahead += gap) {
        UNROLL
        for (u32 r = 0; r < 2; r++)
            weights[i][r] = load_weights(rows[r], ahead, a->k);
    }
    wait_for_previous();
    while (element < a->k) {
        UNROLL
        for (u32 i = 0; i < AHEAD; i++) {
            if (element < a->k)
                add_floats<columns>(a, weights[i], x + element, sums);
            element += gap;
            UNROLL
            for (u32 r = 0; r < 2; r++)
                weights[i][r] = load_weights(rows[r], ahead, a->k);
            ahead += gap;
        }
    }
}

/* Of any rows, an element at a time. */
template <u32 columns>
DEVICE void sum_elements(const matvec_args *a, const share *s, const f32 *x,
                         const u8 *const rows[2], f32 *sums)
{
    wait_for_previous();
    for (u32 i = s->turn * WARP + lane(); i < a->k; i += a->split * WARP) {
        UNROLL
        for (u32 c = 0; c < columns; c++) {
            if (columns > 1 && c >= a->n_rows)
                continue;
            f32 v = x[(u64)c * a->stride + i];
            UNROLL
            for (u32 r = 0; r < 2; r++)
                sums[r * columns + c] = fused(ONE(RF_WEIGHT)(rows[r], i), v, sums[r * columns + c]);
        }
    }
}

template <u32 columns> DEVICE void matvec(const matvec_args *a)
{
    if (a->n_experts)
        wait_for_previous();
    release_next();
    share s = open_share(a);
    const f32 *x = GLOBAL(const f32, a->x) + (u64)(s.output_row / a->row_divisor) * a->stride;
    for (u32 local = s.group; local < s.n_pairs; local += a->turn_pairs) {
        pair_rows pair = rows_of_pair(a, s.first_pair + local);
        u64 weights[2] = {weights_of(a, &s, &pair, 0), weights_of(a, &s, &pair, 1)};
        const u8 *rows[2] = {GLOBAL(const u8, weights[0]), GLOBAL(const u8, weights[1])};
        f32 sums[2 * columns];
        UNROLL
        for (u32 i = 0; i < 2 * columns; i++)
            sums[i] = 0.0F;
        /* Rows that end at a multiple of 16 bytes too, which is where the last load ends. */
        if ((weights[0] | weights[1] | OF_PART(pair.part, row_bytes) | a->stride * 4) % 16 == 0)
            sum_vectors<columns>(a, &s, x, rows, sums);
        else
            sum_elements<columns>(a, &s, x, rows, sums);
        put_sums<columns>(a, &s, local, sums, false);
    }
    wait_for_previous(); /* also who had nothing to do: the block's end may add to what is there */
    end_products<columns>(a, &s);
}

#endif

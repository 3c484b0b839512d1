/*
 * matvec_rows.h: the activations of matvec.hip, for weights in blocks: rows of f32 are normed and
 * rounded to q8 into shared memory, by every block for itself. This costs a block less than waiting
 * for a kernel that did it once for all.
 */
#ifndef RF_KERNELS_GPU_MATVEC_ROWS_H
#define RF_KERNELS_GPU_MATVEC_ROWS_H

#include "kernels/gpu/matvec_share.h"

enum { SCALE_BYTES = sizeof(rf_gpu_q8_scale) };

/* Rows of q8 in shared memory, `size` elements of each. */
typedef struct tile {
    u8 *quants; /* [columns][size] */
    u8 *scales; /* rf_gpu_q8_scale [columns][size / 16] */
    u32 size;
} tile;

/* Where chunk i, of 16 elements, of a row of activations is. Lanes read chunks with gaps between,
 * which would be in the same banks; moved by bits 3 and 4 they are in all, for every type's way. */
DEVICE u32 place_of(u32 i)
{
    return i ^ (i & 8U ? 7U : 0U) ^ (i & 16U ? 2U : 0U);
}

/* What a thread takes at a time; two neighbouring threads have a block. */
enum { CHUNK = RF_GPU_Q8_CHUNK };
typedef struct chunk {
    f32x4 x[CHUNK / 4];
} chunk;

DEVICE u32 first_element(void)
{
    return CHUNK * thread();
}

/* Elements `at` on of a row of k: whole chunks, and zeros behind them. */
DEVICE chunk read_chunk(const f32 *row, u32 at, u32 k)
{
    const f32x4 zero = {0.0F, 0.0F, 0.0F, 0.0F};
    chunk v;
    UNROLL
    for (u32 i = 0; i < CHUNK / 4; i++)
        v.x[i] = at < k ? *(const f32x4 *)(row + at + 4 * i) : zero;
    return v;
}

/* Norms are weights: they may be on their way before the rows are there. */
DEVICE void prefetch_norm(const matvec_args *a)
{
    if (!a->norm)
        return;
    for (u32 i = 32 * thread(); i < a->k; i += 32 * n_threads())
        prefetch(GLOBAL(const f32, a->norm) + i);
}

DEVICE f32 squares_of(const chunk *v)
{
    f32x4 sum = v->x[0] * v->x[0];
    UNROLL
    for (u32 i = 1; i < CHUNK / 4; i++)
        sum += v->x[i] * v->x[i];
    return (sum.x + sum.y) + (sum.z + sum.w);
}

/* The thread's share of the sum of a row's squares. */
DEVICE f32 squares_of_row(const f32 *row, u32 k)
{
    f32 sum = 0.0F;
    for (u32 i = first_element(); i < k; i += CHUNK * n_threads()) {
        const chunk v = read_chunk(row, i, k);
        sum += squares_of(&v);
    }
    return sum;
}

/* What rows are multiplied by, from the threads' shares of the sums of their squares. All threads
 * of a block go here. Shared memory's sums are used. */
template <u32 columns>
DEVICE void scales_of_rows(const matvec_args *a, const f32 *squares, f32 *scale)
{
    f32 *shared = SHARED(f32);
    UNROLL
    for (u32 c = 0; c < columns; c++) {
        f32 sum = warp_sum(squares[c]);
        if (lane() == 0)
            shared[c * n_warps() + warp()] = sum;
    }
    barrier();
    UNROLL
    for (u32 c = 0; c < columns; c++) {
        f32 sum = 0.0F;
        for (u32 w = 0; w < n_warps(); w++)
            sum += shared[c * n_warps() + w];
        scale[c] = reciprocal_root(sum / (f32)a->k + a->epsilon);
    }
}

/* Of a block's largest magnitude: below the first all of it rounds to zeros, whatever it is in
 * steps of that; from the second on, and where an element is no number, so is the whole block. */
#define SMALLEST_STEPS 0x1p-100F
#define LARGEST_STEPS  0x1p126F
/* Added to a number below 2^22, makes its nearest whole number the sum's low bits. */
#define WHOLE 12582912.0F /* 1.5 * 2^23 */

/* Rounds a chunk, elements at to at + 15 of column c of the tile. All lanes go here. scaled: which
 * sum rf_gpu_q8_scale has. inside: whether there are such elements, which is the same for both
 * lanes of a block. */
template <bool scaled>
DEVICE void put_chunk(const tile *to, u32 c, u32 at, const chunk *v, bool inside)
{
    f32 most = 0.0F;
    UNROLL
    for (u32 i = 0; i < CHUNK / 4; i++)
        most = maximum_or_nan(
            most, maximum_or_nan(maximum_or_nan(magnitude(v->x[i].x), magnitude(v->x[i].y)),
                                 maximum_or_nan(magnitude(v->x[i].z), magnitude(v->x[i].w))));
    most = maximum_or_nan(most, shuffle_xor(most, 1U));
    const f32 steps = most > SMALLEST_STEPS ? 127.0F * reciprocal(most) : 0.0F;
    u32x4 quants;
    i32 sum = 0;
    UNROLL
    for (u32 i = 0; i < CHUNK / 4; i++) {
        const f32x4 x = v->x[i];
        quants[i] = low_bytes(bits_of(fused(x.x, steps, WHOLE)), bits_of(fused(x.y, steps, WHOLE)),
                              bits_of(fused(x.z, steps, WHOLE)), bits_of(fused(x.w, steps, WHOLE)));
        sum = dot4(0x01010101U, quants[i], sum);
    }
    if (!inside)
        return;
    *(u32x4 *)(to->quants + (c * to->size + CHUNK * place_of(at / CHUNK))) = quants;
    const f32 d = most < LARGEST_STEPS ? most * (1.0F / 127.0F) : __builtin_nanf("");
    rf_gpu_q8_scale scale = {d, {sum}};
    if (scaled)
        scale.scaled_sum = d * (f32)sum;
    ((rf_gpu_q8_scale *)to->scales)[(c * to->size + at) / CHUNK] = scale;
}

DEVICE void scale_chunk(chunk *v, f32 scale, const chunk *norm)
{
    UNROLL
    for (u32 i = 0; i < CHUNK / 4; i++)
        v->x[i] = v->x[i] * scale * norm->x[i];
}

/* Fills the tile with elements of a column's row, from `first` on. ahead: there are registers for
 * a chunk that is on its way meanwhile. */
template <bool ahead, bool scaled>
DEVICE void fill_column(const matvec_args *a, const f32 *row, const tile *to, u32 column, u32 first,
                        f32 scale)
{
    const u32 count = minimum(to->size, a->k - first);
    chunk next;
    if (ahead)
        next = read_chunk(row + first, first_element(), count);
#pragma unroll 1
    for (u32 at = first_element(); at - CHUNK * lane() < count; at += CHUNK * n_threads()) {
        chunk v = ahead ? next : read_chunk(row + first, at, count);
        if (ahead)
            next = read_chunk(row + first, at + CHUNK * n_threads(), count);
        if (a->norm) {
            const chunk norm = read_chunk(GLOBAL(const f32, a->norm) + first, at, count);
            scale_chunk(&v, scale, &norm);
        }
        put_chunk<scaled>(to, column, at, &v, at < count);
    }
}

/* Fills a tile with elements from `first` on of all rows. */
template <u32 columns, bool ahead, bool scaled>
DEVICE void fill_tile(const matvec_args *a, const share *s, const tile *to, u32 first,
                      const f32 *scale)
{
    UNROLL
    for (u32 c = 0; c < columns; c++) {
        if (columns == 1 || c < a->n_rows)
            fill_column<ahead, scaled>(a, input_row(a, s, c, a->k), to, c, first, scale[c]);
    }
}

/* Finds what the rows are multiplied by, and fills the first tile. Rows are read twice for a norm:
 * the second time they are near, and registers are for weights on their way. */
template <u32 columns, bool ahead, bool scaled>
DEVICE void open_rows(const matvec_args *a, const share *s, const tile *to, f32 *scale)
{
    f32 squares[columns];
    UNROLL
    for (u32 c = 0; c < columns; c++) {
        scale[c] = 1.0F;
        squares[c] = 0.0F;
        if (a->norm)
            squares[c] = squares_of_row(input_row(a, s, minimum(c, a->n_rows - 1), a->k), a->k);
    }
    if (a->norm)
        scales_of_rows<columns>(a, squares, scale);
    fill_tile<columns, ahead, scaled>(a, s, to, 0, scale);
}

#endif

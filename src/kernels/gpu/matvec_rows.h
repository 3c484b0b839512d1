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
    u8 *scales; /* rf_gpu_q8_scale [columns][size / 32] */
    u32 size;
} tile;

/* Where chunk i, of 16 elements, of a row of activations is. Lanes read chunks with gaps between,
 * which would be in the same banks; moved by bits 3 and 4 they are in all, for every type's way. */
DEVICE u32 place_of(u32 i)
{
    return i ^ (i & 8U ? 7U : 0U) ^ (i & 16U ? 2U : 0U);
}

/* Four neighbouring elements a thread and turn. The first turns of a single row stay in registers
 * from the time that its squares are summed. */
enum { KEPT_TURNS = 2 };
typedef struct kept_row {
    f32x4 x[KEPT_TURNS];
    f32x4 norm[KEPT_TURNS];
} kept_row;

DEVICE u32 element_of_turn(u32 turn)
{
    return 4 * (turn * n_threads() + thread());
}

/* Norms are weights: they may be on their way before the rows are there. */
DEVICE void prefetch_norm(const matvec_args *a)
{
    if (!a->norm)
        return;
    for (u32 i = 32 * thread(); i < a->k; i += 32 * n_threads())
        prefetch(GLOBAL(const f32, a->norm) + i);
}

DEVICE f32 square_of(f32x4 v)
{
    return v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
}

/* Of a single row the thread's share of the sum of squares; keeps what there is room for. */
DEVICE f32 keep_row(const matvec_args *a, const f32 *x, kept_row *kept)
{
    f32 squares = 0.0F;
    const f32x4 zero = {0.0F, 0.0F, 0.0F, 0.0F};
    UNROLL
    for (u32 turn = 0; turn < KEPT_TURNS; turn++) {
        u32 i = element_of_turn(turn);
        kept->x[turn] = i < a->k ? *(const f32x4 *)(x + i) : zero;
        kept->norm[turn] =
            a->norm && i < a->k ? *(const f32x4 *)(GLOBAL(const f32, a->norm) + i) : zero;
    }
    if (!a->norm)
        return 0.0F;
    UNROLL
    for (u32 turn = 0; turn < KEPT_TURNS; turn++)
        squares += square_of(kept->x[turn]);
    for (u32 i = element_of_turn(KEPT_TURNS); i < a->k; i += 4 * n_threads())
        squares += square_of(*(const f32x4 *)(x + i));
    return squares;
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

/* Elements at to at + 3 of column c of the tile, by all lanes: eight have a block of 32. inside:
 * whether there are such elements, which is the same for all of these eight. */
DEVICE void put_quants(const tile *to, u32 c, u32 at, f32x4 v, bool inside)
{
    f32 most =
        maximum(maximum(magnitude(v.x), magnitude(v.y)), maximum(magnitude(v.z), magnitude(v.w)));
    most = group_max<8>(most);
    /* 0 for what is finite; otherwise NaN, which no comparison above has kept. */
    f32 strange = group_sum<8>((v.x + v.y + v.z + v.w) * 0.0F);
    f32 step = most > 0.0F ? 127.0F / most : 0.0F;
    i32 q[4] = {nearest(v.x * step), nearest(v.y * step), nearest(v.z * step), nearest(v.w * step)};
    i32 sum = group_sum<4>(q[0] + q[1] + q[2] + q[3]);
    i32 other = shuffle_xor(sum, 4U);
    if (!inside)
        return;
    *(u32 *)(to->quants + (c * to->size + 16 * place_of(at / 16) + at % 16)) =
        ((u32)q[0] & 255U) | ((u32)q[1] & 255U) << 8 | ((u32)q[2] & 255U) << 16 | (u32)q[3] << 24;
    if (lane() % 8 == 0) {
        rf_gpu_q8_scale scale = {most / 127.0F + strange, {(i16)sum, (i16)other}};
        ((rf_gpu_q8_scale *)to->scales)[(c * to->size + at) / RF_GPU_Q8_BLOCK] = scale;
    }
}

/* Elements i to i + 3 of a row, times their norm. */
DEVICE f32x4 read_four(const matvec_args *a, const f32 *row, u32 i, f32 scale)
{
    f32x4 v = *(const f32x4 *)(row + i);
    return a->norm ? v * scale * *(const f32x4 *)(GLOBAL(const f32, a->norm) + i) : v;
}

/* Fills the tile with elements from `first` on of a column's row, but for those of the first turns.
 * Several loads are under way at a time. */
DEVICE void fill_column(const matvec_args *a, const f32 *row, const tile *to, u32 column, u32 turn,
                        u32 first, f32 scale)
{
    const u32 AHEAD = 5;
    const u32 count = minimum(to->size, a->k - first);
    const u32 turns = (count / 4 + n_threads() - 1) / n_threads();
#pragma unroll 1
    for (u32 t = turn; t < turns; t += AHEAD) {
        f32x4 v[AHEAD];
        UNROLL
        for (u32 j = 0; j < AHEAD; j++) {
            u32 i = element_of_turn(t + j);
            v[j] = read_four(a, row, i < count ? first + i : first, scale);
        }
        UNROLL
        for (u32 j = 0; j < AHEAD; j++) {
            u32 i = element_of_turn(t + j);
            if (t + j < turns)
                put_quants(to, column, i, v[j], i < count);
        }
    }
}

/* Fills a tile with elements from `first` on of all rows. */
template <u32 columns>
DEVICE void fill_tile(const matvec_args *a, const share *s, const tile *to, u32 first,
                      const f32 *scale)
{
    UNROLL
    for (u32 c = 0; c < columns; c++) {
        if (columns == 1 || c < a->n_rows)
            fill_column(a, input_row(a, s, c, a->k), to, c, 0, first, scale[c]);
    }
}

/* Finds what the rows are multiplied by, and fills the first tile. */
template <u32 columns>
DEVICE void open_several(const matvec_args *a, const share *s, const tile *to, f32 *scale)
{
    f32 squares[columns];
    UNROLL
    for (u32 c = 0; c < columns; c++) {
        scale[c] = 1.0F;
        squares[c] = 0.0F;
        const f32 *row = input_row(a, s, minimum(c, a->n_rows - 1), a->k);
        for (u32 i = element_of_turn(0); a->norm && i < a->k; i += 4 * n_threads())
            squares[c] += square_of(*(const f32x4 *)(row + i));
    }
    if (a->norm)
        scales_of_rows<columns>(a, squares, scale);
    fill_tile<columns>(a, s, to, 0, scale);
}
DEVICE void open_one(const matvec_args *a, const share *s, const tile *to, f32 *scale)
{
    kept_row kept;
    const f32 *row = input_row(a, s, 0, a->k);
    f32 squares = keep_row(a, row, &kept);
    scale[0] = 1.0F;
    if (a->norm)
        scales_of_rows<1>(a, &squares, scale);
    UNROLL
    for (u32 turn = 0; turn < KEPT_TURNS; turn++) {
        u32 i = element_of_turn(turn);
        if (turn * 4 * n_threads() < a->k)
            put_quants(to, 0, i, a->norm ? kept.x[turn] * scale[0] * kept.norm[turn] : kept.x[turn],
                       i < a->k);
    }
    fill_column(a, row, to, 0, KEPT_TURNS, 0, scale[0]);
}
template <u32 columns>
DEVICE void open_rows(const matvec_args *a, const share *s, const tile *to, f32 *scale)
{
    if constexpr (columns == 1)
        open_one(a, s, to, scale);
    else
        open_several<columns>(a, s, to, scale);
}

#endif

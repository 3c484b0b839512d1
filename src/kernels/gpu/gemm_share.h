/*
 * gemm_share.h: what the kernels of products by matrix units share: which rows and weights a block
 * has, and what becomes of its sums.
 */
#ifndef RF_KERNELS_GPU_GEMM_SHARE_H
#define RF_KERNELS_GPU_GEMM_SHARE_H

#include "kernels/gpu/args_gemm.h"
#include "kernels/gpu/prelude.h"

#define NO_ROW 0xFFFFFFFFU

/* What a block works on. */
typedef struct tile_place {
    u32 expert;
    u32 first_row, end_row; /* in the order of tiles */
    u32 part;
    u32 first_m;
} tile_place;

/* The rows of tile `tile` of the experts' tiles, one expert's after the other's; false: there are
 * fewer. Every warp finds them by itself. */
template <u32 ROWS>
DEVICE bool find_expert_tile(const rf_gpu_gemm_args &a, u32 tile, tile_place *at)
{
    const i32 *offsets = GLOBAL(const i32, a.offsets);
    u32 before = 0;
    for (u32 base = 0; base < a.n_experts; base += WARP) {
        u32 expert = base + lane();
        u32 tiles = 0;
        if (expert < a.n_experts)
            tiles = ((u32)(offsets[expert + 1] - offsets[expert]) + ROWS - 1) / ROWS;
        u32 sum = tiles; /* with those of lower lanes */
        for (u32 step = 1; step < WARP; step *= 2) {
            u32 lower = shuffle(sum, lane() - step);
            sum += lane() >= step ? lower : 0;
        }
        u32 total = shuffle(sum, WARP - 1);
        u32 index = warp_sum(before + sum <= tile ? 1U : 0U);
        u32 first = before + shuffle(sum - tiles, minimum(index, WARP - 1));
        if (index < WARP) {
            at->expert = base + index;
            at->first_row = (u32)offsets[at->expert] + (tile - first) * ROWS;
            at->end_row = minimum(at->first_row + ROWS, (u32)offsets[at->expert + 1]);
            return true;
        }
        before += total;
    }
    return false;
}

/* Of tiles of ROWS rows by `weights` rows of weights. */
template <u32 ROWS> DEVICE bool find_tile(const rf_gpu_gemm_args &a, u32 weights, tile_place *at)
{
    at->expert = 0;
    at->first_row = block_x() * ROWS;
    at->end_row = minimum(at->first_row + ROWS, a.n_rows);
    at->part = 0;
    if (a.n_experts && !find_expert_tile<ROWS>(a, block_x(), at))
        return false;
    if (a.end == RF_GPU_END_SWIGLU) {
        at->first_m = block_y() * (weights / 2);
        return true;
    }
    while (at->part + 1 < a.n_parts && block_y() >= a.parts[at->part + 1].first_tile)
        at->part++;
    at->first_m = (block_y() - a.parts[at->part].first_tile) * weights;
    return true;
}

/* Of each of a tile's n rows: its prepared row, and its row in the output, or NO_ROW. */
DEVICE void list_rows(const rf_gpu_gemm_args &a, const tile_place &at, u32 n, u32 *from, u32 *to)
{
    for (u32 row = thread(); row < n; row += n_threads()) {
        u32 p = minimum(at.first_row + row, at.end_row - 1);
        u32 r = a.order ? (u32)GLOBAL(const i32, a.order)[p] : p;
        from[row] = r / a.row_divisor;
        to[row] = at.first_row + row >= at.end_row ? NO_ROW : a.partial ? p : r;
    }
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* Where sums go: rows of `width`, of which the elements below `limit` exist. */
typedef struct target {
    f32 *out;
    const f32 *bias;        /* or NULL */
    const f32 *second_bias; /* of the part that SwiGLU multiplies by */
    u64 width;
    u32 limit;
} target;

DEVICE target find_target(const rf_gpu_gemm_args &a, u32 part)
{
    const struct rf_gpu_gemm_part *p = &a.parts[part];
    target t = {};
    t.limit = p->m;
    if (a.partial) {
        t.out = GLOBAL(f32, a.partial) + (u64)block_z() * a.n_rows * a.n_columns + p->first_column;
        t.width = a.n_columns;
        return t;
    }
    t.out = GLOBAL(f32, p->out);
    t.width = p->m;
    if (p->bias)
        t.bias = GLOBAL(const f32, p->bias);
    if (a.end == RF_GPU_END_SWIGLU && a.parts[1].bias)
        t.second_bias = GLOBAL(const f32, a.parts[1].bias);
    return t;
}

DEVICE f32 with_bias(f32 value, const f32 *bias, u32 column)
{
    return bias ? value + bias[column] : value;
}

DEVICE void put_sum(const target &t, u32 row, u32 column, f32 value, bool add)
{
    f32 *out = t.out + row * t.width + column;
    value = with_bias(value, t.bias, column);
    *out = add ? *out + value : value;
}

/* The sums of both parts, side by side where k is split. */
DEVICE void put_swiglu(const rf_gpu_gemm_args &a, const target &t, u32 row, u32 column, f32 gate,
                       f32 up)
{
    f32 *out = t.out + row * t.width + column;
    if (a.partial) {
        out[0] = gate;
        out[a.parts[1].first_column - a.parts[0].first_column] = up;
        return;
    }
    *out = silu(with_bias(gate, t.bias, column)) * with_bias(up, t.second_bias, column);
}

#endif

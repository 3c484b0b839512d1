/*
 * attention_matrix.h: a block's task of attention_decode.h by matrix units, for an F16 cache and
 * RF_MATRIX_MMA (matrix.h).
 *
 * A warp takes 16 positions at a time. Tiles have 16 rows, a slice has at most 8 heads: row h is a
 * query, or its weights, as f16, and row 8 + h what rounding left of it, as f16 as well. A lane has
 * sums of both rows and adds them, so that products are as exact as those of f32, at no cost.
 *
 * Keys and values go to shared memory by asynchronous copies, a tile of either for each warp: while
 * scores become weights and values are added up, the next keys are on their way, and the next
 * values while these are scored. Warps do not wait for each other before the end. What is in flight
 * takes no registers so, and where nothing is to be read a copy writes zeros.
 */
#ifndef RF_KERNELS_GPU_ATTENTION_MATRIX_H
#define RF_KERNELS_GPU_ATTENTION_MATRIX_H

#include "kernels/gpu/attention_merge.h"
#include "kernels/gpu/attention_task.h"
#include "kernels/gpu/math.h"
#include "kernels/gpu/matrix.h"
#include "kernels/gpu/pages.h"
#include "kernels/gpu/prelude.h"

#define TILE_KEYS 16U
#define ALL_KEYS  0xFFFFU

/* Weights are at most 2^14, so that f16 has the small ones too; see `max` of matrix_state. */
#define HEADROOM 14

template <u32 n_heads_, u32 padded_> struct matrix_shape {
    static constexpr u32 n_heads = n_heads_; /* queries, 8 at most */
    static constexpr u32 padded = padded_;   /* elements of a head, with zeros */
    static constexpr u32 warp_rows = TILE_KEYS;
    static constexpr u32 n_tiles = padded / 16;
    static constexpr u32 stride = RF_GPU_DECODE_STRIDE(padded); /* elements, of rows of tiles */
    static constexpr u32 tile = TILE_KEYS * stride;
    /* Sums take the place of a warp's tiles: [n_heads][stride] of f32. */
    static constexpr u32 sums = tile; /* f32 from one warp to the next */
};

/* What a warp has found. A lane has parts of the sums of one head, lane() / 4, and its own weights'
 * total. Weights are 2^(score - max): max is HEADROOM below the largest score. */
template <typename S> struct matrix_state {
    tile_c sums[S::n_tiles];
    f32 max;
    f32 total;
};

/* The parts of shared memory; sizes: RF_GPU_DECODE_TILES. */
struct matrix_shared {
    f16 *queries; /* [16][stride]: rounded, and what is left */
    f32 *factors; /* [8], of their scores */
    f16 *keys;    /* of the warp, [16][stride] */
    f16 *values;  /* of the warp, behind its keys */
    f32 *sums;    /* [warps] of S::sums */
    f32x2 *ends;  /* [warps][n_heads] */
};

template <typename S> DEVICE matrix_shared share_out(f32 *memory)
{
    matrix_shared s;
    s.factors = memory;
    s.queries = (f16 *)(memory + 8);
    f16 *tiles = s.queries + S::tile;
    s.keys = tiles + warp() * 2 * S::tile;
    s.values = s.keys + S::tile;
    s.sums = (f32 *)tiles;
    s.ends = (f32x2 *)(tiles + n_warps() * 2 * S::tile);
    return s;
}

/* ---- where keys and values are --------------------------------------------------------------- */

/* Of 16 positions, the rows: those of four lie side by side, as pages have four tokens at least.
 * The same for all lanes. */
struct tile_rows {
    u32 first[TILE_KEYS / 4]; /* the number of the first of four; 0 where there is no page */
    u32 there;                /* bit p: position p is there, and the split's */
};

/* Pages of four positions each, in as many lanes. */
DEVICE i32 pages_of(const rf_gpu_attention_args *a, const decode_task *task, u32 base)
{
    return page_of(&a->kv, task->sequence, base + 4 * (lane() % 4));
}
DEVICE tile_rows find_rows(const rf_gpu_attention_args *a, const decode_task *task, i32 pages,
                           u32 base)
{
    const u32 mine = row_of(&a->kv, pages, base + 4 * (lane() % 4), task->kv_head);
    const u32 left = base < task->end ? minimum(task->end - base, TILE_KEYS) : 0;
    tile_rows rows;
    u32 pages_there = 0;
    UNROLL
    for (u32 i = 0; i < TILE_KEYS / 4; i++) {
        const u32 row = shuffle(mine, i);
        rows.first[i] = row == NO_ROW ? 0 : row;
        pages_there |= row == NO_ROW ? 0 : 0xFU << 4 * i;
    }
    rows.there = pages_there & ((1U << left) - 1);
    return rows;
}

/* A tile of keys or values to shared memory: 16 bytes a lane and turn, and as many lanes to a row
 * as it takes. */
template <typename S>
DEVICE void copy_rows(const rf_gpu_attention_args *a, const tile_rows *rows, u64 from, f16 *to)
{
    constexpr u32 lanes = S::padded / 8;      /* of a row */
    constexpr u32 rows_a_turn = WARP / lanes; /* 4 at most */
    const u32 element = lane() % lanes * 8;
    const u32 row = lane() / lanes;
    const u32 there = element < a->kv.head_size ? rows->there >> row : 0;
    const u8 *base = GLOBAL(const u8, from) + element * 2;
    UNROLL
    for (u32 i = 0; i < TILE_KEYS; i += rows_a_turn) {
        const u64 number = rows->first[i / 4] + i % 4 + row;
        copy_async_some<false>(to + (i + row) * S::stride + element,
                               base + number * a->kv.row_bytes, there >> i & 1 ? 16 : 0);
    }
}

/* What is known before keys and values may be read: where a warp's first are, and the pages of its
 * next. */
template <typename S> struct decode_start {
    tile_rows rows;
    i32 pages;
};
template <typename S>
DEVICE void find_start(const rf_gpu_attention_args *a, const decode_task *task,
                       decode_start<S> *start)
{
    const u32 base = first_of<S>(task);
    start->rows = find_rows(a, task, pages_of(a, task, base), base);
    start->pages = pages_of(a, task, base + task->stride);
}

/* ---- queries --------------------------------------------------------------------------------- */

/* A lane's share of a head's query: neighbouring pairs. */
template <typename S> struct query_part {
    static constexpr u32 pairs = S::padded / RF_WARP / 2;
    f32x2 v[pairs];
};

/* A head that is not there gets zeros. */
template <typename S>
DEVICE void load_query(const rf_gpu_attention_args *a, const decode_task *task, u32 head,
                       query_part<S> *part)
{
    const u32 first = lane() * query_part<S>::pairs * 2;
    const u64 index = (u64)task->token * a->n_heads + task->first_head + head;
    const f32 *from = GLOBAL(const f32, a->q) + index * a->kv.head_size + first;
    const bool there = head < task->n_heads && first < a->kv.head_size;
    UNROLL
    for (u32 i = 0; i < query_part<S>::pairs; i++) {
        const f32x2 none = {0.0F, 0.0F};
        part->v[i] = there ? *(const f32x2 *)(from + 2 * i) : none;
    }
}

/* To shared memory, by a warp: times a power of two that brings the largest element to 2^14,
 * rounded, and what is left. */
template <typename S>
DEVICE void store_query(const rf_gpu_attention_args *a, u32 head, const query_part<S> *part,
                        const matrix_shared *s)
{
    const u32 first = lane() * query_part<S>::pairs * 2;
    f32 largest = 0.0F;
    UNROLL
    for (u32 i = 0; i < query_part<S>::pairs; i++)
        largest = maximum(largest, maximum(magnitude(part->v[i].x), magnitude(part->v[i].y)));
    const u32 exponent = bits_of(warp_max(largest)) >> 23;
    const u32 bounded = minimum(maximum(exponent, 15U), 253U);
    const f32 by = f32_from_bits((268U - bounded) << 23);
    f16x2 *high = (f16x2 *)(s->queries + head * S::stride + first);
    f16x2 *low = (f16x2 *)(s->queries + (8 + head) * S::stride + first);
    UNROLL
    for (u32 i = 0; i < query_part<S>::pairs; i++) {
        const f32x2 v = part->v[i] * by;
        const f16x2 rounded = {(f16)v.x, (f16)v.y};
        const f16x2 left = {(f16)(v.x - (f32)rounded.x), (f16)(v.y - (f32)rounded.y)};
        high[i] = rounded;
        low[i] = left;
    }
    if (lane() == 0)
        s->factors[head] = f32_from_bits((bounded - 14U) << 23) * a->scale;
}

/* ---- a step of 16 positions ------------------------------------------------------------------ */

/* Of c, the elements of a lane's row below 8; those of the row 8 further are two behind. The
 * position, or element of a head, that the i-th of these four is of. */
DEVICE u32 upper_element(u32 i)
{
    return (i & 1) + 2 * (i & 2);
}
DEVICE u32 column_of(u32 i)
{
    return c_column(upper_element(i));
}

/* Scores of four positions and a head. Two sums, as a product waits for the one before it. */
template <typename S>
DEVICE void score_keys(const matrix_shared *s, f32 factor, u32 there, f32 scores[4])
{
    tile_c even = zero_tile(), odd = zero_tile();
    UNROLL
    for (u32 k = 0; k < S::padded; k += 32) {
        multiply_add(even, load_a(s->queries + k, S::stride), load_b(s->keys + k, S::stride));
        multiply_add(odd, load_a(s->queries + k + 16, S::stride),
                     load_b(s->keys + k + 16, S::stride));
    }
    UNROLL
    for (u32 i = 0; i < 4; i++) {
        const u32 e = upper_element(i);
        scores[i] = (even.v[e] + odd.v[e] + (even.v[e + 2] + odd.v[e + 2])) * factor;
    }
    if (there == ALL_KEYS)
        return;
    UNROLL
    for (u32 i = 0; i < 4; i++)
        scores[i] = there >> column_of(i) & 1 ? scores[i] : MINUS_INF;
}

/* Scores become weights, under a new maximum where one has grown: seldom, after the first rows. */
template <typename S> DEVICE tile_ab weigh_keys(matrix_state<S> *state, const f32 scores[4])
{
    const f32 largest = maximum(maximum(scores[0], scores[1]), maximum(scores[2], scores[3]));
    const f32 needed = largest - HEADROOM;
    if (for_any_lane(needed > state->max)) {
        const f32 max = maximum(state->max, group_max<C_ROW_LANES>(needed));
        const f32 by = exp2_of(state->max - max);
        state->max = max;
        state->total *= by;
        UNROLL
        for (u32 k = 0; k < S::n_tiles; k++)
            UNROLL
        for (u32 i = 0; i < C_ELEMENTS; i++)
            state->sums[k].v[i] *= by;
    }
    tile_c weights;
    UNROLL
    for (u32 i = 0; i < 4; i++) {
        const u32 e = upper_element(i);
        const f32 weight = exp2_of(scores[i] - state->max);
        state->total += weight;
        weights.v[e] = weight;
        weights.v[e + 2] = weight - (f32)(f16)weight;
    }
    return a_from_c(weights, nullptr);
}

template <typename S>
DEVICE void add_values(matrix_state<S> *state, const tile_ab &weights, const f16 *values)
{
    UNROLL
    for (u32 k = 0; k < S::n_tiles; k++)
        multiply_add(state->sums[k], weights, load_b_transposed(values + k * 16, S::stride));
}

/* A warp's positions. Its first keys and values are on their way, in a group of copies each, as are
 * those of every later step: of two groups, the older is waited for. */
template <typename S>
DEVICE void attend_tiles(const rf_gpu_attention_args *a, const decode_task *task,
                         const decode_start<S> *start, const matrix_shared *s,
                         matrix_state<S> *state)
{
    const u32 step = task->stride;
    const f32 factor = s->factors[lane() / 4];
    u32 there = start->rows.there;
    i32 pages = start->pages;
    state->max = NO_SCORE;
    state->total = 0.0F;
    UNROLL
    for (u32 k = 0; k < S::n_tiles; k++)
        state->sums[k] = zero_tile();
#pragma unroll 1
    for (u32 base = first_of<S>(task); base < task->end; base += step) {
        const bool more = base + step < task->end;
        f32 scores[4];
        copy_wait<1>();
        warp_barrier(); /* the keys are there */
        score_keys<S>(s, factor, there, scores);
        warp_barrier(); /* and have been used */
        const tile_rows next = find_rows(a, task, pages, base + step);
        pages = pages_of(a, task, base + 2 * step);
        if (more)
            copy_rows<S>(a, &next, a->kv.keys, s->keys);
        copy_commit();
        const tile_ab weights = weigh_keys<S>(state, scores);
        copy_wait<1>();
        warp_barrier(); /* the values are there */
        add_values<S>(state, weights, s->values);
        warp_barrier(); /* and have been used */
        if (more)
            copy_rows<S>(a, &next, a->kv.values, s->values);
        copy_commit();
        there = next.there;
    }
}

/* ---- merging --------------------------------------------------------------------------------- */

/* A warp's sums, in the place of its tiles, and ends. */
template <typename S> DEVICE void share_sums(const matrix_state<S> *state, const matrix_shared *s)
{
    const u32 head = lane() / 4;
    const f32 total = group_sum<C_ROW_LANES>(state->total);
    if (head >= S::n_heads)
        return;
    f32 *sums = s->sums + warp() * S::sums + head * S::stride;
    UNROLL
    for (u32 k = 0; k < S::n_tiles; k++) {
        UNROLL
        for (u32 i = 0; i < 4; i += 2) {
            const f32 *v = state->sums[k].v + upper_element(i);
            *(f32x2 *)(sums + k * 16 + column_of(i)) = (f32x2){v[0] + v[2], v[1] + v[3]};
        }
    }
    if (lane() % 4 == 0)
        s->ends[warp() * S::n_heads + head] = (f32x2){state->max, total};
}

/* Warps into one, four elements a thread: to the output, or, of several splits, to where the last
 * block finds it. A token that sees nothing gets zeros. */
template <typename S>
DEVICE void merge_sums(const rf_gpu_attention_args *a, const decode_task *task, u32 split,
                       const matrix_shared *s)
{
    constexpr u32 items = S::padded / 4; /* of a head */
    const u64 index = ((u64)task->head_index * a->n_splits + split) * S::n_heads;
    for (u32 i = thread(); i < S::n_heads * items; i += n_threads()) {
        const u32 head = i / items;
        const u32 element = i % items * 4;
        const f32 *from = s->sums + head * S::stride + element;
        f32 max = NO_SCORE;
#pragma unroll 4
        for (u32 w = 0; w < n_warps(); w++)
            max = maximum(max, s->ends[w * S::n_heads + head].x);
        f32 total = 0.0F;
        f32x4 sum = {0.0F, 0.0F, 0.0F, 0.0F};
#pragma unroll 4
        for (u32 w = 0; w < n_warps(); w++) {
            const f32x2 end = s->ends[w * S::n_heads + head];
            const f32 weight = exp2_of(end.x - max);
            total += weight * end.y;
            sum += *(const f32x4 *)(from + w * S::sums) * weight;
        }
        if (task->n_active > 1) {
            GLOBAL(f32x4, a->sums)[index * items + i] = sum;
            if (element == 0)
                GLOBAL(f32x2, a->ends)[index + head] = (f32x2){max, total};
        } else if (head < task->n_heads && element < a->kv.head_size) {
            *(f32x4 *)(output_of(a, task, head) + element) =
                sum * (total > 0.0F ? 1.0F / total : 0.0F);
        }
    }
}

/* Goes through the task's positions and writes what the block has found: see merge_sums. memory:
 * RF_GPU_DECODE_TILES of a block's shared memory. */
template <typename S>
DEVICE void attend(const rf_gpu_attention_args *a, const decode_task *task,
                   const decode_start<S> *start, u32 split, f32 *memory)
{
    const matrix_shared s = share_out<S>(memory);
    matrix_state<S> state;
    query_part<S> query;
    load_query<S>(a, task, warp(), &query);
    if (first_of<S>(task) < task->end) {
        copy_rows<S>(a, &start->rows, a->kv.keys, s.keys);
        copy_commit();
        copy_rows<S>(a, &start->rows, a->kv.values, s.values);
        copy_commit();
    }
    store_query<S>(a, warp(), &query, &s); /* there are 8 warps at most */
#pragma unroll 1
    for (u32 head = warp() + n_warps(); head < 8; head += n_warps()) {
        load_query<S>(a, task, head, &query);
        store_query<S>(a, head, &query, &s);
    }
    barrier();
    attend_tiles<S>(a, task, start, &s, &state);
    share_sums<S>(&state, &s);
    barrier();
    merge_sums<S>(a, task, split, &s);
}

#endif

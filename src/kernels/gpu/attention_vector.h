/*
 * attention_vector.h: a block's task of attention_decode.h by products of f32, for any type of the
 * cache and any GPU.
 *
 * What bounds it is reading keys and values, so loads come first: a row is spread over `width`
 * lanes of 16 bytes each, a lane has `n_rows` rows in flight, and the keys of the rows to come are
 * loaded before the values of those at hand are used. An element is read once for all heads.
 */
#ifndef RF_KERNELS_GPU_ATTENTION_VECTOR_H
#define RF_KERNELS_GPU_ATTENTION_VECTOR_H

#include "kernels/gpu/attention_merge.h"
#include "kernels/gpu/attention_task.h"
#include "kernels/gpu/kv_rows.h"
#include "kernels/gpu/math.h"
#include "kernels/gpu/pages.h"
#include "kernels/gpu/prelude.h"

/* ---- rows ------------------------------------------------------------------------------------ */

/* A lane's rows: the number of the first, and how many of the positions are the split's. */
struct decode_rows {
    u32 row;
    u32 n;
};

template <typename S>
DEVICE decode_rows find_rows(const rf_gpu_attention_args *a, const decode_task *task, i32 page,
                             u32 position)
{
    const u32 row = row_of(&a->kv, page, position, task->kv_head);
    const u32 left = position < task->end ? minimum(task->end - position, S::n_rows) : 0;
    return {row, row == NO_ROW ? 0 : left};
}

/* Row r of the lane's. Where it has none, some other row, not to be used: a condition here would be
 * waited for together with the load. */
template <typename S>
DEVICE void load_row(const rf_gpu_attention_args *a, const decode_rows *rows, u32 r, u64 from,
                     kv_part<S::type, S::n_elements> *part)
{
    const u32 row = rows->n ? rows->row + minimum(r, rows->n - 1) : 0;
    const u8 *p = GLOBAL(const u8, from) + (u64)row * a->kv.row_bytes;
    const u32 first = lane() % S::width * S::n_elements;
    load_part(part, p, first < a->kv.head_size ? first : 0, a->kv.head_size);
}

/* Of n rows that a lane has, whether row r is there for its elements. */
template <typename S> DEVICE bool is_there(const rf_gpu_attention_args *a, u32 r, u32 n)
{
    return r < n && lane() % S::width * S::n_elements < a->kv.head_size;
}

/* Scores of the keys; as these are used up, the values of the same rows are loaded. */
template <typename S>
DEVICE void score_rows(const rf_gpu_attention_args *a, const f32 q[S::n_heads][S::n_elements],
                       const decode_rows *rows, const kv_part<S::type, S::n_elements> *keys,
                       kv_part<S::type, S::n_elements> *values, f32 *scores)
{
    UNROLL
    for (u32 r = 0; r < S::n_rows; r++) {
        f32 k[S::n_elements];
        widen_part(keys[r], is_there<S>(a, r, rows->n), k);
        load_row<S>(a, rows, r, a->kv.values, &values[r]);
        UNROLL
        for (u32 h = 0; h < S::n_heads; h++) {
            f32 sum = r < rows->n ? 0.0F : MINUS_INF;
            UNROLL
            for (u32 e = 0; e < S::n_elements; e++)
                sum = fused(q[h][e], k[e], sum);
            scores[r * S::n_heads + h] = sum;
        }
    }
    spread_sums<S::n_scores, S::width>(scores);
}

/* Scores become weights under the new maximum. Maxima seldom grow after the first rows: the whole
 * warp agrees on whether any has. */
template <typename S> DEVICE void weigh_rows(decode_state<S> *state, f32 *scores)
{
    f32 max[S::per_lane];
    f32 growth = 0.0F;
    UNROLL
    for (u32 j = 0; j < S::per_lane; j++) {
        max[j] = maximum(state->max[j], head_max<S>(scores[j]));
        growth = maximum(growth, max[j] - state->max[j]);
    }
    if (group_max<S::head_lanes>(growth) > 0.0F) {
        f32 scale[S::per_lane];
        UNROLL
        for (u32 j = 0; j < S::per_lane; j++) {
            scale[j] = exp2_of(state->max[j] - max[j]);
            state->total[j] *= scale[j];
            state->max[j] = max[j];
        }
        UNROLL
        for (u32 h = 0; h < S::n_heads; h++) {
            const f32 by = shuffle(scale[h % S::per_lane], score_lane<S>(h));
            UNROLL
            for (u32 e = 0; e < S::n_elements; e++)
                state->sums[h][e] *= by;
        }
    }
    UNROLL
    for (u32 j = 0; j < S::per_lane; j++) {
        scores[j] = exp2_of(scores[j] - max[j]);
        state->total[j] += scores[j];
    }
}

/* n: rows that the lane has */
template <typename S>
DEVICE void add_values(const rf_gpu_attention_args *a, decode_state<S> *state, const f32 *weights,
                       const kv_part<S::type, S::n_elements> *values, u32 n)
{
    UNROLL
    for (u32 r = 0; r < S::n_rows; r++) {
        f32 v[S::n_elements];
        widen_part(values[r], is_there<S>(a, r, n), v);
        UNROLL
        for (u32 h = 0; h < S::n_heads; h++) {
            const u32 i = r * S::n_heads + h;
            const f32 w = shuffle_in<S::width>(weights[i % S::per_lane], score_lane<S>(i));
            UNROLL
            for (u32 e = 0; e < S::n_elements; e++)
                state->sums[h][e] = fused(w, v[e], state->sums[h][e]);
        }
    }
}

template <typename S>
DEVICE void load_queries(const rf_gpu_attention_args *a, const decode_task *task,
                         f32 q[S::n_heads][S::n_elements])
{
    const u32 first = lane() % S::width * S::n_elements;
    const u64 index = (u64)task->token * a->n_heads + task->first_head;
    const f32 *from = GLOBAL(const f32, a->q) + index * a->kv.head_size;
    if (a->kv.head_size ==
        S::padded) { /* aligned to 16 bytes; heads that are not there see the last one's */
        UNROLL
        for (u32 h = 0; h < S::n_heads; h++) {
            const u32 head = minimum(h, task->n_heads - 1);
            UNROLL
            for (u32 e = 0; e < S::n_elements; e += 4) {
                const f32x4 v = *(const f32x4 *)(from + head * S::padded + first + e) * a->scale;
                q[h][e] = v.x;
                q[h][e + 1] = v.y;
                q[h][e + 2] = v.z;
                q[h][e + 3] = v.w;
            }
        }
        return;
    }
    UNROLL
    for (u32 h = 0; h < S::n_heads; h++) {
        UNROLL
        for (u32 e = 0; e < S::n_elements; e++) {
            const bool there = h < task->n_heads && first + e < a->kv.head_size;
            q[h][e] = there ? from[h * a->kv.head_size + first + e] * a->scale : 0.0F;
        }
    }
}

/* What a warp finds in its positions of the split. Of its lanes, those of a row's width have a
 * row's elements, the others other rows. */
template <typename S>
DEVICE void attend_split(const rf_gpu_attention_args *a, const decode_task *task,
                         decode_state<S> *state)
{
    f32 q[S::n_heads][S::n_elements];
    kv_part<S::type, S::n_elements> keys[S::n_rows], values[S::n_rows];
    const u32 step = task->stride;
    const u32 begin = first_of<S>(task);
    u32 position = begin + lane() / S::width * S::n_rows; /* of the lane's first row */
    decode_rows rows = find_rows<S>(a, task, page_of(&a->kv, task->sequence, position), position);
    UNROLL
    for (u32 r = 0; r < S::n_rows; r++)
        load_row<S>(a, &rows, r, a->kv.keys, &keys[r]);
    i32 page = page_of(&a->kv, task->sequence, position + step);
    i32 ahead = page_of(&a->kv, task->sequence, ahead_of<S>(begin + 2 * step));
    load_queries<S>(a, task, q);
    UNROLL
    for (u32 j = 0; j < S::per_lane; j++) {
        state->max[j] = NO_SCORE;
        state->total[j] = 0.0F;
    }
    UNROLL
    for (u32 h = 0; h < S::n_heads; h++)
        UNROLL
    for (u32 e = 0; e < S::n_elements; e++)
        state->sums[h][e] = 0.0F;
#pragma unroll 1
    for (u32 base = begin; base < task->end; base += step) {
        f32 scores[S::n_scores];
        prefetch_rows<S>(a, task, ahead, base + 2 * step);
        ahead = page_of(&a->kv, task->sequence, ahead_of<S>(base + 3 * step));
        score_rows<S>(a, q, &rows, keys, values, scores);
        const u32 n_rows = rows.n;
        position += step;
        rows = find_rows<S>(a, task, page, position);
        UNROLL
        for (u32 r = 0; r < S::n_rows; r++)
            load_row<S>(a, &rows, r, a->kv.keys, &keys[r]);
        page = page_of(&a->kv, task->sequence, position + step);
        weigh_rows<S>(state, scores);
        add_values<S>(a, state, scores, values, n_rows);
    }
}

/* ---- a block's task -------------------------------------------------------------------------- */

/* What is found out before other kernels' results may be read: nothing here. */
template <typename S> struct decode_start {
};
template <typename S>
DEVICE void find_start(const rf_gpu_attention_args *a, const decode_task *task,
                       decode_start<S> *start)
{
    (void)a, (void)task, (void)start;
}

/* Goes through the task's positions and writes what the block has found: see merge_warps. memory:
 * RF_GPU_DECODE_STATES of a block's shared memory. */
template <typename S>
DEVICE void attend(const rf_gpu_attention_args *a, const decode_task *task,
                   const decode_start<S> *start, u32 split, f32 *memory)
{
    const u32 n_ends = n_warps() * S::n_heads;
    f32 *sums = memory;
    f32 *ends = sums + n_ends * S::padded;
    f32 *weights = ends + n_ends * 2;
    f32 *all = weights + n_ends;
    decode_state<S> state;
    (void)start;
    attend_split<S>(a, task, &state);
    merge_lanes<S>(&state);
    share_state<S>(&state, sums, ends);
    barrier();
    weigh_warps<S>(ends, weights, all);
    barrier();
    merge_warps<S>(a, task, split, sums, weights, all);
}

#endif

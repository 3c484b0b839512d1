/*
 * attention_merge.h: what warps of attention_vector.h, and splits of it and of attention_matrix.h,
 * have found, and how it becomes one: sums of values under a maximum of scores, merged under the
 * larger.
 */
#ifndef RF_KERNELS_GPU_ATTENTION_MERGE_H
#define RF_KERNELS_GPU_ATTENTION_MERGE_H

#include "kernels/gpu/args_attention.h"
#include "kernels/gpu/attention_task.h"
#include "kernels/gpu/math.h"
#include "kernels/gpu/prelude.h"

/* How a kernel spreads its work. All are powers of two. */
template <u32 type_, u32 width_, u32 n_elements_, u32 n_heads_, u32 n_rows_> struct decode_shape {
    static constexpr u32 type = type_;
    static constexpr u32 width = width_;           /* lanes of a row */
    static constexpr u32 n_elements = n_elements_; /* of a row, in a lane */
    static constexpr u32 n_heads = n_heads_;       /* queries */
    static constexpr u32 n_rows = n_rows_;         /* consecutive rows in a lane */
    static constexpr u32 padded = width * n_elements;
    static constexpr u32 warp_rows = n_rows * (WARP / width);
    /* Scores: number row * n_heads + head of a lane's rows; after their sums over the lanes of a
     * row, lane l of these has `per_lane` from number l * per_lane on, or number l / copies. */
    static constexpr u32 n_scores = n_rows * n_heads;
    static constexpr u32 per_lane = n_scores > width ? n_scores / width : 1;
    static constexpr u32 copies = n_scores > width ? 1 : width / n_scores;
    static constexpr u32 head_lanes = copies * n_heads / per_lane; /* lanes of a row's scores */
};

/* What a warp, or a block, has found. */
template <typename S> struct decode_state {
    f32 sums[S::n_heads][S::n_elements];
    f32 max[S::per_lane]; /* of the heads whose scores the lane has */
    f32 total[S::per_lane];
};

/* ---- scores ---------------------------------------------------------------------------------- */

/* Sums n values over `width` lanes; see decode_shape for who gets which. Every step halves the
 * values of a lane, or, when only one is left, doubles the lanes that have it. */
template <u32 n, u32 width> DEVICE void spread_sums(f32 *v)
{
    if constexpr (width > 1) {
        constexpr u32 half = width / 2;
        if constexpr (n > 1) {
            const bool upper = (lane() & half) != 0;
            UNROLL
            for (u32 i = 0; i < n / 2; i++) {
                const f32 low = v[i];
                const f32 high = v[i + n / 2];
                v[i] = (upper ? high : low) + shuffle_xor(upper ? low : high, half);
            }
            spread_sums<n / 2, half>(v);
        } else {
            v[0] += shuffle_xor(v[0], half);
            spread_sums<1, half>(v);
        }
    }
}

/* Over the lanes that have scores of the same head. */
template <typename S> DEVICE f32 head_max(f32 value)
{
    UNROLL
    for (u32 mask = S::head_lanes; mask < WARP; mask *= 2)
        value = maximum(value, shuffle_xor(value, mask));
    return value;
}
template <typename S> DEVICE f32 head_sum(f32 value)
{
    UNROLL
    for (u32 mask = S::head_lanes; mask < WARP; mask *= 2)
        value += shuffle_xor(value, mask);
    return value;
}

/* The lane, of those of a row, that has score number i, and which of its scores that is. */
template <typename S> DEVICE u32 score_lane(u32 i)
{
    return i / S::per_lane * S::copies;
}

/* ---- merging --------------------------------------------------------------------------------- */

/* Sums over the lanes that have the same elements, or heads, of other rows. */
template <typename S> DEVICE void merge_lanes(decode_state<S> *state)
{
    UNROLL
    for (u32 j = 0; j < S::per_lane; j++)
        state->total[j] = head_sum<S>(state->total[j]);
    UNROLL
    for (u32 h = 0; h < S::n_heads; h++) {
        UNROLL
        for (u32 e = 0; e < S::n_elements; e++) {
            UNROLL
            for (u32 mask = S::width; mask < WARP; mask *= 2)
                state->sums[h][e] += shuffle_xor(state->sums[h][e], mask);
        }
    }
}

/* Shared memory: sums [warps][heads][padded] and ends [warps][heads][2]. */
template <typename S> DEVICE void share_state(const decode_state<S> *state, f32 *sums, f32 *ends)
{
    const u32 l = lane();
    if (l < S::width) {
        UNROLL
        for (u32 h = 0; h < S::n_heads; h++)
            UNROLL
        for (u32 e = 0; e < S::n_elements; e++)
            sums[(warp() * S::n_heads + h) * S::padded + l * S::n_elements + e] = state->sums[h][e];
    }
    if (l < S::head_lanes && l % S::copies == 0) {
        UNROLL
        for (u32 j = 0; j < S::per_lane; j++) {
            const u32 head = l / S::copies * S::per_lane + j;
            ends[(warp() * S::n_heads + head) * 2] = state->max[j];
            ends[(warp() * S::n_heads + head) * 2 + 1] = state->total[j];
        }
    }
}

/* Of n parts of a head, `apart` f32 from each other in ends: their maximum and, weighted, their
 * total. */
DEVICE void merge_ends(const f32 *ends, u32 n, u32 apart, f32 *max, f32 *total)
{
    f32 m = NO_SCORE;
    for (u32 i = 0; i < n; i++)
        m = maximum(m, ends[i * apart]);
    f32 sum = 0.0F;
    for (u32 i = 0; i < n; i++)
        sum += exp2_of(ends[i * apart] - m) * ends[i * apart + 1];
    *max = m;
    *total = sum;
}

DEVICE f32 *output_of(const rf_gpu_attention_args *a, const decode_task *task, u32 head)
{
    const u64 index = (u64)task->token * a->n_heads + task->first_head + head;
    return GLOBAL(f32, a->out) + index * a->kv.head_size;
}

/* What warps count for, [warps][heads], to be multiplied with their sums; those of the block
 * together go to all, [heads][2]. */
template <typename S> DEVICE void weigh_warps(const f32 *ends, f32 *weights, f32 *all)
{
    for (u32 i = thread(); i < n_warps() * S::n_heads; i += n_threads()) {
        const u32 head = i % S::n_heads;
        f32 max, total;
        merge_ends(ends + head * 2, n_warps(), S::n_heads * 2, &max, &total);
        weights[i] = exp2_of(ends[i * 2] - max);
        if (i < S::n_heads) {
            all[i * 2] = max;
            all[i * 2 + 1] = total;
        }
    }
}

/* Warps into one: to the output, or, of several splits, to where the last block finds it. A token
 * that sees nothing gets zeros. */
template <typename S>
DEVICE void merge_warps(const rf_gpu_attention_args *a, const decode_task *task, u32 split,
                        const f32 *sums, const f32 *weights, const f32 *all)
{
    const u64 index = ((u64)task->head_index * a->n_splits + split) * S::n_heads;
    for (u32 i = thread(); i < S::n_heads * S::padded; i += n_threads()) {
        const u32 head = i / S::padded;
        const u32 element = i % S::padded;
        f32 sum = 0.0F;
#pragma unroll 4
        for (u32 w = 0; w < n_warps(); w++)
            sum += weights[w * S::n_heads + head] * sums[w * S::n_heads * S::padded + i];
        const f32 total = all[head * 2 + 1];
        if (task->n_active > 1)
            GLOBAL(f32, a->sums)[index * S::padded + i] = sum;
        else if (head < task->n_heads && element < a->kv.head_size)
            output_of(a, task, head)[element] = total > 0.0F ? sum / total : 0.0F;
    }
    if (task->n_active > 1) {
        for (u32 i = thread(); i < S::n_heads * 2; i += n_threads())
            GLOBAL(f32, a->ends)[index * 2 + i] = all[i];
    }
}

/* What splits count for: [n_active][n_heads] in shared memory, to be multiplied with their sums. */
template <typename S>
DEVICE void weigh_splits(const rf_gpu_attention_args *a, const decode_task *task, f32 *weights)
{
    const u64 index = (u64)task->head_index * a->n_splits * S::n_heads;
    const f32x2 *ends = GLOBAL(const f32x2, a->ends) + index;
    for (u32 head = warp(); head < S::n_heads; head += n_warps()) {
        constexpr u32 per_lane = (RF_GPU_ATTENTION_SPLITS + WARP - 1) / WARP;
        f32x2 mine[per_lane];
        f32 max = NO_SCORE;
        UNROLL
        for (u32 j = 0; j < per_lane; j++) {
            const u32 split = lane() + j * WARP;
            const f32x2 none = {NO_SCORE, 0.0F};
            mine[j] = split < task->n_active ? ends[split * S::n_heads + head] : none;
            max = maximum(max, mine[j].x);
        }
        max = warp_max(max);
        f32 total = 0.0F;
        UNROLL
        for (u32 j = 0; j < per_lane; j++)
            total += exp2_of(mine[j].x - max) * mine[j].y;
        total = warp_sum(total);
        const f32 by = total > 0.0F ? 1.0F / total : 0.0F;
        UNROLL
        for (u32 j = 0; j < per_lane; j++) {
            const u32 split = lane() + j * WARP;
            if (split < task->n_active)
                weights[split * S::n_heads + head] = exp2_of(mine[j].x - max) * by;
        }
    }
}

/* Splits whose sums a thread has on their way at a time: with half the threads of a block for a
 * split, those of a lone token of eight heads on most devices. */
#define SPLITS_AHEAD 16U

/* Four elements' sums of every n_parts-th split from `first` on; zeros of splits that are not
 * there.
 */
template <typename S>
DEVICE void load_splits(const decode_task *task, const f32x4 *sums, u32 item, u32 first,
                        u32 n_parts, f32x4 parts[SPLITS_AHEAD])
{
    constexpr u32 n_items = S::n_heads * S::padded / 4;
    const f32x4 zeros = {0.0F, 0.0F, 0.0F, 0.0F};
    UNROLL
    for (u32 j = 0; j < SPLITS_AHEAD; j++) {
        const u32 split = first + j * n_parts;
        parts[j] = split < task->n_active ? sums[split * n_items + item] : zeros;
    }
}

template <typename S>
DEVICE f32x4 weigh_parts(const decode_task *task, const f32 *weights, u32 item, u32 first,
                         u32 n_parts, const f32x4 parts[SPLITS_AHEAD])
{
    const u32 head = item / (S::padded / 4);
    f32x4 sum = {0.0F, 0.0F, 0.0F, 0.0F};
    UNROLL
    for (u32 j = 0; j < SPLITS_AHEAD; j++) {
        const u32 split = first + j * n_parts;
        sum += parts[j] * (split < task->n_active ? weights[split * S::n_heads + head] : 0.0F);
    }
    return sum;
}

/* Splits into one, four elements a thread; where there are more threads than that, several have
 * some of the splits each. The first sums are on their way while it is found out what splits count
 * for. room: a f32x4 for every thread, and behind it those weights. */
template <typename S>
DEVICE void merge_splits(const rf_gpu_attention_args *a, const decode_task *task, f32x4 *room)
{
    constexpr u32 n_items = S::n_heads * S::padded / 4;
    const u32 n_parts = n_threads() > n_items ? n_threads() / n_items : 1;
    const u64 index = (u64)task->head_index * a->n_splits * n_items;
    const f32x4 *sums = GLOBAL(const f32x4, a->sums) + index;
    f32 *weights = (f32 *)(room + n_threads());
    const u32 part = thread() / n_items;
    u32 item = thread() % n_items;
    f32x4 parts[SPLITS_AHEAD];
    bool mine = part < n_parts; /* others have no item, or none yet */
    if (mine)
        load_splits<S>(task, sums, item, part, n_parts, parts);
    weigh_splits<S>(a, task, weights);
    barrier();
#pragma unroll 1
    for (u32 first = 0; first < n_items; first += n_threads()) {
        f32x4 sum = {0.0F, 0.0F, 0.0F, 0.0F};
        if (mine)
            sum = weigh_parts<S>(task, weights, item, part, n_parts, parts);
#pragma unroll 1
        for (u32 split = part + SPLITS_AHEAD * n_parts; mine && split < task->n_active;
             split += SPLITS_AHEAD * n_parts) {
            load_splits<S>(task, sums, item, split, n_parts, parts);
            sum += weigh_parts<S>(task, weights, item, split, n_parts, parts);
        }
        room[thread()] = sum;
        barrier();
        if (first + thread() < n_items) {
#pragma unroll 1
            for (u32 other = 1; other < n_parts; other++)
                sum += room[other * n_items + thread()];
            const u32 head = item / (S::padded / 4);
            const u32 element = item % (S::padded / 4) * 4;
            UNROLL
            for (u32 i = 0; i < 4; i++) {
                if (head < task->n_heads && element + i < a->kv.head_size)
                    output_of(a, task, head)[element + i] = sum[i];
            }
        }
        barrier();
        item = first + n_threads() + thread();
        mine = item < n_items;
        if (mine)
            load_splits<S>(task, sums, item, part, n_parts, parts);
    }
}

#endif

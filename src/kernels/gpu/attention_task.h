/*
 * attention_task.h: which positions a block of attention_decode.h goes through, and how they are
 * brought closer before it may read them. S: a shape, of which is used
 *
 *   n_heads    queries of a slice
 *   warp_rows  positions that a warp goes through in a step
 */
#ifndef RF_KERNELS_GPU_ATTENTION_TASK_H
#define RF_KERNELS_GPU_ATTENTION_TASK_H

#include "kernels/gpu/args_attention.h"
#include "kernels/gpu/pages.h"
#include "kernels/gpu/prelude.h"

/* The token, head and positions that a block has. */
struct decode_task {
    u32 token;
    u32 sequence;
    u32 kv_head;
    u32 first_head; /* of the queries */
    u32 n_heads;    /* of them that there are */
    u32 begin, end; /* positions: a step of the block every `stride` of them */
    u32 stride;
    u32 n_active;   /* splits with any positions */
    u32 head_index; /* [n_tokens][n_kv_heads * n_slices] */
};

/* False where there is nothing for the split to do. Splits take the steps of a block in turn, so
 * that all of them together go through the context from its front. */
template <typename S>
DEVICE bool find_task(const rf_gpu_attention_args *a, u32 token, u32 split, decode_task *task)
{
    const i32 position = GLOBAL(const i32, a->kv.positions)[token];
    const u32 visible = position < 0 ? 0 : (u32)position + 1;
    const u32 step = n_warps() * S::warp_rows;
    const u32 n_steps = (visible + step - 1) / step;
    const u32 n_active = n_steps <= a->unsplit_steps ? 1U : minimum(n_steps, a->n_splits);
    if (split >= n_active)
        return false;
    const u32 slice = block_y() % a->n_slices;
    const u32 kv_head = block_y() / a->n_slices;
    const u32 first = slice * S::n_heads; /* in the group */
    *task = {
        .token = token,
        .sequence = (u32)GLOBAL(const i32, a->kv.rows)[token],
        .kv_head = kv_head,
        .first_head = kv_head * a->group + first,
        .n_heads = minimum(a->group - first, S::n_heads),
        .begin = split * step,
        .end = visible,
        .stride = n_active * step,
        .n_active = n_active,
        .head_index = token * a->kv.n_kv_heads * a->n_slices + block_y(),
    };
    return true;
}

/* A warp's first position. */
template <typename S> DEVICE u32 first_of(const decode_task *task)
{
    return task->begin + warp() * S::warp_rows;
}

/* Has keys and values of positions base to base + warp_rows - 1 brought closer, long before they
 * are loaded; what is not there yet does no harm. A lane has one position. page: that of it */
template <typename S> DEVICE u32 ahead_of(u32 base)
{
    return base + lane() % S::warp_rows;
}
template <typename S>
DEVICE void prefetch_rows(const rf_gpu_attention_args *a, const decode_task *task, i32 page,
                          u32 base)
{
    constexpr u32 LINE = 128;
    const u32 position = ahead_of<S>(base);
    const u32 row = row_of(&a->kv, page, position, task->kv_head);
    const u32 lines = (a->kv.row_bytes + LINE - 1) / LINE;
    if (position >= task->end || row == NO_ROW)
        return;
#pragma unroll 1
    for (u32 i = lane() / S::warp_rows; i < 2 * lines; i += WARP / S::warp_rows) {
        const u64 from = i < lines ? a->kv.keys : a->kv.values;
        const u32 line = i < lines ? i : i - lines;
        prefetch(GLOBAL(const u8, from) + (u64)row * a->kv.row_bytes + line * LINE);
    }
}

/* Those of a warp's first steps in a split. */
template <typename S>
DEVICE void prefetch_split(const rf_gpu_attention_args *a, const decode_task *task)
{
    const u32 begin = first_of<S>(task);
    UNROLL
    for (u32 i = 0; i < 2; i++) {
        const u32 base = begin + i * task->stride;
        prefetch_rows<S>(a, task, page_of(&a->kv, task->sequence, ahead_of<S>(base)), base);
    }
}

#endif

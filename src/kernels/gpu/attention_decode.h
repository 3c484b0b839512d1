/*
 * attention_decode.h: attention of single tokens, for attention_decode.hip.
 *
 * A block has one token, one key head with up to 8 of the query heads that share it, and one split
 * of the context: a share of its positions. Every warp goes through some of the split's positions
 * by itself, with an online softmax (Milakov and Gimelshein 2018) in base 2; warps are merged at
 * the end of a block, and splits by the last block of a head to end (Dao et al. 2023,
 * "Flash-Decoding").
 *
 * How a block does its task is in attention_vector.h or attention_matrix.h, of which one has been
 * included: attend().
 */
#ifndef RF_KERNELS_GPU_ATTENTION_DECODE_H
#define RF_KERNELS_GPU_ATTENTION_DECODE_H

#include "kernels/gpu/attention_merge.h"
#include "kernels/gpu/attention_task.h"
#include "kernels/gpu/prelude.h"
#include "kernels/gpu/runs.h"

/* Whether this block is the last of its head, so that what all splits found is seen. The counter is
 * then zero again. room: of the block's shared memory, for nothing else. */
DEVICE bool is_last_split(const rf_gpu_attention_args *a, const decode_task *task, u32 *room)
{
    barrier(); /* what this block found is written */
    if (thread() == 0) {
        u32 *counter = GLOBAL(u32, a->counters) + task->head_index;
        *room = count_up(counter) + 1 == task->n_active;
        if (*room)
            *counter = 0;
    }
    barrier();
    return *room != 0;
}

/* flag: of the block's shared memory, for nothing else by now. */
template <typename S>
DEVICE void attend_token(const rf_gpu_attention_args *a, const decode_task *task,
                         const decode_start<S> *start, u32 *flag, f32 *memory)
{
    attend<S>(a, task, start, block_z(), memory);
    if (task->n_active == 1 || !is_last_split(a, task, flag))
        return;
    merge_splits<S>(a, task, (f32x4 *)memory);
}

/* A block that has one token. Positions and block tables are not written by kernels, so that where
 * keys and values are is found out before these may be read. This is apart from blocks of several:
 * what a loop over tokens keeps in registers would be too much beside what attend() needs. */
template <typename S> DEVICE void attend_one(const rf_gpu_attention_args *a, u32 *flag, f32 *memory)
{
    const u32 token = block_x();
    decode_task task;
    decode_start<S> start;
    if (in_long_run(a, token)) { /* kernels behind this one wait for this one alone */
        wait_for_previous();
        return;
    }
    if (!find_task<S>(a, token, block_z(), &task))
        return; /* other blocks of the token wait */
    find_start<S>(a, &task, &start);
    prefetch_split<S>(a, &task);
    wait_for_previous();
    attend_token<S>(a, &task, &start, flag, memory);
}

/* A block that has several, and no splits. Which of them are for this kernel is found out for all
 * of them at once. */
template <typename S>
DEVICE void attend_several(const rf_gpu_attention_args *a, u32 *is_mine, f32 *memory)
{
    const u32 n_blocks = n_blocks_x();
    wait_for_previous();
    for (u32 i = thread(); i < a->tokens_per_block; i += n_threads()) {
        const u32 token = block_x() + i * n_blocks;
        is_mine[i] = token < a->kv.n_tokens && !in_long_run(a, token);
    }
    barrier();
#pragma unroll 1
    for (u32 i = 0; i < a->tokens_per_block; i++) {
        decode_task task;
        decode_start<S> start;
        if (is_mine[i] && find_task<S>(a, block_x() + i * n_blocks, 0, &task)) {
            find_start<S>(a, &task, &start);
            attend<S>(a, &task, &start, 0, memory);
            barrier(); /* the memory is free again */
        }
    }
}

/* Blocks: [n_tokens / tokens_per_block, rounded up][n_kv_heads * n_slices][n_splits]. The tokens of
 * a block are as far from each other as there are blocks: neighbours, which often are alike, go to
 * different ones. */
template <typename S> DEVICE void attend_tokens(const rf_gpu_attention_args *a)
{
    u32 *flags = SHARED(u32);
    f32 *memory = (f32 *)(flags + RF_GPU_DECODE_FLAGS(a->tokens_per_block));
    release_next();
    if (a->tokens_per_block == 1)
        attend_one<S>(a, flags, memory);
    else
        attend_several<S>(a, flags, memory);
}

#endif

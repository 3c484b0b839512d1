/*
 * args_attention.h: what attention_decode.hip and attention_prefill.hip are given.
 *
 * Tokens of a batch are told apart on the device: aligned tiles of run_tile tokens are cut into
 * runs, whose tokens are of one sequence and at consecutive positions. Runs of RF_GPU_ATTENTION_RUN
 * tokens and more are the prefill kernel's, all other tokens the decode kernel's.
 */
#ifndef RF_KERNELS_GPU_ARGS_ATTENTION_H
#define RF_KERNELS_GPU_ARGS_ATTENTION_H

#include "kernels/gpu/args_kv.h"

#define RF_GPU_ATTENTION_RUN 8U

/* Of one token's context at most. */
#define RF_GPU_ATTENTION_SPLITS 64U

/* Decode: threads of a block, by the query heads of a slice and the elements of a head at most: as
 * many as registers allow, and as 64 KiB of shared memory hold the sums of. */
#define RF_GPU_DECODE_THREADS(n_heads, padded)                                                     \
    ((n_heads) == 4 ? 192U : (n_heads) * (padded) > 1024 ? 128U : 256U)

/* Decode, shared memory: flags of the block's tokens, in front of what a token needs: sums of each
 * warp with their ends and weights, and later the parts of splits and their weights. */
#define RF_GPU_DECODE_FLAGS(tokens) (((tokens) + 3U) / 4U * 4U)
#define RF_GPU_DECODE_STATES(n_warps, n_heads, padded)                                             \
    (((n_warps) * ((padded) + 3U) + 2U) * (n_heads)*4U)
#define RF_GPU_DECODE_MERGING(threads, n_heads)                                                    \
    ((threads)*16U + RF_GPU_ATTENTION_SPLITS * (n_heads)*4U)

/* The same by matrix units: warps of a block at most, elements from one row of shared memory to the
 * next (of 16 bytes an odd number, so that rows start in different banks), and shared memory:
 * queries with their factors, and for each warp a tile of keys and one of values, and ends. */
#define RF_GPU_DECODE_MATRIX_WARPS(padded) ((padded) <= 128 ? 8U : 4U)
#define RF_GPU_DECODE_STRIDE(padded)       ((padded) + 8U)
#define RF_GPU_DECODE_TILES(n_warps, n_heads, padded)                                              \
    ((1U + 2U * (n_warps)) * RF_GPU_DECODE_STRIDE(padded) * 32U + (n_warps) * (n_heads)*8U + 32U)

/* Prefill: keys a step, elements from one row of shared memory to the next (of 16 bytes an odd
 * number, so that rows start in different banks), whether queries stay in shared memory, and blocks
 * that should be resident. */
#define RF_GPU_PREFILL_WARPS          4U
#define RF_GPU_PREFILL_TOKENS         (16U * RF_GPU_PREFILL_WARPS)
#define RF_GPU_PREFILL_KEYS(head)     ((head) <= 128 ? 64 : 32)
#define RF_GPU_PREFILL_STRIDE(head)   ((head) + 8)
#define RF_GPU_PREFILL_KEEP(head)     ((head) > 64 && (head) <= 128)
#define RF_GPU_PREFILL_RESIDENT(head) ((head) <= 128 ? 3 : 2)
#define RF_GPU_PREFILL_SHARED(head)                                                                \
    ((2U * RF_GPU_PREFILL_KEYS(head) + RF_GPU_PREFILL_KEEP(head) * RF_GPU_PREFILL_TOKENS) *        \
         RF_GPU_PREFILL_STRIDE(head) * 2U +                                                        \
     RF_GPU_PREFILL_WARPS * 512U + RF_GPU_PREFILL_KEYS(head) * 8U + RF_GPU_PREFILL_WARPS * 64U +   \
     16U)

/* The query heads that share a key head, in slices of at most slice_heads heads. */
struct rf_gpu_attention_args {
    struct rf_gpu_kv kv;
    uint64_t q;   /* f32 [n_tokens][n_heads][head_size] */
    uint64_t out; /* f32 [n_tokens][n_heads][head_size] */
    /* Decode: what each split found, for n_splits above 1:
     * [n_tokens][n_kv_heads * n_slices][n_splits][slice_heads] of */
    uint64_t sums;     /* f32 [padded head size], weighted values, and */
    uint64_t ends;     /* f32 [2], the maximum and the sum of weights */
    uint64_t counters; /* u32 [n_tokens][n_kv_heads * n_slices], zero before and after */
    uint32_t n_heads;
    uint32_t group;    /* n_heads / n_kv_heads */
    uint32_t n_slices; /* of a group */
    uint32_t n_splits; /* 1 where a block has several tokens */
    uint32_t tokens_per_block;
    uint32_t run_tile;      /* 0: all tokens are the decode kernel's */
    float scale;            /* of q · k, times log2(e): softmax is in base 2 */
    uint32_t unsplit_steps; /* up to which a context is not split */
};

#endif

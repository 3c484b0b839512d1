/*
 * args_top.h: what top.hip is given.
 *
 * A block takes a chunk of a row of logits; the last block of a row to end merges what they found.
 * Both go by keys of 64 bits, which are in the order of the operation: see top.hip.
 */
#ifndef RF_KERNELS_GPU_ARGS_TOP_H
#define RF_KERNELS_GPU_ARGS_TOP_H

#include <stdint.h>

#define RF_GPU_TOP_THREADS 512U
#define RF_GPU_TOP_EACH    8U /* elements of a thread, in registers */
#define RF_GPU_TOP_CHUNK   (RF_GPU_TOP_THREADS * RF_GPU_TOP_EACH)
#define RF_GPU_TOP_MOST    128U /* RF_TOP_MAX */

/* Blocks: [chunks][n_rows]. */
struct rf_gpu_top_args {
    uint64_t logits;   /* f32 [n_rows][n] */
    uint64_t indices;  /* i32 [n_rows][k] */
    uint64_t values;   /* f32 [n_rows][k] */
    uint64_t keys;     /* u64 [n_rows][chunks][k]; not for a single chunk */
    uint64_t counters; /* u32 [n_rows], zero before and after; the same */
    uint32_t n;
    uint32_t k;
    uint32_t chunks;
    uint32_t unused;
};

/* Shared memory: keys that were selected, twice, and counts of every warp, twice. */
#define RF_GPU_TOP_SHARED (2U * RF_GPU_TOP_MOST * 8U + 2U * (RF_GPU_TOP_THREADS / 32U) * 8U + 16U)

#endif

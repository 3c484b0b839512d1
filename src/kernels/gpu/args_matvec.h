/*
 * args_matvec.h: what products of few rows are given (matvec.hip), and how a block shares them out.
 *
 * The weights of all parts are one list of pairs of rows: neighbours, or row r of both parts under
 * SwiGLU. A block has a run of this list, and as many blocks as are resident at a time have all of
 * it. A block's pairs go around among its warps. A warp goes along a pair in steps: each lane one
 * piece of elements at a time. `split` warps share a pair: warp w takes steps w, w + split and so
 * on.
 *
 * Shared memory of a block: the sums of its pairs; the rows of activations, of one tile of steps;
 * and for each warp a ring of slots, one a step, that weights are copied to ahead of use.
 */
#ifndef RF_KERNELS_GPU_ARGS_MATVEC_H
#define RF_KERNELS_GPU_ARGS_MATVEC_H

#include <stdint.h>

#include "kernels/gpu/args_ahead.h"

/* Threads of a block, of which two are resident at a time: blocks of 256 elements with 4 bits or
 * more want 80 registers a thread. */
#define RF_GPU_MATVEC_THREADS(block_elements, block_bytes)                                         \
    ((block_elements) == 256U && (block_bytes) > 110U ? 384U : 512U)
#define RF_GPU_MATVEC_PARTS 3

typedef enum rf_gpu_matvec_end {
    RF_GPU_MATVEC_STORE,
    RF_GPU_MATVEC_ADD,
    RF_GPU_MATVEC_SWIGLU,
} rf_gpu_matvec_end;

struct rf_gpu_matvec_part {
    uint64_t weights;
    uint64_t row_bytes;
    uint64_t bias; /* f32 [m], or 0 */
    uint64_t out;  /* f32 [n_rows][m] */
    uint32_t m;
    uint32_t first_pair; /* in the list; of unused parts beyond all */
};

/* Blocks: x for runs of pairs; with experts y for the output rows, from first_row on. */
struct rf_gpu_matvec_args {
    uint64_t x;    /* f32 [][k], rounded to q8 by every block for itself; or, for float weights, as
                      it is, [][stride] */
    uint64_t rows; /* i32 [n_rows], or 0: row r of x is row r */
    uint64_t norm; /* f32 [k], or 0 */
    uint64_t ids;  /* i32 [n_rows] with experts, else 0 */
    uint64_t expert_bytes;
    struct rf_gpu_matvec_part parts[RF_GPU_MATVEC_PARTS];
    struct rf_gpu_ahead ahead;
    uint32_t k;
    uint32_t stride;
    uint32_t n_rows;
    uint32_t first_row;
    uint32_t row_divisor;
    uint32_t n_experts;
    uint32_t end;         /* rf_gpu_matvec_end */
    uint32_t order;       /* rf_gpu_order */
    uint32_t block_pairs; /* of each block; of the first longer_blocks one more */
    uint32_t longer_blocks;
    uint32_t split;         /* divides the warps of a block */
    uint32_t split_inverse; /* warp * split_inverse / 2^16 is warp / split */
    uint32_t turn_pairs;    /* pairs that the warps of a block have at a time */
    uint32_t n_steps;
    uint32_t tile_steps; /* a multiple of split */
    uint32_t slots; /* of a warp's ring: at least RF_GPU_MATVEC_DEPTH or the most steps of a warp */
    float epsilon;
};

/* ---- activations ----------------------------------------------------------------------------- */

#define RF_GPU_Q8_BLOCK 32
#define RF_GPU_Q8_CHUNK 16

/* Blocks of 32 signed bytes, value = d * q, |q| <= 127, with what their products need beside them,
 * for each half: the sum of its bytes, times d where weights have a minimum. */
typedef struct rf_gpu_q8_scale {
    float d;
    union {
        int32_t sum;
        float scaled_sum;
    };
} rf_gpu_q8_scale;

/* ---- pieces ---------------------------------------------------------------------------------- */

/* Elements that a lane takes at a time from blocks of this type. More of the types of two and three
 * bits, for the sake of bytes in flight. */
#define RF_GPU_MATVEC_PIECE(block_elements, block_bytes)                                           \
    ((block_elements) == 256 && (block_bytes) <= 110 ? 64U : 32U)

/* Bytes of one row's part of a slot. Copies are of 16 bytes at multiples of 16, so where rows may
 * start elsewhere there is more room, also for reading whole words around the last block. */
#define RF_GPU_MATVEC_SLOT(warp, piece, block_elements, block_bytes)                               \
    (((warp) * (piece) / (block_elements) * (block_bytes) + ((block_bytes) % 16U ? 32U : 0U) +     \
      15U) /                                                                                       \
     16U * 16U)

/* Steps that are copied ahead. Where copies are asynchronous 16 warps of 32 lanes, one block, keep
 * 72 KiB under way, twice what an H200 needs, and leave room for a block of the next kernel with as
 * much. Elsewhere a ring of half of that fits into the 64 KiB that a block can have. */
#define RF_GPU_MATVEC_AHEAD(warp, asynchronous) (((asynchronous) ? 4608U : 2304U) * (warp) / 32U)
#define RF_GPU_MATVEC_FIT(warp, slot, asynchronous)                                                \
    (RF_GPU_MATVEC_AHEAD(warp, asynchronous) / (2U * (slot)))
#define RF_GPU_MATVEC_DEPTH(warp, slot, asynchronous)                                              \
    (RF_GPU_MATVEC_FIT(warp, slot, asynchronous) > 4U ? 4U                                         \
     : RF_GPU_MATVEC_FIT(warp, slot, asynchronous) == 0U                                           \
         ? 1U                                                                                      \
         : RF_GPU_MATVEC_FIT(warp, slot, asynchronous))

/* Bytes at the start of shared memory: two sums for each warp that has a share of a pair, for each
 * row; before that squares of each row, summed by warps. What follows is aligned to 16 bytes. */
#define RF_GPU_MATVEC_SUMS(pairs, split, warps, rows)                                              \
    ((((pairs) * (split) > (warps) ? (pairs) * (split) : (warps)) * 2U * (rows)*4U + 15U) / 16U *  \
     16U)

#endif

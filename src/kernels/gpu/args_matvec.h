/*
 * args_matvec.h: what products of few rows are given (matvec.hip), and how a block shares them out.
 *
 * A warp computes pairs of weight rows: neighbours, or row r of both parts under SwiGLU. It goes
 * along them in steps: each lane one piece of elements at a time. Up to 8 warps share a pair
 * (split): warp w takes steps w, w + split, and so on.
 *
 * Shared memory of a block: the sums of its warps; the rows of activations of one tile of steps;
 * and for each warp a ring of slots, one a step, that weights are copied to ahead of use.
 */
#ifndef RF_KERNELS_GPU_ARGS_MATVEC_H
#define RF_KERNELS_GPU_ARGS_MATVEC_H

#include <stdint.h>

#define RF_GPU_MATVEC_THREADS 256
#define RF_GPU_MATVEC_PARTS   3

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
    uint32_t first_block; /* that works on this part; of unused parts beyond all */
};

/* Blocks: x for the parts one after the other; with experts y for the output rows, from first_row
 * on. */
struct rf_gpu_matvec_args {
    uint64_t quants; /* q8 rows; see args_prepare.h */
    uint64_t scales;
    uint64_t values; /* f32 rows, for float weights */
    uint64_t ids;    /* i32 [n_rows] with experts, else 0 */
    uint64_t expert_bytes;
    struct rf_gpu_matvec_part parts[RF_GPU_MATVEC_PARTS];
    uint32_t k;
    uint32_t stride; /* of f32 rows, elements */
    uint32_t n_rows;
    uint32_t first_row;
    uint32_t row_divisor;
    uint32_t n_experts;
    uint32_t end;        /* rf_gpu_matvec_end */
    uint32_t split;      /* a power of two, at most the warps of a block */
    uint32_t tile_steps; /* a multiple of split */
    uint32_t slots; /* of a warp's ring: at least RF_GPU_MATVEC_DEPTH or the most steps of a warp */
};

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

/* Steps that are copied ahead. A compute unit has 16 or 32 warps: 4.5 KiB each keep 72 KiB or more
 * under way, twice what an H200 needs. */
#define RF_GPU_MATVEC_AHEAD(warp)     (4608U * (warp) / 32U)
#define RF_GPU_MATVEC_FIT(warp, slot) (RF_GPU_MATVEC_AHEAD(warp) / (2U * (slot)))
#define RF_GPU_MATVEC_DEPTH(warp, piece, slot)                                                     \
    ((warp) == 64U && (piece) == 64U       ? 1U                                                    \
     : RF_GPU_MATVEC_FIT(warp, slot) > 4U  ? 4U                                                    \
     : RF_GPU_MATVEC_FIT(warp, slot) == 0U ? 1U                                                    \
                                           : RF_GPU_MATVEC_FIT(warp, slot))

/* Bytes of the sums at the start of shared memory: two for each row of each warp. */
#define RF_GPU_MATVEC_SUMS(warps, rows) ((warps)*2U * (rows)*4U)

#endif

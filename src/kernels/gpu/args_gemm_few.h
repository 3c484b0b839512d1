/*
 * args_gemm_few.h: how products of few rows by matrix units are shared out (gemm_few.hip); their
 * arguments are those of args_gemm.h.
 *
 * A warp multiplies tiles of 16 rows of weights with all rows of activations, a span of k at a
 * time. Warps of a block lie along the weights and along k; those that share tiles take every
 * such span in turn, and their sums are added at the end.
 *
 * Shared memory: two numbers for each row of activations; and slots, each for a stage, which is a
 * span of every warp along k: the rows of activations, and each warp's weights as they are stored,
 * 16 bytes more where they may begin anywhere. At the end the sums of all warps instead.
 */
#ifndef RF_KERNELS_GPU_ARGS_GEMM_FEW_H
#define RF_KERNELS_GPU_ARGS_GEMM_FEW_H

#include "kernels/gpu/args_gemm.h"

/* Kernels, named by their rows of activations: gemm_few_q4_k_8. X(rows, tiles of a warp, warps of a
 * block at most, such blocks that a multiprocessor has registers for). The more rows, the more
 * warps share what a block reads of them. */
#define RF_GPU_FEW_NARROW(X)  X(8, 1, 8, 2) /* where matrix units have 8 columns */
#define RF_GPU_FEW_WIDE(X)    X(16, 1, 8, 2) X(32, 1, 8, 2) X(64, 1, 16, 1)
#define RF_GPU_FEW_KERNELS(X) RF_GPU_FEW_NARROW(X) RF_GPU_FEW_WIDE(X)
#define RF_GPU_FEW_MAX_ROWS   64U
/* Rows of the widest kernel that multiplies K blocks as whole numbers (quants_whole.h): with more
 * columns, multiplying and adding each block's sums costs more than it saves. */
#define RF_GPU_FEW_WHOLE_ROWS 16U

/* Elements of a span; floats are larger. */
#define RF_GPU_FEW_SPAN(block_elements) ((block_elements) == 1 ? 128U : 256U)
#define RF_GPU_FEW_SPAN_BYTES(block_elements, block_bytes)                                         \
    (RF_GPU_FEW_SPAN(block_elements) / (block_elements) * (block_bytes))
/* Whether rows begin at multiples of 16 bytes; those of floats have to. */
#define RF_GPU_FEW_ALIGNED(block_elements, block_bytes)                                            \
    ((block_elements) == 1 || (block_bytes) % 16 == 0)
/* Bytes of a row of weights in a slot. */
#define RF_GPU_FEW_ROW(block_elements, block_bytes)                                                \
    ((RF_GPU_FEW_SPAN_BYTES(block_elements, block_bytes) + 15U) / 16U * 16U +                      \
     (RF_GPU_FEW_ALIGNED(block_elements, block_bytes) ? 0U : 16U))

/* Slots: 2 to so many. A stage is copied all slots but one ahead. */
#define RF_GPU_FEW_MAX_SLOTS 4U

#define RF_GPU_FEW_SLOT(rows, warps_k, span, warps, tiles, row)                                    \
    ((rows) * (warps_k) * (span)*2U + (warps) * (tiles)*16U * (row))
/* From one column of a tile's sums to the next: 16 rows, and 4 so that banks differ. */
#define RF_GPU_FEW_SUM_STRIDE               20U
#define RF_GPU_FEW_SUMS(rows, warps, tiles) ((warps) * (tiles) * (rows)*RF_GPU_FEW_SUM_STRIDE * 4U)

#endif

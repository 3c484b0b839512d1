/*
 * args_gemm_hopper.h: what the kernels of products of up to 64 rows on Hopper are given
 * (gemm_hopper.hip), and how rows of activations are packed for them (prepare_packed.hip).
 *
 * A block multiplies a tile of up to 256 rows of weights with all rows of activations, 256 elements
 * of k, a span, at a time. Its warps are in groups of four, which have 64 rows of weights each, and
 * all spans or every second or fourth. Blocks of a cluster have the same tile and share out its
 * spans. Who has shared out spans adds up a part of the sums of all at the end.
 *
 * Packed rows: [n_spans] spans of RF_GPU_HOPPER_SPAN_BYTES: first four tiles [padded rows][64] of
 * f16 as matrix units want them (gemm_sm90a.hip), whose elements are in the order in which lanes
 * widen weights (prepare_packed.hip); behind them the sums of runs of 32 elements, as two f16 that
 * add up to a 32nd of them: [padded rows / 8][2][8][8].
 */
#ifndef RF_KERNELS_GPU_ARGS_GEMM_HOPPER_H
#define RF_KERNELS_GPU_ARGS_GEMM_HOPPER_H

#include "kernels/gpu/args_gemm.h"

#define RF_GPU_HOPPER_SPAN 256U
/* Kernels, named by the rows that activations are padded to: gemm_hopper_q4_k_8. */
#define RF_GPU_HOPPER_ROWS(X)  X(8) X(16) X(32) X(64)
#define RF_GPU_HOPPER_MAX_ROWS 64U

#define RF_GPU_HOPPER_SPAN_BYTES(rows) ((rows) * (RF_GPU_HOPPER_SPAN * 2U + 32U))

/* Groups of four warps, 64 rows of weights each, of a block at most. */
#define RF_GPU_HOPPER_GROUPS 4U

/* Whether halves of units are two runs of 16, as SPLIT of quants.h: K blocks, of which IQ4_XS is
 * none. */
#define RF_GPU_HOPPER_SPLIT(block_elements, block_bytes)                                           \
    ((block_elements) == 256U && (block_bytes) != 136U)

/* Bytes of a span of a row of weights, and of a box's row, which begins at a multiple of 16 at or
 * before it; spans are of an even number of bytes. */
#define RF_GPU_HOPPER_WEIGHT_BYTES(block_elements, block_bytes)                                    \
    (RF_GPU_HOPPER_SPAN / (block_elements) * (block_bytes))
#define RF_GPU_HOPPER_ROW(span_bytes)                                                              \
    (((span_bytes) + ((span_bytes) % 16U ? 14U : 0U) + 15U) / 16U * 16U)
/* Slots: one at hand, one behind it, at least one on its way. A slot is a stage: a span of every
 * group along k. Shared memory: two barriers a slot; slots of activations, aligned to 1024; and of
 * weights, 64 rows for every group. */
#define RF_GPU_HOPPER_MIN_SLOTS 3U
#define RF_GPU_HOPPER_MAX_SLOTS 5U
#define RF_GPU_HOPPER_X(rows)   ((RF_GPU_HOPPER_SPAN_BYTES(rows) + 1023U) / 1024U * 1024U)
#define RF_GPU_HOPPER_SHARED(rows, groups, k_groups, row, slots)                                   \
    (1024U + 16U * RF_GPU_HOPPER_MAX_SLOTS +                                                       \
     (slots) * ((k_groups)*RF_GPU_HOPPER_X(rows) + (groups)*64U * (row)))

struct rf_gpu_hopper_args {
    /* Of each part: rf_row_boxes_code, of boxes of box_rows rows by a span. */
    struct {
        uint8_t bytes[128];
    } __attribute__((aligned(64))) maps[RF_GPU_GEMM_PARTS];
    uint64_t rows; /* packed */
    struct rf_gpu_gemm_part parts[RF_GPU_GEMM_PARTS];
    uint32_t n_parts;
    uint32_t end;
    uint32_t order; /* rf_gpu_order */
    uint32_t n_rows;
    uint32_t n_spans;
    uint32_t box_rows; /* of weights: a tile; with SwiGLU a tile is one of gate and one of up */
    uint32_t n_tiles;  /* of all parts, with SwiGLU of one */
    uint32_t cluster;  /* blocks */
    uint32_t k_groups; /* of a block's groups; with this and cluster 1 tiles are taken in turn */
    uint32_t weights_step; /* bytes of a span of a tile's weights in shared memory */
    uint32_t slots;
};

struct rf_gpu_pack_args {
    uint64_t x;    /* f32 [][k] */
    uint64_t rows; /* i32 [n_rows], or 0: row r is row r */
    uint64_t norm; /* f32 [k], or 0 */
    uint64_t packed;
    uint32_t k;
    uint32_t share;  /* elements of a row that a block packs: whole spans */
    uint32_t padded; /* rows */
    uint32_t split;  /* halves of units are two runs of 16: quants.h */
    float epsilon;
};

#endif

/* args_gemm.h: what the kernels of embeddings and of products by matrix units are given. */
#ifndef RF_KERNELS_GPU_ARGS_GEMM_H
#define RF_KERNELS_GPU_ARGS_GEMM_H

#include <stdint.h>

/* A block a token. */
struct rf_gpu_embed_args {
    uint64_t table;
    uint64_t row_bytes;
    uint64_t tokens; /* i32 [n_tokens] */
    uint64_t out;    /* f32 [n_tokens][n] */
    uint32_t n;      /* elements of a row */
};

#define RF_GPU_GEMM_PARTS 3

/* Tiles of a product: rows of the output by rows of weights, and warps that share them out. Kernels
 * are named by the first: gemm_q4_k_64. X(rows, weights, warps along rows, warps along weights) */
#define RF_GPU_GEMM_TILES(X) X(16, 128, 1, 4) X(32, 128, 1, 4) X(64, 128, 1, 4) X(128, 128, 2, 2)
/* Elements along k of a stage, and from one row of a stage in shared memory to the next: 16 bytes
 * more than its elements, so that eight rows are in different banks. */
#define RF_GPU_GEMM_DEPTH  64
#define RF_GPU_GEMM_STRIDE (RF_GPU_GEMM_DEPTH + 8)
/* Bytes of shared memory: where each of a tile's rows comes from and goes to, and buffers of a
 * stage. */
#define RF_GPU_GEMM_SHARED(rows, weights, buffers)                                                 \
    ((rows)*8 + (buffers) * ((rows) + (weights)) * RF_GPU_GEMM_STRIDE * 2)

/* What becomes of a product; as rf_linear_end. */
#define RF_GPU_END_STORE  0
#define RF_GPU_END_ADD    1
#define RF_GPU_END_SWIGLU 2

struct rf_gpu_gemm_part {
    uint64_t weights;
    uint64_t row_bytes;
    uint64_t bias; /* f32 [m], or 0 */
    uint64_t out;  /* f32 [n_rows][m] */
    uint32_t m;
    uint32_t first_tile;   /* of this part, in block_y */
    uint32_t first_column; /* of this part, in a row of partial sums */
};

/* Blocks: x tiles of rows, y tiles of weights, z splits of k. */
struct rf_gpu_gemm_args {
    uint64_t rows; /* f16 [][stride] */
    struct rf_gpu_gemm_part parts[RF_GPU_GEMM_PARTS];
    /* Experts: 0, or as in rf_gpu_product. A tile's rows are of one expert. */
    uint64_t offsets;
    uint64_t order;
    uint64_t expert_bytes;
    /* f32 [splits][n_rows][n_columns]: where sums go when k is split, to be added by gemm_sum; 0:
     * it is not. Rows are in the order of tiles. */
    uint64_t partial;
    uint32_t n_columns;
    uint32_t n_rows;
    uint32_t k;
    uint32_t stride;
    uint32_t n_parts;
    uint32_t end;
    uint32_t n_experts;
    uint32_t row_divisor;
    uint32_t split_depth; /* stages of a split */
    uint32_t n_splits;
    uint32_t buffers; /* of stages in shared memory: 1 or 2; of gemm_few 2 to 4 */
    uint32_t warps_k; /* of gemm_few: along k, a power of two */
};

#endif

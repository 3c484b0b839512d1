/* args_gemm_packed.h: what the kernels of products on Hopper are given. */
#ifndef RF_KERNELS_GPU_ARGS_GEMM_PACKED_H
#define RF_KERNELS_GPU_ARGS_GEMM_PACKED_H

#include "kernels/gpu/args_gemm.h"

/* Bytes of a packed tile, 128 rows by 64 f16, and stages of three tiles that a block has. Shared
 * memory: the tiles, aligned to 1024, and two barriers a stage. */
#define RF_GPU_PACKED_TILE   16384U
#define RF_GPU_PACKED_STAGES 4U
#define RF_GPU_PACKED_SHARED                                                                       \
    (1024 + RF_GPU_PACKED_STAGES * 3 * RF_GPU_PACKED_TILE + 16 * RF_GPU_PACKED_STAGES)

/*
 * For the kernels that pack, and gemm_sm90a, whose blocks take tiles of 128 rows by a pair of tiles
 * of weights. Tiles of weights are numbered through all parts, by first_tile; with SwiGLU those of
 * the two parts alternate. A launch is for the pairs from first_pair on.
 */
struct rf_gpu_packed_args {
    uint64_t input;   /* f16 [n_rows][stride] */
    uint64_t rows;    /* packed: [n_row_tiles][k_tiles] */
    uint64_t weights; /* packed: [2 * n_pairs][k_tiles] */
    struct rf_gpu_gemm_part parts[RF_GPU_GEMM_PARTS];
    uint32_t n_rows;
    uint32_t stride;
    uint32_t k;
    uint32_t n_parts;
    uint32_t end;
    uint32_t n_row_tiles;
    uint32_t k_tiles;
    uint32_t first_pair;
    uint32_t n_pairs;
};

#endif

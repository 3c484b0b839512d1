/* args_experts.h: what the kernels of a mixture of experts are given. */
#ifndef RF_KERNELS_GPU_ARGS_EXPERTS_H
#define RF_KERNELS_GPU_ARGS_EXPERTS_H

#include <stdint.h>

/* Experts that a layer may have: the routing kernel keeps all logits of a token in shared memory,
 * and the sorting one a count of each. */
#define RF_GPU_MAX_EXPERTS 1024

/* Chooses the n_used experts of each token. A block a token. */
struct rf_gpu_route_args {
    uint64_t logits; /* f32 [n_tokens][n_experts] */
    uint64_t ids;    /* i32 [n_tokens][n_used] */
    uint64_t shares; /* f32 [n_tokens][n_used]: sum to one */
    uint32_t n_experts;
    uint32_t n_used;
};

/* Sorts pairs of token and expert by expert, those of one in ascending order. One block. */
struct rf_gpu_sort_args {
    uint64_t ids;     /* i32 [n_pairs] */
    uint64_t offsets; /* i32 [n_experts + 1] */
    uint64_t order;   /* i32 [n_pairs] */
    uint32_t n_pairs;
    uint32_t n_experts;
};

/* out[token] += sum of shares[token][j] * from[token * n_used + j]. */
struct rf_gpu_combine_args {
    uint64_t from;   /* f32 [n_tokens * n_used][n] */
    uint64_t shares; /* f32 [n_tokens][n_used] */
    uint64_t out;    /* f32 [n_tokens][n] */
    uint32_t n;
    uint32_t n_used;
};

#endif

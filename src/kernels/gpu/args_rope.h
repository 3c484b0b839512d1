/* args_rope.h: what rope.hip is given. */
#ifndef RF_KERNELS_GPU_ARGS_ROPE_H
#define RF_KERNELS_GPU_ARGS_ROPE_H

#include "kernels/gpu/args_kv.h"

#define RF_GPU_ROPE_THREADS 256U

/* Blocks: [slices of the heads][n_tokens]. The heads of a token are its queries', its keys', its
 * values', in this order, a warp each; block x takes the x-th share of them. */
struct rf_gpu_rope_args {
    struct rf_gpu_kv kv;
    uint64_t q;           /* f32 [n_tokens][n_heads][head_size], changed in place */
    uint64_t k;           /* f32 [n_tokens][n_kv_heads][head_size], changed in place */
    uint64_t v;           /* f32 [n_tokens][n_kv_heads][head_size] */
    uint64_t q_norm;      /* f32 [head_size], or 0 */
    uint64_t k_norm;      /* f32 [head_size], or 0 */
    uint64_t frequencies; /* f32 [n_rotary / 2] */
    uint32_t n_heads;
    uint32_t n_rotary; /* even */
    uint32_t halves;   /* pairs are i and i + n_rotary / 2; otherwise 2i and 2i + 1 */
    float magnitude;
    float epsilon;
    uint32_t unused;
};

/* Shared memory: sines and cosines, and a head for each warp. */
#define RF_GPU_ROPE_SHARED(n_rotary, head_size, n_warps)                                           \
    (((n_rotary) + (n_warps) * (head_size)) * 4U)

#endif

/* attention.h: what attention offers beside its operation. */
#ifndef RF_KERNELS_GPU_ATTENTION_H
#define RF_KERNELS_GPU_ATTENTION_H

#include "kernels/gpu/gpu.h"

/* How a batch is computed; what rf_gpu_attention chooses by the number of tokens and of key heads.
 */
typedef struct rf_gpu_attention_choice {
    uint32_t n_splits;         /* of a context, 1 to RF_GPU_ATTENTION_SPLITS; by several blocks */
    uint32_t tokens_per_block; /* in the decode kernel; with more than 1, n_splits is 1 */
    bool prefill;              /* whether long runs of tokens go to the prefill kernel */
    uint32_t unsplit_steps;    /* of a block, up to which a context is not split all the same */
} rf_gpu_attention_choice;

void rf_gpu_attention_choose(const rf_gpu_traits *traits, const rf_attention_args *args,
                             rf_gpu_attention_choice *out);

/* The operation, by a given choice. */
rf_status rf_gpu_attention_run(const rf_compute *compute, const rf_attention_args *args,
                               const rf_gpu_attention_choice *choice, rf_error *error);

/* What the operation needs of the workspace, beside the counters. traits: of the device, or NULL
 * for what is enough on any. */
rf_status rf_gpu_attention_workspace(const rf_kernel_limits *limits, const rf_gpu_traits *traits,
                                     uint64_t *bytes, rf_error *error);

#endif

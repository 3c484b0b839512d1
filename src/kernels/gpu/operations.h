/* operations.h: what the operations of GPUs share beside gpu.h and product.h. */
#ifndef RF_KERNELS_GPU_OPERATIONS_H
#define RF_KERNELS_GPU_OPERATIONS_H

#include "kernels/gpu/args_prepare.h"
#include "kernels/gpu/product.h"

rf_status rf_gpu_embed(const rf_compute *compute, const rf_embed_args *args, rf_error *error);
rf_status rf_gpu_linear(const rf_compute *compute, const rf_linear_args *args, rf_error *error);
rf_status rf_gpu_rope_append(const rf_compute *compute, const rf_rope_append_args *args,
                             rf_error *error);
rf_status rf_gpu_attention(const rf_compute *compute, const rf_attention_args *args,
                           rf_error *error);
rf_status rf_gpu_experts(const rf_compute *compute, const rf_experts_args *args, rf_error *error);
rf_status rf_gpu_top(const rf_compute *compute, const rf_top_args *args, rf_error *error);

/* A product by the kernel that suits its rows, which may use what is left of the room. */
rf_status rf_gpu_product_run(const rf_compute *compute, const rf_gpu_product *product,
                             const rf_gpu_room *room, rf_error *error);

/* gate = silu(gate) * up, n elements. */
rf_status rf_gpu_swiglu(const rf_compute *compute, rf_address gate, rf_address up, uint64_t n,
                        rf_error *error);

/* What each needs of the workspace. */
rf_status rf_gpu_linear_workspace(const rf_kernel_limits *limits, uint64_t *bytes, rf_error *error);
rf_status rf_gpu_experts_workspace(const rf_kernel_limits *limits, uint64_t *bytes,
                                   rf_error *error);

#endif

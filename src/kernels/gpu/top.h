/* top.h: what the operation `top` offers beside itself. */
#ifndef RF_KERNELS_GPU_TOP_H
#define RF_KERNELS_GPU_TOP_H

#include "kernels/gpu/gpu.h"

/* What `top` of n_rows rows of n logits needs of the workspace, beside the counters. */
rf_status rf_gpu_top_workspace(uint32_t n_rows, uint32_t n, uint64_t *bytes, rf_error *error);

#endif

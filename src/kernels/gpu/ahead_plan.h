/* ahead_plan.h: the host's side of ahead.h. */
#ifndef RF_KERNELS_GPU_AHEAD_PLAN_H
#define RF_KERNELS_GPU_AHEAD_PLAN_H

#include "kernels/gpu/args_ahead.h"
#include "kernels/kernels.h"

/* n_blocks: that the next product will be shared out over. */
void rf_gpu_plan_ahead(const rf_ahead *ahead, uint32_t n_blocks, struct rf_gpu_ahead *out);

#endif

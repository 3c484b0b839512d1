/* ahead.h: bringing weights closer; see args_ahead.h. */
#ifndef RF_KERNELS_GPU_AHEAD_H
#define RF_KERNELS_GPU_AHEAD_H

#include "kernels/gpu/args_ahead.h"
#include "kernels/gpu/prelude.h"

/* By one thread of each block, of a grid in x alone. */
DEVICE void prefetch_ahead(const rf_gpu_ahead *a)
{
    UNROLL
    for (u32 p = 0; p < RF_GPU_AHEAD_PARTS; p++) {
        for (u32 i = block_x(); i < a->parts[p].count; i += n_blocks_x())
            prefetch_bytes(a->parts[p].start + i * a->parts[p].stride, a->parts[p].bytes);
    }
}

#endif

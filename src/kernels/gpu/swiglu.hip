/* swiglu.hip: the gated activation alone, where no product could end in it. */
#include "kernels/gpu/args_prepare.h"
#include "kernels/gpu/prelude.h"

KERNEL(swiglu, rf_gpu_swiglu_args, 256)
{
    wait_for_previous();
    release_next();
    f32 *gate = GLOBAL(f32, a.gate);
    const f32 *up = GLOBAL(const f32, a.up);
    u64 step = (u64)n_blocks_x() * n_threads();
    for (u64 i = (u64)block_x() * n_threads() + thread(); i < a.n; i += step)
        gate[i] = silu(gate[i]) * up[i];
}

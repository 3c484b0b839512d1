/* gemm_sum.hip: adds the sums of the splits of k, always in the same order, and ends the product. A
 * thread an element of the output; blocks: x columns, y rows. */
#include "kernels/gpu/args_gemm.h"
#include "kernels/gpu/prelude.h"

#define SUM_THREADS 256

DEVICE f32 sum_splits(const rf_gpu_gemm_args &a, u32 part, u32 m)
{
    u64 step = (u64)a.n_rows * a.n_columns;
    const f32 *from = GLOBAL(const f32, a.partial) + (u64)block_y() * a.n_columns +
                      a.parts[part].first_column + m;
    f32 sum = 0.0F;
    for (u32 i = 0; i < a.n_splits; i++)
        sum += from[i * step];
    if (a.parts[part].bias)
        sum += GLOBAL(const f32, a.parts[part].bias)[m];
    return sum;
}

KERNEL(gemm_sum, rf_gpu_gemm_args, SUM_THREADS)
{
    wait_for_previous();
    release_next();
    u32 column = block_x() * n_threads() + thread();
    u32 part = 0;
    if (a.end == RF_GPU_END_SWIGLU ? column >= a.parts[0].m : column >= a.n_columns)
        return;
    if (a.end != RF_GPU_END_SWIGLU)
        while (part + 1 < a.n_parts && column >= a.parts[part + 1].first_column)
            part++;
    u32 m = column - a.parts[part].first_column;
    f32 value = sum_splits(a, part, m);
    if (a.end == RF_GPU_END_SWIGLU)
        value = silu(value) * sum_splits(a, 1, m);
    u32 row = a.order ? (u32)GLOBAL(const i32, a.order)[block_y()] : block_y();
    f32 *out = GLOBAL(f32, a.parts[part].out) + (u64)row * a.parts[part].m + m;
    *out = a.end == RF_GPU_END_ADD ? *out + value : value;
}

/*
 * prepare.hip: rows of activations as products want them: gathered, normed, and turned into f16 or
 * f32 (args_prepare.h). A block a row; it reads the row twice, the second time from a cache.
 */
#include "kernels/gpu/args_prepare.h"
#include "kernels/gpu/prepare_rows.h"

KERNEL(prepare_f16, rf_gpu_prepare_args, PREPARE_THREADS)
{
    wait_for_previous();
    release_next();
    source s = open_source(&a);
    f16 *out = GLOBAL(f16, a.values) + (u64)block_x() * a.stride;
    if (a.k % 4 == 0) {
        for (u32 i = 4 * thread(); i < a.k; i += 4 * n_threads()) {
            f32x4 v = four_of(&s, i);
            f16x4 h = {to_f16(v.x), to_f16(v.y), to_f16(v.z), to_f16(v.w)};
            *(f16x4 *)(out + i) = h;
        }
    } else {
        for (u32 i = thread(); i < a.k; i += n_threads())
            out[i] = to_f16(one_of(&s, i));
    }
    for (u32 i = a.k + thread(); i < a.stride; i += n_threads())
        out[i] = (f16)0.0F;
}

KERNEL(prepare_f32, rf_gpu_prepare_args, PREPARE_THREADS)
{
    wait_for_previous();
    release_next();
    source s = open_source(&a);
    f32 *out = GLOBAL(f32, a.values) + (u64)block_x() * a.stride;
    for (u32 i = thread(); i < a.k; i += n_threads())
        out[i] = one_of(&s, i);
    for (u32 i = a.k + thread(); i < a.stride; i += n_threads())
        out[i] = 0.0F;
}

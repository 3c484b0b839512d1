/*
 * prepare.hip: rows of activations as products want them: gathered, normed, and turned into f16 or
 * f32 (args_prepare.h). A block a row; it reads the row twice, the second time from a cache.
 */
#include "kernels/gpu/args_prepare.h"
#include "kernels/gpu/prelude.h"

#define PREPARE_THREADS 1024

/* Where a row of the input is, and what it is multiplied by. */
typedef struct source {
    const f32 *x;
    const f32 *norm; /* or NULL */
    f32 scale;
    u32 k;
} source;

/* Elements i to i + 3, i a multiple of 4, of a row whose length is one too. */
DEVICE f32x4 four_of(const source *s, u32 i)
{
    f32x4 v = *(const f32x4 *)(s->x + i);
    if (s->norm)
        v = v * s->scale * *(const f32x4 *)(s->norm + i);
    return v;
}

DEVICE f32 one_of(const source *s, u32 i)
{
    return s->norm ? s->x[i] * s->scale * s->norm[i] : s->x[i];
}

/* The sum of one value of each thread. shared: f32 [n_warps] */
DEVICE f32 block_sum(f32 value, f32 *shared)
{
    value = warp_sum(value);
    if (lane() == 0)
        shared[warp()] = value;
    barrier();
    f32 sum = 0.0F;
    for (u32 w = 0; w < n_warps(); w++)
        sum += shared[w];
    return sum;
}

DEVICE f32 sum_of_squares(const f32 *x, u32 k)
{
    f32 sum = 0.0F;
    if (k % 4 == 0) {
        for (u32 i = 4 * thread(); i < k; i += 4 * n_threads()) {
            f32x4 v = *(const f32x4 *)(x + i);
            sum += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
        }
    } else {
        for (u32 i = thread(); i < k; i += n_threads())
            sum += x[i] * x[i];
    }
    return sum;
}

DEVICE source open_source(const struct rf_gpu_prepare_args *a)
{
    u32 row = block_x();
    if (a->rows)
        row = (u32)GLOBAL(const i32, a->rows)[row];
    source s = {GLOBAL(const f32, a->x) + (u64)row * a->k, 0, 1.0F, a->k};
    if (a->norm) {
        s.norm = GLOBAL(const f32, a->norm);
        f32 sum = block_sum(sum_of_squares(s.x, a->k), SHARED(f32));
        s.scale = reciprocal_root(sum / (f32)a->k + a->epsilon);
    }
    return s;
}

/* f16 of a float: beyond its range the largest, not infinity, which would make NaN of a product. */
DEVICE f16 to_f16(f32 x)
{
    const f32 most = 65504.0F;
    return (f16)(x > most ? most : x < -most ? -most : x);
}

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

/*
 * prepare_rows.h: a row of activations, gathered and normed: what kernels that prepare rows begin
 * with.
 */
#ifndef RF_KERNELS_GPU_PREPARE_ROWS_H
#define RF_KERNELS_GPU_PREPARE_ROWS_H

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

/* The block's row. A: rf_gpu_prepare_args, or others with its fields. */
template <typename A> DEVICE source open_source(const A *a)
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

#endif

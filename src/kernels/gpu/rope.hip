/*
 * rope.hip: norms and rotates the heads of queries and keys, and appends keys and values to their
 * pages.
 *
 * A block works for one token: it computes the token's sines and cosines once, in shared memory,
 * and then each warp takes heads. Lanes hold a head as pairs of elements that rotate together (what
 * does not rotate is paired too), because the pairs, not the elements, are what a lane can do
 * alone. A head that goes to a page is laid out in shared memory first: rows of the cache are in
 * order.
 */
#include "kernels/gpu/args_rope.h"
#include "kernels/gpu/math.h"
#include "kernels/gpu/pages.h"
#include "kernels/gpu/prelude.h"

#define RF_MAX_PAIRS 256 /* of the widest head */

/* The elements of pair i. The second may be beyond the head, of an odd size. */
DEVICE u32 pair_first(const rf_gpu_rope_args *a, u32 i)
{
    return a->halves && 2 * i < a->n_rotary ? i : 2 * i;
}
DEVICE u32 pair_second(const rf_gpu_rope_args *a, u32 i)
{
    return a->halves && 2 * i < a->n_rotary ? i + a->n_rotary / 2 : 2 * i + 1;
}

/* A lane's pairs: number lane(), lane() + WARP and so on of a head. */
template <u32 n> struct rope_pairs {
    f32 x[n], y[n];
};

template <u32 n>
DEVICE void load_pairs(const rf_gpu_rope_args *a, const f32 *head, rope_pairs<n> *p)
{
    UNROLL
    for (u32 j = 0; j < n; j++) {
        const u32 i = lane() + j * WARP;
        const u32 first = pair_first(a, i);
        const u32 second = pair_second(a, i);
        p->x[j] = first < a->kv.head_size ? head[first] : 0.0F;
        p->y[j] = second < a->kv.head_size ? head[second] : 0.0F;
    }
}

template <u32 n>
DEVICE void store_pairs(const rf_gpu_rope_args *a, const rope_pairs<n> *p, f32 *head)
{
    UNROLL
    for (u32 j = 0; j < n; j++) {
        const u32 i = lane() + j * WARP;
        const u32 first = pair_first(a, i);
        const u32 second = pair_second(a, i);
        if (first < a->kv.head_size)
            head[first] = p->x[j];
        if (second < a->kv.head_size)
            head[second] = p->y[j];
    }
}

template <u32 n> DEVICE void norm_pairs(const rf_gpu_rope_args *a, u64 weights, rope_pairs<n> *p)
{
    rope_pairs<n> w;
    load_pairs<n>(a, GLOBAL(const f32, weights), &w);
    f32 squares = 0.0F;
    UNROLL
    for (u32 j = 0; j < n; j++)
        squares += p->x[j] * p->x[j] + p->y[j] * p->y[j];
    const f32 mean = warp_sum(squares) / (f32)a->kv.head_size;
    const f32 scale = 1.0F / __builtin_sqrtf(mean + a->epsilon);
    UNROLL
    for (u32 j = 0; j < n; j++) {
        p->x[j] *= scale * w.x[j];
        p->y[j] *= scale * w.y[j];
    }
}

template <u32 n>
DEVICE void rotate_pairs(const rf_gpu_rope_args *a, const f32 *rotation, rope_pairs<n> *p)
{
    UNROLL
    for (u32 j = 0; j < n; j++) {
        const u32 i = lane() + j * WARP;
        if (2 * i < a->n_rotary) {
            const f32 sine = rotation[2 * i];
            const f32 cosine = rotation[2 * i + 1];
            const f32 x = p->x[j];
            p->x[j] = x * cosine - p->y[j] * sine;
            p->y[j] = x * sine + p->y[j] * cosine;
        }
    }
}

/* A block of 32 elements of Q8_0 a time, by 32 lanes: d, and the nearest multiples of it. */
DEVICE void store_q8_0(const f32 *head, u8 *row, u32 head_size)
{
    for (u32 begin = 0; begin < head_size; begin += WARP) {
        const u32 i = begin + lane();
        const f32 x = i < head_size ? head[i] : 0.0F;
        const f32 largest = group_max<32>(magnitude(x));
        const f16 d = (f16)(largest / 127.0F);
        const f32 inverse = (f32)d > 0.0F ? 1.0F / (f32)d : 0.0F;
        f32 q = __builtin_rintf(x * inverse);
        q = minimum(maximum(q, -127.0F), 127.0F);
        const u32 mine = (u32)(i32)q & 0xFFU;
        const u32 next = shuffle_xor(mine, 1);
        u8 *block = row + i / 32 * 34; /* starts at an even address */
        if (i < head_size && i % 32 == 0)
            *(f16 *)block = d;
        if (i < head_size && i % 2 == 0)
            *(u16 *)(block + 2 + i % 32) = (u16)(mine | next << 8);
    }
}

DEVICE void store_row(const rf_gpu_rope_args *a, const f32 *head, u8 *row)
{
    const u32 n = a->kv.head_size;
    if (a->kv.type == RF_GPU_KV_Q8_0) {
        store_q8_0(head, row, n);
    } else if (a->kv.type == RF_GPU_KV_F16) {
        for (u32 i = lane(); i < n; i += WARP)
            ((f16 *)row)[i] = (f16)head[i];
    } else {
        for (u32 i = lane(); i < n; i += WARP)
            ((f32 *)row)[i] = head[i];
    }
}

/* Heads are those of queries, then of keys, then of values. */
template <u32 n>
DEVICE void turn_head(const rf_gpu_rope_args *a, u32 token, u32 head, const f32 *rotation,
                      f32 *room, i32 page, u32 position)
{
    const u32 n_kv = a->kv.n_kv_heads;
    const bool of_query = head < a->n_heads;
    const bool of_value = head >= a->n_heads + n_kv;
    const u32 index = of_query ? head : of_value ? head - a->n_heads - n_kv : head - a->n_heads;
    const u64 from = of_query ? a->q : of_value ? a->v : a->k;
    const u64 row = (u64)token * (of_query ? a->n_heads : n_kv) + index;
    f32 *source = GLOBAL(f32, from) + row * a->kv.head_size;

    rope_pairs<n> pairs;
    load_pairs<n>(a, source, &pairs);
    if (!of_value) {
        const u64 norm = of_query ? a->q_norm : a->k_norm;
        if (norm != 0)
            norm_pairs<n>(a, norm, &pairs);
        rotate_pairs<n>(a, rotation, &pairs);
        store_pairs<n>(a, &pairs, source);
    }
    if (of_query || page < 0)
        return;
    warp_barrier(); /* the head before has been stored */
    store_pairs<n>(a, &pairs, room);
    warp_barrier();
    const u64 offset = (u64)row_of(&a->kv, page, position, index) * a->kv.row_bytes;
    store_row(a, room, GLOBAL(u8, of_value ? a->kv.values : a->kv.keys) + offset);
}

template <u32 n> DEVICE void turn_heads(const rf_gpu_rope_args *a)
{
    const u32 token = block_y();
    f32 *rotation = SHARED(f32);
    f32 *room = rotation + a->n_rotary + warp() * a->kv.head_size;
    const i32 position = GLOBAL(const i32, a->kv.positions)[token];
    const u32 sequence = (u32)GLOBAL(const i32, a->kv.rows)[token];
    for (u32 i = thread(); i < a->n_rotary / 2; i += n_threads()) {
        f32 sine, cosine;
        const f32 frequency = GLOBAL(const f32, a->frequencies)[i];
        sine_cosine((double)position * (double)frequency, &sine, &cosine);
        rotation[2 * i] = sine * a->magnitude;
        rotation[2 * i + 1] = cosine * a->magnitude;
    }
    const i32 page = position < 0 ? -1 : page_of(&a->kv, sequence, (u32)position);
    wait_for_previous(); /* for queries, keys and values: no kernel writes what was read until here */
    barrier();
    const u32 n_heads = a->n_heads + 2 * a->kv.n_kv_heads;
    for (u32 head = block_x() * n_warps() + warp(); head < n_heads;
         head += n_blocks_x() * n_warps())
        turn_head<n>(a, token, head, rotation, room, page, (u32)position);
}

/* Heads of up to 128 elements (of 256 with warps of 64), and all others: those hold more registers.
 */
KERNEL(rope_append, rf_gpu_rope_args, RF_GPU_ROPE_THREADS)
{
    release_next();
    turn_heads<2>(&a);
}
KERNEL(rope_append_wide, rf_gpu_rope_args, RF_GPU_ROPE_THREADS)
{
    release_next();
    turn_heads<RF_MAX_PAIRS / RF_WARP>(&a);
}

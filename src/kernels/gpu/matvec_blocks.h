/*
 * matvec_blocks.h: the part of matvec.hip for weights in blocks, with activations in q8.
 *
 * Weights are on their way some steps before they are used, from one pair of rows to the next
 * without a gap, and from before the kernel ahead of this one has ended. How depends on the type: a
 * feed brings them to registers (matvec_direct.h) or to shared memory (matvec_ring.h). Activations
 * are there for the whole block.
 */
#ifndef RF_KERNELS_GPU_MATVEC_BLOCKS_H
#define RF_KERNELS_GPU_MATVEC_BLOCKS_H

#include "kernels/gpu/ahead.h"
#include "kernels/gpu/dots.h"
#include "kernels/gpu/matvec_rows.h"
#include "kernels/gpu/order.h"

/* Of the type that this is compiled for. */
#define SHAPE_OF_(type) shape_##type
#define SHAPE_OF(type)  SHAPE_OF_(type)
#define CHUNK_OF_(type) chunk_##type
#define CHUNK_OF(type)  CHUNK_OF_(type)
#define UNPACK_(type)   unpack_##type
#define UNPACK(type)    UNPACK_(type)
#define RAW_(type)      raw_##type
#define RAW(type)       RAW_(type)
#define LOAD_(type)     load_##type
#define LOAD(type)      LOAD_(type)
typedef SHAPE_OF(RF_WEIGHT) shape;

/* The type with a feed to registers, for want of more that would fit there: it has raw_TYPE and
 * load_TYPE. */
#define DIRECT_q4_k      1
#define IS_DIRECT_(type) DIRECT_##type
#define IS_DIRECT(type)  IS_DIRECT_(type)

/* OF_LANE: bytes from a step's start to the block that the lane has a piece of, where it loads that
 * by itself. UPPER_IN_PLACE: a piece's second chunk are upper nibbles that stay where they are. */
#if IS_DIRECT(RF_WEIGHT)
#define OF_LANE        (lane() / shape::parts * shape::bytes)
#define UPPER_IN_PLACE MIXED_DOTS
#else
#define OF_LANE        0
#define UPPER_IN_PLACE 0
#endif

enum {
    STEP = RF_WARP * shape::piece, /* elements */
    STEP_BYTES = STEP / shape::block * shape::bytes,
    ALIGNED = shape::bytes % 16 == 0, /* rows start at multiples of 16 bytes */
};

/* ---- weights, ahead ---------------------------------------------------------------------------*/

/* Where a warp is in the steps of a tile of activations, which are in this order: along its share
 * of a pair, pair by pair. */
typedef struct cursor {
    const u8 *rows[2]; /* from the multiples of 16 on at or before their starts, and OF_LANE */
    u32 skew[2];       /* to where they start; 0 where ALIGNED */
    u32 local;         /* pair of the block; beyond its pairs when no step is left */
    u32 step;
} cursor;

DEVICE void open_pair(const matvec_args *a, const share *s, cursor *at)
{
    pair_rows pair = rows_of_pair(a, s->first_pair + at->local);
    UNROLL
    for (u32 r = 0; r < 2; r++) {
        u64 address = weights_of(a, s, &pair, r);
        at->rows[r] = GLOBAL(const u8, address & ~(u64)15) + OF_LANE;
        at->skew[r] = ALIGNED ? 0 : (u32)address & 15U;
    }
}

DEVICE u32 end_of_tile(const matvec_args *a, u32 first)
{
    return minimum(first + a->tile_steps, a->n_steps);
}

/* Before the first step of the tile that begins at step `first`. */
DEVICE void open_cursor(const matvec_args *a, const share *s, u32 first, cursor *at)
{
    at->step = first + s->turn;
    at->local = at->step < end_of_tile(a, first) ? s->group : s->n_pairs;
    if (at->local < s->n_pairs)
        open_pair(a, s, at);
}

DEVICE void advance(const matvec_args *a, const share *s, u32 first, cursor *at)
{
    at->step += a->split;
    if (at->step < end_of_tile(a, first))
        return;
    at->step = first + s->turn;
    at->local += a->turn_pairs;
    if (at->local < s->n_pairs)
        open_pair(a, s, at);
}

#if IS_DIRECT(RF_WEIGHT)
#include "kernels/gpu/matvec_direct.h"
#else
#include "kernels/gpu/matvec_ring.h"
#endif

/* ---- products ---------------------------------------------------------------------------------*/

/* Activations of one piece. */
typedef struct column {
    u32x4 x[4];
    rf_gpu_q8_scale scales[4]; /* of each chunk */
} column;

DEVICE rf_gpu_q8_scale scale_from_bits(u32 d, u32 sum)
{
    rf_gpu_q8_scale scale = {f32_from_bits(d), {(i32)sum}};
    return scale;
}

/* turn: which step of the tile it is. Where chunks are is not changed by whole steps. */
DEVICE column load_column(const tile *from, u32 c, u32 turn)
{
    column v;
    const u8 *quants = from->quants + (c * from->size + turn * STEP);
    const u8 *scales = from->scales + (c * from->size + turn * STEP) / CHUNK * SCALE_BYTES;
    const u32 chunk = CHUNK_OF(RF_WEIGHT)(lane());
    UNROLL
    for (u32 i = 0; i < shape::chunks; i++) {
        u32 at = chunk + i * shape::stride;
        v.x[i] = shared_16(quants + 16 * place_of(at));
        if (!shape::whole) {
            const u32x2 scale = shared_8(scales + SCALE_BYTES * at);
            v.scales[i] = scale_from_bits(scale.x, scale.y);
        }
    }
    if (shape::whole) { /* two chunks are neighbours, the first of an even number */
        const u32x4 both = shared_16(scales + SCALE_BYTES * chunk);
        v.scales[0] = scale_from_bits(both.x, both.y);
        v.scales[1] = scale_from_bits(both.z, both.w);
    }
    return v;
}

DEVICE i32 dot_chunk(const u32 *q, u32x4 x, i32 sum)
{
    sum = dot4(q[0], x.x, sum);
    sum = dot4(q[1], x.y, sum);
    sum = dot4(q[2], x.z, sum);
    return dot4(q[3], x.w, sum);
}

/* Of upper nibbles where they are: 16 times the product. */
DEVICE i32 dot_upper(const u32 *q, u32x4 x)
{
    i32 sum = dot4_mixed(q[0], x.x, 0);
    sum = dot4_mixed(q[1], x.y, sum);
    sum = dot4_mixed(q[2], x.z, sum);
    return dot4_mixed(q[3], x.w, sum);
}

/* Of a piece with one scale. */
DEVICE f32 dot_whole(const piece *p, const column *v)
{
    i32 dot = shape::offset ? shape::offset * (v->scales[0].sum + v->scales[1].sum) : 0;
    dot = dot_chunk(p->q + 4, v->x[1], dot_chunk(p->q, v->x[0], dot));
    if (shape::scaled)
        dot *= p->scale[0];
    f32 sum = p->d * (v->scales[0].d * (f32)dot);
    return shape::mins ? fused(p->m, v->scales[0].scaled_sum + v->scales[1].scaled_sum, sum) : sum;
}

DEVICE f32 dot_parts(const piece *p, const column *v)
{
    f32 sum = 0.0F, mins = 0.0F;
    UNROLL
    for (u32 i = 0; i < shape::chunks; i++) {
        const bool upper = UPPER_IN_PLACE && i == 1;
        const f32 dx = upper ? v->scales[i].d * (1.0F / 16.0F) : v->scales[i].d;
        const i32 first = shape::offset ? shape::offset * v->scales[i].sum : 0;
        const i32 dot =
            upper ? dot_upper(p->q + 4 * i, v->x[i]) : dot_chunk(p->q + 4 * i, v->x[i], first);
        sum = fused(dx, (f32)(dot * p->scale[i]), sum);
        if (shape::mins)
            mins = fused(v->scales[i].scaled_sum, (f32)p->min[i], mins);
    }
    return shape::mins ? fused(p->m, mins, p->d * sum) : p->d * sum;
}

/* One step of a lane, whose piece there is. turn: which step of the tile it is */
template <u32 columns>
DEVICE void add_step(const feed *from, u32 buffer, const tile *x, u32 step, u32 turn, f32 *sums)
{
    piece p[2];
    UNROLL
    for (u32 r = 0; r < 2; r++)
        unpack_row(from, buffer, step, r, &p[r]);
    UNROLL
    for (u32 c = 0; c < columns; c++) {
        column v = load_column(x, c, turn);
        UNROLL
        for (u32 r = 0; r < 2; r++)
            sums[r * columns + c] += shape::whole ? dot_whole(&p[r], &v) : dot_parts(&p[r], &v);
    }
}

/* ---- the kernel -------------------------------------------------------------------------------*/

/* A warp's shares of pairs in a tile whose first weights are under way. */
template <u32 columns>
DEVICE void multiply_tile(const matvec_args *a, const share *s, const tile *x, u32 first,
                          feed *weights)
{
    const u32 end = end_of_tile(a, first);
    u32 local = s->group, step = first + s->turn;
    f32 sums[2 * columns] = {};
    if (local >= s->n_pairs || step >= end)
        return;
    open_pair_of_feed(a, s, local, weights);
    for (;;) {
        UNROLL
        for (u32 buffer = 0; buffer < BUFFERS; buffer++) {
            take_step();
            if (step * STEP + lane() * shape::piece < a->k)
                add_step<columns>(weights, buffer, x, step, step - first, sums);
            leave_step(a, s, first, weights, buffer);
            step += a->split;
            if (step < end)
                continue;
            put_sums<columns>(a, s, local, sums, first > 0);
            step = first + s->turn;
            local += a->turn_pairs;
            if (local >= s->n_pairs)
                return;
            UNROLL
            for (u32 i = 0; i < 2 * columns; i++)
                sums[i] = 0.0F;
            open_pair_of_feed(a, s, local, weights);
        }
    }
}

template <u32 columns> DEVICE void matvec(const matvec_args *a)
{
    begin_in_order(a->order);
    if (a->n_experts)
        wait_for_previous();
    share s = open_share(a);
    u32 tile_size = a->tile_steps * STEP;
    u8 *quants = SHARED(u8) + RF_GPU_MATVEC_SUMS(a->block_pairs + 1, a->split, n_warps(), columns);
    u8 *scales = quants + columns * tile_size;
    u8 *rings = scales + columns * tile_size / CHUNK * SCALE_BYTES;
    tile x = {quants, scales, tile_size};
    feed weights;
    f32 scale[columns];
    start_feed(a, &s, 0, rings, &weights);
    prefetch_norm(a);
    wait_in_order(a->order);
    open_rows<columns, BUFFERS == 1, shape::mins>(a, &s, &x, scale);
    barrier();
    multiply_tile<columns>(a, &s, &x, 0, &weights);
    /* A single row has a single tile: the kernel of two rows is for those that are too long. */
    for (u32 first = a->tile_steps; columns > 1 && first < a->n_steps; first += a->tile_steps) {
        start_feed(a, &s, first, rings, &weights);
        barrier();
        fill_tile<columns, BUFFERS == 1, shape::mins>(a, &s, &x, first * STEP, scale);
        barrier();
        multiply_tile<columns>(a, &s, &x, first, &weights);
    }
    if (thread() == 0)
        prefetch_ahead(&a->ahead);
    end_in_order(a->order);
    end_products<columns>(a, &s);
}

#endif

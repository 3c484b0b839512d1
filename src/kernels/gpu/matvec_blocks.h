/*
 * matvec_blocks.h: the part of matvec.hip for weights in blocks, with activations in q8.
 *
 * Weights go to shared memory by copies of 16 bytes that nobody waits for until they are used, some
 * steps ahead: this keeps more bytes under way than registers could hold, has no wish for the
 * alignment of blocks of 18 or 210 bytes, and starts before the kernel ahead of this one has ended.
 * Activations are there for the whole block.
 */
#ifndef RF_KERNELS_GPU_MATVEC_BLOCKS_H
#define RF_KERNELS_GPU_MATVEC_BLOCKS_H

#include "kernels/gpu/args_prepare.h"
#include "kernels/gpu/dots.h"
#include "kernels/gpu/matvec_share.h"

/* Of the type that this is compiled for. */
#define SHAPE_OF_(type) shape_##type
#define SHAPE_OF(type)  SHAPE_OF_(type)
#define CHUNK_OF_(type) chunk_##type
#define CHUNK_OF(type)  CHUNK_OF_(type)
#define UNPACK_(type)   unpack_##type
#define UNPACK(type)    UNPACK_(type)
typedef SHAPE_OF(RF_WEIGHT) shape;

enum {
    STEP = RF_WARP * shape::piece, /* elements */
    STEP_BYTES = STEP / shape::block * shape::bytes,
    SLOT = RF_GPU_MATVEC_SLOT(RF_WARP, shape::piece, shape::block, shape::bytes), /* of a row */
    DEPTH = RF_GPU_MATVEC_DEPTH(RF_WARP, shape::piece, SLOT),
    COPIES = (SLOT / 16 + RF_WARP - 1) / RF_WARP,
    ALIGNED = shape::bytes % 16 == 0, /* rows start at multiples of 16 bytes */
    SCALE_BYTES = sizeof(rf_gpu_q8_scale),
};

/* ---- weights, ahead ---------------------------------------------------------------------------*/

/* A warp's rows, from the multiples of 16 on at or before their starts. */
typedef struct stream {
    const u8 *rows[2];
    u32 skew[2]; /* to where they start; 0 where ALIGNED */
    u32 row_bytes;
} stream;

DEVICE stream open_stream(const share *s)
{
    stream from;
    from.row_bytes = s->row_bytes;
#pragma unroll
    for (u32 r = 0; r < 2; r++) {
        from.rows[r] = GLOBAL(const u8, s->weights[r] & ~(u64)15);
        from.skew[r] = ALIGNED ? 0 : (u32)s->weights[r] & 15U;
    }
    return from;
}

DEVICE void copy_step(const stream *from, u32 step, u8 *slot)
{
#pragma unroll
    for (u32 r = 0; r < 2; r++) {
        u32 start = step * STEP_BYTES + from->skew[r];
        u32 end = minimum(start + STEP_BYTES, from->row_bytes + from->skew[r]);
        u32 first = start & ~15U;
#pragma unroll
        for (u32 i = 0; i < COPIES; i++) {
            u32 local = 16 * (i * WARP + lane());
            u32 at = first + local;
            if (at >= end)
                continue;
            if (ALIGNED)
                copy_async(slot + r * SLOT + local, from->rows[r] + at);
            else
                copy_async_some(slot + r * SLOT + local, from->rows[r] + at,
                                minimum(end - at, 16U));
        }
    }
}

/* ---- activations ------------------------------------------------------------------------------*/

/* Where chunk i of a row of activations is. Lanes read chunks with gaps between, which would be in
 * the same banks; moved by bits 3 and 4 they are in all, for every type's way. */
DEVICE u32 place_of(u32 i)
{
    return i ^ (i & 8U ? 7U : 0U) ^ (i & 16U ? 2U : 0U);
}

/* In shared memory. */
typedef struct tile {
    u8 *quants; /* [columns][size] */
    u8 *scales; /* rf_gpu_q8_scale [columns][size / 32] */
    u32 size;   /* elements */
} tile;

/* Elements from `first` on of all rows. */
template <u32 columns>
DEVICE void load_tile(const matvec_args *a, const share *s, const tile *to, u32 first)
{
    u32 count = minimum(to->size, a->k - first);
    const u8 *quants = GLOBAL(const u8, a->quants) + ((u64)s->input_row * a->k + first);
    const u8 *scales = GLOBAL(const u8, a->scales) +
                       ((u64)s->input_row * a->k + first) / RF_GPU_Q8_BLOCK * SCALE_BYTES;
    for (u32 i = thread(); i < count / 16; i += n_threads()) {
#pragma unroll
        for (u32 c = 0; c < columns; c++) {
            if (columns == 1 || c < a->n_rows)
                *(u32x4 *)(to->quants + (c * to->size + 16 * place_of(i))) =
                    *(const u32x4 *)(quants + ((u64)c * a->k + 16 * i));
        }
    }
    u32 row_bytes = a->k / RF_GPU_Q8_BLOCK * SCALE_BYTES;
    for (u32 i = thread(); i < count / RF_GPU_Q8_BLOCK; i += n_threads()) {
#pragma unroll
        for (u32 c = 0; c < columns; c++) {
            if (columns == 1 || c < a->n_rows)
                *(u32x2 *)(to->scales + SCALE_BYTES * (c * to->size / RF_GPU_Q8_BLOCK + i)) =
                    *(const u32x2 *)(scales + (c * row_bytes + SCALE_BYTES * i));
        }
    }
}

/* ---- products ---------------------------------------------------------------------------------*/

/* Activations of one piece. */
typedef struct column {
    u32x4 x[4];
    u32x2 scales[4]; /* rf_gpu_q8_scale of each chunk, or one for all */
} column;

/* turn: which step of the tile it is. Where chunks are is not changed by whole steps. */
DEVICE column load_column(const tile *from, u32 c, u32 turn)
{
    column v;
    const u8 *quants = from->quants + (c * from->size + turn * STEP);
    const u8 *scales =
        from->scales + (c * from->size + turn * STEP) / RF_GPU_Q8_BLOCK * SCALE_BYTES;
    const u32 chunk = CHUNK_OF(RF_WEIGHT)(lane());
#pragma unroll
    for (u32 i = 0; i < shape::chunks; i++) {
        u32 at = chunk + i * shape::stride;
        v.x[i] = shared_16(quants + 16 * place_of(at));
        if (i == 0 || !shape::whole)
            v.scales[i] = shared_8(scales + SCALE_BYTES * (at / 2));
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

/* Of a piece with one scale. */
DEVICE f32 dot_whole(const piece *p, const column *v)
{
    i32 low = (i32)(i16)v->scales[0].y, high = (i32)v->scales[0].y >> 16;
    i32 dot = shape::offset ? shape::offset * (low + high) : 0;
    dot = dot_chunk(p->q + 4, v->x[1], dot_chunk(p->q, v->x[0], dot));
    if (shape::scaled)
        dot *= p->scale[0];
    f32 dx = f32_from_bits(v->scales[0].x);
    f32 sum = p->d * (dx * (f32)dot);
    return shape::mins ? fused(p->m, dx * (f32)(low + high), sum) : sum;
}

/* odd: whether its chunks are second halves of the activations' blocks. */
DEVICE f32 dot_parts(const piece *p, const column *v, u32 odd)
{
    f32 sum = 0.0F, mins = 0.0F;
#pragma unroll
    for (u32 i = 0; i < shape::chunks; i++) {
        f32 dx = f32_from_bits(v->scales[i].x);
        i32 total = (i32)(i16)(v->scales[i].y >> (16 * odd));
        i32 dot = dot_chunk(p->q + 4 * i, v->x[i], shape::offset * total);
        sum = fused(dx, (f32)(dot * p->scale[i]), sum);
        if (shape::mins)
            mins = fused(dx, (f32)(total * p->min[i]), mins);
    }
    return shape::mins ? fused(p->m, mins, p->d * sum) : p->d * sum;
}

/* One step of a lane, whose piece there is. */
template <u32 columns>
DEVICE void add_step(const stream *from, const tile *x, u32 step, u32 turn, const u8 *slot,
                     f32 *sums)
{
    const u32 odd = CHUNK_OF(RF_WEIGHT)(lane()) & 1U;
    piece p[2];
#pragma unroll
    for (u32 r = 0; r < 2; r++) {
        u32 skew = ALIGNED ? 0 : (step * STEP_BYTES + from->skew[r]) & 15U;
        u32 at = r * SLOT + skew + lane() / shape::parts * shape::bytes;
        UNPACK(RF_WEIGHT)(slot, at, lane() % shape::parts, &p[r]);
    }
#pragma unroll
    for (u32 c = 0; c < columns; c++) {
        column v = load_column(x, c, turn);
#pragma unroll
        for (u32 r = 0; r < 2; r++)
            sums[r * columns + c] +=
                shape::whole ? dot_whole(&p[r], &v) : dot_parts(&p[r], &v, odd);
    }
}

/* ---- the kernel -------------------------------------------------------------------------------*/

template <u32 columns> DEVICE void matvec(const matvec_args *a)
{
    u8 *memory = SHARED(u8);
    u32 tile_size = a->tile_steps * STEP;
    u8 *quants = memory + RF_GPU_MATVEC_SUMS(n_warps(), columns);
    u8 *scales = quants + columns * tile_size;
    tile x = {quants, scales, tile_size};
    u8 *ring = scales + columns * tile_size / RF_GPU_Q8_BLOCK * SCALE_BYTES +
               warp() * a->slots * (2 * SLOT);

    if (a->n_experts)
        wait_for_previous();
    share s = open_share(a);
    stream from = open_stream(&s);
    u32 n_steps = (a->k + STEP - 1) / STEP;
    u32 mine = s.active ? n_steps : 0;
#pragma unroll
    for (u32 i = 0; i < DEPTH; i++) {
        if (s.turn + i * a->split < mine)
            copy_step(&from, s.turn + i * a->split, ring + i * (2 * SLOT));
        copy_commit();
    }
    release_next();
    wait_for_previous();

    f32 sums[2 * columns];
#pragma unroll
    for (u32 i = 0; i < 2 * columns; i++)
        sums[i] = 0.0F;
    u32 step = s.turn, slot = 0;
    for (u32 first = 0; first < n_steps; first += a->tile_steps) {
        if (first > 0)
            barrier();
        load_tile<columns>(a, &s, &x, first * STEP);
        barrier();
        for (u32 end = minimum(first + a->tile_steps, mine); step < end; step += a->split) {
            copy_wait<DEPTH - 1>();
            warp_barrier();
            u8 *weights = ring + slot * (2 * SLOT);
            if (step * STEP + lane() * shape::piece < a->k)
                add_step<columns>(&from, &x, step, step - first, weights, sums);
            warp_barrier();
            if (step + DEPTH * a->split < mine)
                copy_step(&from, step + DEPTH * a->split, weights);
            copy_commit();
            slot = slot + 1 == a->slots ? 0 : slot + 1;
        }
    }
    end_products<columns>(a, sums);
}

#endif

/*
 * matvec_ring.h: the feed of matvec_blocks.h for types whose blocks are not aligned to 16 bytes:
 * copies to shared memory that nobody waits for until they are used. This keeps more bytes under
 * way than registers could hold, and has no wish for the alignment of blocks of 18 or 210 bytes.
 */
#ifndef RF_KERNELS_GPU_MATVEC_RING_H
#define RF_KERNELS_GPU_MATVEC_RING_H

enum {
    SLOT = RF_GPU_MATVEC_SLOT(RF_WARP, shape::piece, shape::block, shape::bytes), /* of a row */
    DEPTH = RF_GPU_MATVEC_DEPTH(RF_WARP, SLOT, ASYNCHRONOUS_COPIES),
    COPIES = (SLOT / 16 + RF_WARP - 1) / RF_WARP,
};

enum { BUFFERS = 1 }; /* slots are told apart by where they are */

/* A warp's ring of slots, each for a step of two rows. */
typedef struct feed {
    cursor ahead; /* what is copied next */
    u8 *ring;
    u8 *slot;    /* what is used next */
    u32 skew[2]; /* of the rows that are used */
} feed;

DEVICE void copy_step(const matvec_args *a, const cursor *at, u8 *slot)
{
    const u32 row_bytes = a->k / shape::block * shape::bytes;
    UNROLL
    for (u32 r = 0; r < 2; r++) {
        u32 start = at->step * STEP_BYTES + at->skew[r];
        u32 end = minimum(start + STEP_BYTES, row_bytes + at->skew[r]);
        u32 first = start & ~15U;
        UNROLL
        for (u32 i = 0; i < COPIES; i++) {
            u32 local = 16 * (i * WARP + lane());
            u32 from = first + local;
            if (from >= end)
                continue;
            copy_async_some(slot + r * SLOT + local, at->rows[r] + from, minimum(end - from, 16U));
        }
    }
}

/* Copies the cursor's step, if there is one, and goes on to the next. One group of copies either
 * way. */
DEVICE void copy_ahead(const matvec_args *a, const share *s, u32 first, cursor *at, u8 *slot)
{
    if (at->local < s->n_pairs) {
        copy_step(a, at, slot);
        advance(a, s, first, at);
    }
    copy_commit();
}

/* Starts with the steps of the tile that begins at step `first`. rings: shared memory of all warps
 */
DEVICE void start_feed(const matvec_args *a, const share *s, u32 first, u8 *rings, feed *f)
{
    f->ring = f->slot = rings + warp() * a->slots * (2 * SLOT);
    open_cursor(a, s, first, &f->ahead);
    UNROLL
    for (u32 i = 0; i < DEPTH; i++)
        copy_ahead(a, s, first, &f->ahead, f->ring + i * (2 * SLOT));
}

DEVICE void open_pair_of_feed(const matvec_args *a, const share *s, u32 local, feed *f)
{
    cursor at;
    at.local = local;
    open_pair(a, s, &at);
    f->skew[0] = at.skew[0];
    f->skew[1] = at.skew[1];
}

/* Waits for the next step's weights. All lanes go here, and to leave_step when they are used up. */
DEVICE void take_step(void)
{
    copy_wait<DEPTH - 1>();
    warp_barrier();
}

DEVICE void leave_step(const matvec_args *a, const share *s, u32 first, feed *f, u32 buffer)
{
    (void)buffer;
    warp_barrier();
    copy_ahead(a, s, first, &f->ahead, f->slot);
    f->slot = f->slot == f->ring + (a->slots - 1) * (2 * SLOT) ? f->ring : f->slot + 2 * SLOT;
}

DEVICE void unpack_row(const feed *f, u32 buffer, u32 step, u32 r, piece *p)
{
    (void)buffer;
    u32 start = (step * STEP_BYTES + f->skew[r]) & 15U;
    u32 at = r * SLOT + start + lane() / shape::parts * shape::bytes;
    UNPACK(RF_WEIGHT)(f->slot, at, lane() % shape::parts, p);
}

#endif

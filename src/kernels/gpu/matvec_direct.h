/*
 * matvec_direct.h: the feed of matvec_blocks.h for Q4_K, whose blocks are multiples of 16 bytes:
 * each lane loads what it will use, 16 bytes at a time, to registers, two steps ahead. That is a
 * third fewer instructions than by way of shared memory, which is what bounds this type on fast
 * memory.
 */
#ifndef RF_KERNELS_GPU_MATVEC_DIRECT_H
#define RF_KERNELS_GPU_MATVEC_DIRECT_H

enum { BUFFERS = 2 };

typedef struct feed {
    cursor ahead; /* what is loaded next */
    RAW(RF_WEIGHT) buffers[BUFFERS][2];
} feed;

/* Loads the cursor's step, if there is one, and goes on to the next. */
DEVICE void load_ahead(const matvec_args *a, const share *s, u32 first, feed *f, u32 buffer)
{
    if (f->ahead.local >= s->n_pairs)
        return;
    if (f->ahead.step * STEP + lane() * shape::piece < a->k) {
        UNROLL
        for (u32 r = 0; r < 2; r++)
            LOAD(RF_WEIGHT)
        (f->ahead.rows[r] + f->ahead.step * STEP_BYTES, lane() % shape::parts,
         &f->buffers[buffer][r]);
    }
    advance(a, s, first, &f->ahead);
}

DEVICE void start_feed(const matvec_args *a, const share *s, u32 first, u8 *rings, feed *f)
{
    (void)rings;
    open_cursor(a, s, first, &f->ahead);
    UNROLL
    for (u32 i = 0; i < BUFFERS; i++)
        load_ahead(a, s, first, f, i);
}

DEVICE void open_pair_of_feed(const matvec_args *a, const share *s, u32 local, feed *f)
{
    (void)a, (void)s, (void)local, (void)f;
}

DEVICE void take_step(void)
{
}

DEVICE void leave_step(const matvec_args *a, const share *s, u32 first, feed *f, u32 buffer)
{
    load_ahead(a, s, first, f, buffer);
}

DEVICE void unpack_row(const feed *f, u32 buffer, u32 step, u32 r, piece *p)
{
    (void)step;
    UNPACK(RF_WEIGHT)(&f->buffers[buffer][r], lane() % shape::parts, p);
}

#endif

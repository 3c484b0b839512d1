/*
 * matvec_direct.h: the feed of matvec_blocks.h for Q4_K, whose blocks are multiples of 16 bytes:
 * each lane loads what it will use, 16 bytes at a time, to registers, a step ahead. That is a third
 * fewer instructions than by way of shared memory, which is what bounds this type on fast memory.
 */
#ifndef RF_KERNELS_GPU_MATVEC_DIRECT_H
#define RF_KERNELS_GPU_MATVEC_DIRECT_H

typedef struct feed {
    cursor ahead; /* what is loaded next */
    RAW(RF_WEIGHT) next[2];
    RAW(RF_WEIGHT) now[2];
} feed;

/* Loads the cursor's step, if there is one, and goes on to the next. */
DEVICE void load_ahead(const matvec_args *a, const share *s, u32 first, feed *f)
{
    if (f->ahead.local >= s->n_pairs)
        return;
    if (f->ahead.step * STEP + lane() * shape::piece < a->k) {
        u32 offset = f->ahead.step * STEP_BYTES + lane() / shape::parts * shape::bytes;
        UNROLL
        for (u32 r = 0; r < 2; r++)
            LOAD(RF_WEIGHT)(f->ahead.rows[r] + offset, lane() % shape::parts, &f->next[r]);
    }
    advance(a, s, first, &f->ahead);
}

DEVICE void start_feed(const matvec_args *a, const share *s, u32 first, u8 *rings, feed *f)
{
    (void)rings;
    open_cursor(a, s, first, &f->ahead);
    load_ahead(a, s, first, f);
}

DEVICE void open_pair_of_feed(const matvec_args *a, const share *s, u32 local, feed *f)
{
    (void)a, (void)s, (void)local, (void)f;
}

DEVICE void take_step(const matvec_args *a, const share *s, u32 first, feed *f)
{
    f->now[0] = f->next[0];
    f->now[1] = f->next[1];
    load_ahead(a, s, first, f);
}

DEVICE void leave_step(const matvec_args *a, const share *s, u32 first, feed *f)
{
    (void)a, (void)s, (void)first, (void)f;
}

DEVICE void unpack_row(const feed *f, u32 step, u32 r, piece *p)
{
    (void)step;
    UNPACK(RF_WEIGHT)(&f->now[r], lane() % shape::parts, p);
}

#endif

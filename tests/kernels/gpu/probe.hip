/* probe.hip: kernels that show what the emulated device does, and what it finds. */
#include "kernels/gpu/prelude.h"

#include "probe_args.h"

#define MAX_THREADS 1024

/* Where each thread is: out [blocks][threads][8] */
KERNEL(probe_indices, probe_args, MAX_THREADS)
{
    u32 block = block_x() + n_blocks_x() * (block_y() + a.n * block_z());
    u32 *out = GLOBAL(u32, a.out) + (u64)(block * n_threads() + thread()) * 8;
    out[0] = thread();
    out[1] = n_threads();
    out[2] = block_x();
    out[3] = block_y();
    out[4] = block_z();
    out[5] = n_blocks_x();
    out[6] = lane();
    out[7] = warp();
}

/* A sum by halving, with a barrier after each step. shared: u32 [threads] */
KERNEL(probe_reduce, probe_args, MAX_THREADS)
{
    u32 *shared = SHARED(u32);
    shared[thread()] = GLOBAL(const u32, a.in)[block_x() * n_threads() + thread()];
    for (u32 half = n_threads() / 2; half > 0; half /= 2) {
        barrier();
        if (thread() < half)
            shared[thread()] += shared[thread() + half];
    }
    if (thread() == 0)
        GLOBAL(u32, a.out)[block_x()] = shared[0];
}

/* out [threads][4]: a value from the right, by exclusive or, a sum, and the bits of a maximum. */
KERNEL(probe_warp, probe_args, MAX_THREADS)
{
    u32 *out = GLOBAL(u32, a.out) + thread() * 4;
    out[0] = shuffle(thread(), lane() + 1);
    out[1] = shuffle_xor(thread(), 5);
    out[2] = warp_sum(thread());
    out[3] = bits_of(group_max<8>((f32)thread()));
}

/* Blocks count up; the last of them says so. */
KERNEL(probe_count, probe_args, MAX_THREADS)
{
    u32 *counter = GLOBAL(u32, a.counter);
    if (count_up(counter) == n_blocks_x() * n_threads() - 1)
        GLOBAL(u32, a.out)[0] = block_x() + 1;
}

/* Shared memory as it is found. */
KERNEL(probe_fresh, probe_args, MAX_THREADS)
{
    u32 *shared = SHARED(u32);
    GLOBAL(u32, a.out)[block_x() * n_threads() + thread()] = shared[thread()];
    barrier();
    shared[thread()] = 7;
}

/* 16 bytes a thread by way of shared memory, read by another thread. */
KERNEL(probe_copy, probe_args, MAX_THREADS)
{
    u32x4 *shared = SHARED(u32x4);
    const u32x4 *in = GLOBAL(const u32x4, a.in);
    copy_async(shared + thread(), in + thread());
    copy_commit();
    copy_wait<0>();
    barrier();
    GLOBAL(u32x4, a.out)[thread()] = shared[n_threads() - 1 - thread()] + load_once(in);
}

/* Writes word n of out, of in, or of shared memory. */
KERNEL(probe_write, probe_args, MAX_THREADS)
{
    u32 *to = a.mode ? SHARED(u32) : GLOBAL(u32, a.out);
    if (thread() == 0)
        to[(i32)a.n] = 0x12345678;
}

KERNEL(probe_read, probe_args, MAX_THREADS)
{
    const u32 *from = a.mode ? SHARED(const u32) : GLOBAL(const u32, a.in);
    if (thread() == 0)
        GLOBAL(u32, a.out)[0] = from[(i32)a.n];
}

/* What must not be. */
KERNEL(probe_diverge, probe_args, MAX_THREADS)
{
    u32 value = thread();
    switch (a.mode) {
    case 0: /* a barrier that some threads do not reach */
        if (thread() < a.n)
            barrier();
        break;
    case 1: /* two barriers */
        if (thread() < a.n) {
            barrier();
            GLOBAL(u32, a.out)[thread()] = 1;
        } else {
            GLOBAL(u32, a.out)[thread()] = 2;
            barrier();
        }
        break;
    case 2: /* lanes that are not in a shuffle */
        if (lane() < a.n)
            value = shuffle(value, 0);
        break;
    case 3: /* a shuffle and a barrier of the warp */
        if (lane() < a.n)
            value = shuffle(value, 0);
        else
            warp_barrier();
        break;
    case 4: /* a barrier of the block and an operation of the warp */
        if (lane() < a.n)
            value = warp_sum(value);
        else
            barrier();
        break;
    default: /* some turns of a loop more than others */
        for (u32 i = 0; i < 1 + thread() / a.n; i++)
            barrier();
        break;
    }
    GLOBAL(u32, a.out)[thread()] = value;
}

/* A race: each thread reads what its neighbour below, and the one above, wrote, without a barrier. */
KERNEL(probe_race, probe_args, MAX_THREADS)
{
    u32 *shared = SHARED(u32);
    shared[thread()] = thread();
    u32 other = a.mode ? (thread() + 1) % n_threads() : (thread() + n_threads() - 1) % n_threads();
    GLOBAL(u32, a.out)[thread()] = shared[other];
}

/* out[i] = in[i] + 1, after n barriers and as many shuffles. */
KERNEL(probe_work, probe_args, MAX_THREADS)
{
    u32 i = block_x() * n_threads() + thread();
    u32 value = GLOBAL(const u32, a.in)[i];
    for (u32 turn = 0; turn < a.n; turn++) {
        value = shuffle(value, lane());
        barrier();
    }
    GLOBAL(u32, a.out)[i] = value + 1;
}

/* An address that lies in memory, not among the arguments. */
KERNEL(probe_indirect, probe_args, MAX_THREADS)
{
    u64 address = GLOBAL(const u64, a.in)[0];
    GLOBAL(u32, address)[thread()] = thread();
}

KERNEL(probe_few, probe_args, 64)
{
    if (a.out)
        GLOBAL(u32, a.out)[thread()] = 1;
}

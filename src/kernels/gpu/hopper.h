/*
 * hopper.h: what NVIDIA's compute capability 9.0 has and others have not: copies that a barrier in
 * shared memory hears of, matrix units for four warps that work asynchronously, clusters of blocks
 * that read each other's shared memory. For sm_90a alone.
 *
 * Source: PTX ISA 8.3, "mbarrier", "cp.async.bulk", "Asynchronous warpgroup level matrix
 * instructions", "barrier.cluster".
 */
#ifndef RF_KERNELS_GPU_HOPPER_H
#define RF_KERNELS_GPU_HOPPER_H

#include "kernels/gpu/prelude.h"

#define GROUP 128U /* threads that a matrix unit's instruction is of */

/* ---- shared memory, barriers and copies ------------------------------------------------------ */

/* A barrier in shared memory: `count` arrivals, and as many bytes as were announced, end a phase.
 */
DEVICE void open_barrier(u32 at, u32 count)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(at), "r"(count) : "memory");
}
DEVICE void arrive(u32 at)
{
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(at) : "memory");
}
DEVICE void arrive_expecting(u32 at, u32 bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(at), "r"(bytes)
                 : "memory");
}
/* Waits for the end of the phase of that parity. */
DEVICE void wait_for(u32 at, u32 parity)
{
    u32 done = 0;
    while (!done)
        asm volatile("{\n"
                     ".reg .pred ended;\n"
                     "mbarrier.try_wait.parity.shared::cta.b64 ended, [%1], %2;\n"
                     "selp.u32 %0, 1, 0, ended;\n"
                     "}"
                     : "=r"(done)
                     : "r"(at), "r"(parity)
                     : "memory");
}

/* Bytes, a multiple of 16, from global to shared memory; the barrier hears of them. */
DEVICE void copy_bulk(u32 to, const u8 *from, u32 bytes, u32 barrier)
{
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1], %2, [%3];" ::"r"(to),
                 "l"(from), "r"(bytes), "r"(barrier)
                 : "memory");
}

/* A box of rows, of which `map` is the description (rf_row_boxes_code), from element (column, row)
 * on: 16 bits each, of which column is a multiple of 8. to: aligned to 128 */
DEVICE void copy_box(u32 to, u64 map, u32 column, u32 row, u32 barrier)
{
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%2, %3}], [%4];" ::"r"(to),
                 "l"(map), "r"(column), "r"(row), "r"(barrier)
                 : "memory");
}

/* After barriers were opened, and before copies of what other kernels wrote. */
DEVICE void show_barriers(void)
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async;" ::: "memory");
}
DEVICE void show_to_copies(void)
{
    asm volatile("fence.proxy.async;" ::: "memory");
}

/* ---- the matrix unit ------------------------------------------------------------------------- */

/* Describes an operand with k innermost: address, 1024 bytes from eight rows to the next, 128-byte
 * swizzle. The distance along k is not used with it. */
DEVICE u64 describe(u32 at)
{
    return (u64)(at >> 4 & 0x3FFFU) | 1ULL << 16 | (u64)(1024 >> 4) << 32 | 1ULL << 62;
}

DEVICE void products_begin(void)
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
DEVICE void products_commit(void)
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int pending> DEVICE void products_wait(void)
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}

/* ---- clusters -------------------------------------------------------------------------------- */

/* Number of the block in its cluster. */
DEVICE u32 cluster_rank(void)
{
    u32 rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}
/* Waits for all threads of the cluster; what they wrote to shared memory is then seen. */
DEVICE void cluster_barrier(void)
{
    asm volatile("barrier.cluster.arrive.release.aligned;\n"
                 "barrier.cluster.wait.acquire.aligned;" ::
                     : "memory");
}
/* What is at `at` in the shared memory of another block of the cluster. */
DEVICE f32 load_of_block(u32 at, u32 rank)
{
    f32 v;
    asm volatile("{\n"
                 ".reg .u32 there;\n"
                 "mapa.shared::cluster.u32 there, %1, %2;\n"
                 "ld.shared::cluster.f32 %0, [there];\n"
                 "}"
                 : "=f"(v)
                 : "r"(at), "r"(rank)
                 : "memory");
    return v;
}

#endif

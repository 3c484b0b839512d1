/*
 * order.h: products of one input side by side.
 *
 * The first of them lets the next kernel start when its own wait is over, so that all that was
 * before it is done, and in memory, when the others start: these read the input without a wait.
 * They wait at their end instead: whoever waits for the last of them waits for all. Before that
 * they may write, so that what they write nobody reads who is not done: neither the first, nor its
 * input's writers.
 */
#ifndef RF_KERNELS_GPU_ORDER_H
#define RF_KERNELS_GPU_ORDER_H

#include "kernels/gpu/args_order.h"
#include "kernels/gpu/prelude.h"

/* What follows must not depend on the kernels before, but for weights. */
DEVICE void begin_in_order(u32 order)
{
#if defined(RF_GPU_NVIDIA) && __CUDA_ARCH__ >= 900
    /* Nothing older may be left in the first-level cache of what the input is now: a wait sees to
     * that, and here is none. */
    if (order == RF_GPU_LATER)
        asm volatile("fence.acq_rel.gpu;" ::: "memory");
#endif
    if (order != RF_GPU_FIRST)
        release_next();
}

/* The input is there. */
DEVICE void wait_in_order(u32 order)
{
    if (order != RF_GPU_LATER)
        wait_for_previous();
    if (order == RF_GPU_FIRST)
        release_next();
}

DEVICE void end_in_order(u32 order)
{
    if (order == RF_GPU_LATER)
        wait_for_previous();
}

#endif

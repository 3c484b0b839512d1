/* pages.h: where the rows of keys and values are. */
#ifndef RF_KERNELS_GPU_PAGES_H
#define RF_KERNELS_GPU_PAGES_H

#include "kernels/gpu/args_kv.h"
#include "kernels/gpu/prelude.h"

#define NO_ROW 0xFFFFFFFFU

/* The page of a position of a sequence; below 0: there is none. */
DEVICE i32 page_of(const rf_gpu_kv *kv, u32 sequence, u32 position)
{
    const u32 index = position >> kv->page_shift;
    if (index >= kv->table_stride)
        return -1;
    return GLOBAL(const i32, kv->block_tables)[(u64)sequence * kv->table_stride + index];
}

/* The number of a head's row among all rows of the layer. A cache of 2^32 rows would be 2^32 times
 * 32 bytes at least. */
DEVICE u32 row_of(const rf_gpu_kv *kv, i32 page, u32 position, u32 head)
{
    const u32 slot = position & ((1U << kv->page_shift) - 1U);
    return page < 0 ? NO_ROW : (((u32)page * kv->n_kv_heads + head) << kv->page_shift) + slot;
}

#endif

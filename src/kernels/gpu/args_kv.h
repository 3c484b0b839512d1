/*
 * args_kv.h: a layer's pages and the tokens of a batch, as kernels get them.
 *
 * A token may have a position below 0: a row of the batch that nobody wants. It reads and writes no
 * page. The same holds for a page below 0 in a block table: nothing is read or written where it
 * would be, and attention leaves its positions out.
 */
#ifndef RF_KERNELS_GPU_ARGS_KV_H
#define RF_KERNELS_GPU_ARGS_KV_H

#include <stdint.h>

/* Element types of keys and values. */
#define RF_GPU_KV_F32  0U
#define RF_GPU_KV_F16  1U
#define RF_GPU_KV_Q8_0 2U

struct rf_gpu_kv {
    uint64_t keys;         /* [n_pages][n_kv_heads][page_tokens] rows of row_bytes */
    uint64_t values;       /* the same */
    uint64_t positions;    /* i32 [n_tokens] */
    uint64_t rows;         /* i32 [n_tokens]: row of block_tables */
    uint64_t block_tables; /* i32 [][table_stride] */
    uint32_t n_tokens;
    uint32_t table_stride;
    uint32_t n_kv_heads;
    uint32_t head_size;
    uint32_t row_bytes;
    uint32_t page_shift; /* page_tokens = 1 << page_shift */
    uint32_t type;       /* RF_GPU_KV_… */
    uint32_t unused;
};

#endif

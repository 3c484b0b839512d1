/* kv_page.h: where the row of a position is among the pages of a layer; see kvcache/kvcache.h. */
#ifndef RF_KERNELS_CPU_KV_PAGE_H
#define RF_KERNELS_CPU_KV_PAGE_H

#include "kernels/cpu/operations.h"

/* A layer of the cache and the batch that reads or writes it, as host pointers. */
typedef struct rf_kv_pages {
    const rf_kv_layer *layer;
    const int32_t *positions;    /* [n_tokens] */
    const int32_t *rows;         /* [n_tokens] */
    const int32_t *block_tables; /* [n_rows][table_stride] */
    uint64_t table_stride;
    uint64_t row_bytes;  /* of one head of one position */
    uint32_t page_shift; /* page_tokens = 1 << page_shift */
} rf_kv_pages;

/* RF_ERROR_INTERNAL where the head is wider than the stack arrays of the operations. */
rf_status rf_kv_pages_open(const rf_batch_view *batch, const rf_kv_layer *layer, rf_kv_pages *out,
                           rf_error *error);

/* Bytes from the start of keys, and of values, to a head of a position of the batch's row. */
static inline uint64_t rf_kv_pages_offset(const rf_kv_pages *pages, uint32_t row, uint32_t position,
                                          uint32_t head)
{
    const int32_t *table = pages->block_tables + row * pages->table_stride;
    uint64_t page = (uint32_t)table[position >> pages->page_shift];
    uint64_t slot = position & (pages->layer->page_tokens - 1);
    return (((page * pages->layer->n_kv_heads + head) << pages->page_shift) + slot) *
           pages->row_bytes;
}

#endif

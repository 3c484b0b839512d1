/* pages.h: a KV cache of random content in pages that are in no order, for tests of what uses one.
 */
#ifndef RF_TESTS_KERNELS_PAGES_H
#define RF_TESTS_KERNELS_PAGES_H

#include "operations.h"

#define MAX_SEQUENCES 4

/* What a batch is made of: sequence s has n[s] tokens in it, from position first[s] on. */
typedef struct batch_shape {
    uint32_t n_sequences;
    uint32_t first[MAX_SEQUENCES];
    uint32_t n[MAX_SEQUENCES];
} batch_shape;

typedef struct paged_batch {
    rf_kv_layer layer;
    rf_batch_view view;
    uint32_t n_pages;
    uint64_t row_bytes;
    uint64_t bytes; /* of keys, and of values */
    uint8_t *keys;
    uint8_t *values;
    int32_t *positions;
    int32_t *rows;
    int32_t *tables;
} paged_batch;

/* Pages for every position up to the last of each sequence, dealt out at random: sequences lie
 * among each other. The batch's tokens alternate between sequences. */
void open_pages(paged_batch *batch, const batch_shape *shape, rf_type type, uint32_t n_kv_heads,
                uint32_t head_size, uint32_t page_tokens);
void close_pages(paged_batch *batch);

/* The row of a head at a position, in keys or values. */
uint8_t *page_row(const paged_batch *batch, uint8_t *from, uint32_t sequence, uint32_t position,
                  uint32_t head);

#endif

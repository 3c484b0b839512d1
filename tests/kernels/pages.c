/* pages.c: see pages.h. */
#include "pages.h"

#include <stdlib.h>

#include "tensor/quantise.h"

static uint8_t *random_rows(const paged_batch *batch)
{
    const uint64_t n = batch->bytes / batch->row_bytes * batch->layer.head_size;
    float *values = random_floats(n, 1);
    uint8_t *rows = malloc(batch->bytes);
    assert_non_null(rows);
    assert_int_equal(rf_quantise_row(batch->layer.type, values, rows, n, NULL), RF_OK);
    free(values);
    return rows;
}

/* Gives out pages 0, 1, … in random order. */
static void deal_pages(paged_batch *batch, const batch_shape *shape)
{
    int32_t *deck = malloc(batch->n_pages * sizeof(*deck));
    for (uint32_t i = 0; i < batch->n_pages; i++) {
        uint32_t j = random_below(i + 1);
        deck[i] = deck[j];
        deck[j] = (int32_t)i;
    }
    uint32_t given = 0;
    const uint32_t page_tokens = batch->layer.page_tokens;
    for (uint32_t s = 0; s < shape->n_sequences; s++) {
        int32_t *table = batch->tables + (size_t)s * batch->view.table_stride;
        uint32_t pages = (shape->first[s] + shape->n[s] + page_tokens - 1) / page_tokens;
        for (uint32_t i = 0; i < batch->view.table_stride; i++)
            table[i] = i < pages ? deck[given++] : -1;
    }
    free(deck);
}

/* Tokens of all sequences, in runs of up to three of each. */
static void fill_batch(paged_batch *batch, const batch_shape *shape)
{
    uint32_t done[MAX_SEQUENCES] = {0};
    uint32_t t = 0;
    while (t < batch->view.n_tokens) {
        uint32_t s = random_below(shape->n_sequences);
        for (uint32_t run = 1 + random_below(3); run && done[s] < shape->n[s]; run--, t++) {
            batch->rows[t] = (int32_t)s;
            batch->positions[t] = (int32_t)(shape->first[s] + done[s]++);
        }
    }
}

void open_pages(paged_batch *batch, const batch_shape *shape, rf_type type, uint32_t n_kv_heads,
                uint32_t head_size, uint32_t page_tokens)
{
    const rf_type_info *info = rf_type_describe((uint32_t)type);
    uint32_t n_tokens = 0;
    uint32_t n_pages = 0;
    uint32_t stride = 0;
    for (uint32_t s = 0; s < shape->n_sequences; s++) {
        uint32_t pages = (shape->first[s] + shape->n[s] + page_tokens - 1) / page_tokens;
        n_tokens += shape->n[s];
        n_pages += pages;
        stride = pages + 2 > stride ? pages + 2 : stride;
    }
    *batch = (paged_batch){.n_pages = n_pages};
    batch->row_bytes = (uint64_t)head_size / info->block_elements * info->block_bytes;
    batch->bytes = batch->row_bytes * page_tokens * n_kv_heads * n_pages;
    batch->layer = (rf_kv_layer){
        .type = type,
        .n_kv_heads = n_kv_heads,
        .head_size = head_size,
        .page_tokens = page_tokens,
    };
    batch->keys = random_rows(batch);
    batch->values = random_rows(batch);
    batch->layer.keys = address_of(batch->keys);
    batch->layer.values = address_of(batch->values);
    batch->positions = calloc(n_tokens, sizeof(int32_t));
    batch->rows = calloc(n_tokens, sizeof(int32_t));
    batch->tables = calloc((size_t)stride * shape->n_sequences, sizeof(int32_t));
    batch->view = (rf_batch_view){
        .n_tokens = n_tokens,
        .positions = address_of(batch->positions),
        .rows = address_of(batch->rows),
        .block_tables = address_of(batch->tables),
        .table_stride = stride,
    };
    deal_pages(batch, shape);
    fill_batch(batch, shape);
}

void close_pages(paged_batch *batch)
{
    free(batch->keys);
    free(batch->values);
    free(batch->positions);
    free(batch->rows);
    free(batch->tables);
}

uint8_t *page_row(const paged_batch *batch, uint8_t *from, uint32_t sequence, uint32_t position,
                  uint32_t head)
{
    const rf_kv_layer *layer = &batch->layer;
    uint64_t page =
        (uint32_t)batch
            ->tables[(size_t)sequence * batch->view.table_stride + position / layer->page_tokens];
    uint64_t row =
        (page * layer->n_kv_heads + head) * layer->page_tokens + position % layer->page_tokens;
    return from + row * batch->row_bytes;
}

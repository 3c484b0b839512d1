/*
 * kvcache.h: which page holds which tokens of which sequence. Paged attention's memory (Kwon et al.
 * 2023): keys and values live in pages of a fixed number of tokens, a sequence is a list of pages
 * (its block table), and sequences that share a beginning share pages until one of them writes.
 *
 * It decides and counts; the bytes are written by kernels, through the rf_kv_layer of each layer
 * and the block tables. The one thing that it moves itself is the copy of a shared page on its
 * first write. One thread at a time.
 */
#ifndef RF_KVCACHE_KVCACHE_H
#define RF_KVCACHE_KVCACHE_H

#include "kernels/kernels.h"

#define RF_KV_MAX_PAGE_TOKENS 256
#define RF_KV_MAX_LAYERS      65536U
#define RF_KV_MAX_PAGES       INT32_MAX /* block tables hold them as i32 */
#define RF_KV_NO_SEQUENCE     UINT32_MAX

typedef struct rf_kvcache rf_kvcache;

typedef struct rf_kvcache_config {
    uint32_t n_layers;
    uint32_t n_kv_heads;
    uint32_t head_size;   /* of keys and of values; whole blocks of type */
    rf_type type;         /* F32, F16 or Q8_0 */
    uint32_t page_tokens; /* a power of two, 1 to RF_KV_MAX_PAGE_TOKENS */
    uint32_t n_context;   /* tokens one sequence may hold */
    uint32_t n_sequences; /* that may be live at once */
} rf_kvcache_config;

/* Checks a configuration: RF_ERROR_ARGUMENT, RF_ERROR_UNSUPPORTED (the type) or RF_ERROR_OVERFLOW
 * (bytes of a layer) says what is wrong with it. */
rf_status rf_kvcache_check_config(const rf_kvcache_config *config, rf_error *error);

/* Adds what n_layers layers of a cache, from first_layer on, take to a plan: for each an item of
 * keys and one of values, enough pages for every sequence to fill its context. *first is the index
 * of the first item; the rest follow. */
rf_status rf_kvcache_plan(const rf_kvcache_config *config, uint32_t first_layer, uint32_t n_layers,
                          rf_plan *plan, uint32_t *first, rf_error *error);

/* Where layers lie: some of them, one after the other, in a pool of one device. A page has the same
 * number in all of them: sequences, tables and pages are those of one cache. */
typedef struct rf_kv_store {
    uint32_t n_layers;
    uint32_t first;      /* of the plan's items */
    const rf_plan *plan; /* needed while the cache is created, no longer */
    rf_pool *pool;       /* opened from it; outlives the cache */
    rf_device *device;
} rf_kv_store;

#define RF_KV_MAX_STORES 2

/* Takes the planned items from the pools, and allocates all host memory that the cache will ever
 * use. Stores are in the order of their layers. On failure nothing stays taken. RF_ERROR_ARGUMENT
 * where the items are not those of this configuration. */
rf_status rf_kvcache_create(const rf_kvcache_config *config, const rf_kv_store *stores,
                            uint32_t n_stores, rf_kvcache **out, rf_error *error);
void rf_kvcache_free(rf_kvcache *cache); /* gives its blocks back to their pools */

/* Where kernels find one layer. layer < n_layers. */
const rf_kv_layer *rf_kvcache_layer(const rf_kvcache *cache, uint32_t layer);

/*
 * ---- sequences ------------------------------------------------------------------------------
 *
 * Every function below that takes a sequence gives RF_ERROR_RANGE for one that is not below
 * n_sequences, and RF_ERROR_STALE for one that is not open.
 */

/* A new, empty sequence; *out is below n_sequences and is its row of the block tables.
 * RF_ERROR_FULL. */
rf_status rf_kvcache_open(rf_kvcache *cache, uint32_t *out, rf_error *error);

/*
 * Makes room for n tokens behind the length, so that kernels may write them: takes pages, and
 * copies a shared last page. The length grows with rf_kvcache_commit; until then a reservation for
 * fewer tokens changes nothing. On failure (RF_ERROR_FULL, or the device's refusal of the copy) the
 * sequence is as before. Pages never run out before the context does: see sequences.c.
 */
rf_status rf_kvcache_reserve(rf_kvcache *cache, uint32_t sequence, uint32_t n, rf_error *error);
/* Says that n reserved tokens were written. RF_ERROR_RANGE where fewer were reserved. */
rf_status rf_kvcache_commit(rf_kvcache *cache, uint32_t sequence, uint32_t n, rf_error *error);

/* A new sequence with the same tokens, sharing every page that holds one. Reservations are not
 * shared: that of the old sequence stays its own. RF_ERROR_FULL. */
rf_status rf_kvcache_fork(rf_kvcache *cache, uint32_t sequence, uint32_t *out, rf_error *error);

/* Keeps the first n tokens and gives back pages (reserved ones too) behind them. RF_ERROR_RANGE. */
rf_status rf_kvcache_truncate(rf_kvcache *cache, uint32_t sequence, uint32_t n, rf_error *error);

/* Ends a sequence. */
rf_status rf_kvcache_release(rf_kvcache *cache, uint32_t sequence, rf_error *error);

uint32_t rf_kvcache_length(const rf_kvcache *cache, uint32_t sequence); /* tokens; 0 if not open */

/* The block tables, host memory: i32 [n_sequences][rf_kvcache_table_stride]; -1 where no page is.
 */
const int32_t *rf_kvcache_tables(const rf_kvcache *cache);
uint32_t rf_kvcache_table_stride(const rf_kvcache *cache);

typedef struct rf_kvcache_stats {
    uint64_t pages_total;
    uint64_t pages_used;
    uint64_t pages_peak;
    uint64_t pages_shared; /* of used: with more than one owner */
    uint64_t copies;       /* pages copied because they were shared when written */
} rf_kvcache_stats;

rf_kvcache_stats rf_kvcache_statistics(const rf_kvcache *cache);

/* Walks everything: owner counts match the tables, free and used pages tile the cache. For tests.
 */
rf_status rf_kvcache_check(const rf_kvcache *cache, rf_error *error);

#endif

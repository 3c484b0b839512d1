/* cache.h: what a cache is made of, for the files of this folder. */
#ifndef RF_KVCACHE_CACHE_H
#define RF_KVCACHE_CACHE_H

#include "kvcache/kvcache.h"
#include "kvcache/pages.h"

/* One row of the block tables. */
typedef struct rf_kv_sequence {
    bool open;
    uint32_t length;   /* tokens committed */
    uint32_t reserved; /* tokens that its pages have room for by reservation; at least length */
    uint32_t n_pages;  /* entries of its row in use: those that `reserved` tokens need */
} rf_kv_sequence;

/* Layers that are on one device, one after the other. */
typedef struct rf_kv_part {
    rf_device *device;
    uint32_t n_layers;
} rf_kv_part;

struct rf_kvcache {
    rf_kvcache_config config;
    rf_kv_part parts[RF_KV_MAX_STORES];
    uint32_t n_parts;
    rf_block *blocks;    /* [2 * n_layers]: keys and values of each layer */
    rf_kv_layer *layers; /* [n_layers] */
    uint64_t page_bytes; /* of the keys, or of the values, of one layer */
    rf_pages pages;
    rf_kv_sequence *sequences; /* [n_sequences] */
    int32_t *tables;           /* [n_sequences][stride]; -1 behind n_pages */
    uint32_t stride;           /* pages that a full context takes */
    uint64_t copies;
    uint32_t *tally; /* [n_pages], for rf_kvcache_check alone */
};

/* Pages that hold a number of tokens. */
static inline uint32_t rf_kv_pages_of(uint32_t tokens, uint32_t page_tokens)
{
    return tokens / page_tokens + (tokens % page_tokens != 0);
}

static inline int32_t *rf_kv_row(const rf_kvcache *cache, uint32_t sequence)
{
    return cache->tables + (size_t)sequence * cache->stride;
}

#endif

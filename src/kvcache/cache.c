/* cache.c: what a cache takes, by its configuration; planning, creating and freeing one. */
#include "kvcache/cache.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/checked.h"
#include "base/memory.h"

/* The sizes that follow from a configuration. */
typedef struct sizes {
    uint32_t stride;
    uint32_t n_pages;
    uint64_t page_bytes;
    uint64_t layer_bytes; /* of keys, or of values */
} sizes;

static rf_status check_fields(const rf_kvcache_config *config, rf_error *error)
{
    if (config->n_layers < 1 || config->n_layers > RF_KV_MAX_LAYERS)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "kv cache: %u layers, expected 1 to %u",
                            config->n_layers, RF_KV_MAX_LAYERS);
    if (config->n_kv_heads < 1 || config->head_size < 1)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "kv cache: %u heads of %u elements, expected at least 1",
                            config->n_kv_heads, config->head_size);
    if (!rf_is_power_of_two(config->page_tokens) || config->page_tokens > RF_KV_MAX_PAGE_TOKENS)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "kv cache: pages of %u tokens, expected a power of two from 1 to %d",
                            config->page_tokens, RF_KV_MAX_PAGE_TOKENS);
    if (config->n_context < 1 || config->n_context > INT32_MAX) /* positions are i32 */
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "kv cache: context of %u tokens, expected 1 to %d", config->n_context,
                            INT32_MAX);
    if (config->n_sequences < 1)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "kv cache: 0 sequences, expected at least 1");
    return RF_OK;
}

static rf_status check_type(const rf_kvcache_config *config, const rf_type_info **out,
                            rf_error *error)
{
    const rf_type_info *info = rf_type_describe((uint32_t)config->type);
    if (config->type != RF_TYPE_F32 && config->type != RF_TYPE_F16 && config->type != RF_TYPE_Q8_0)
        return rf_error_set(error, RF_ERROR_UNSUPPORTED,
                            "kv cache: element type %s (%u), expected F32, F16 or Q8_0",
                            info ? info->name : "unknown", (unsigned)config->type);
    if (config->head_size % info->block_elements != 0)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "kv cache: a head of %u elements is not whole %s blocks of %u",
                            config->head_size, info->name, info->block_elements);
    *out = info;
    return RF_OK;
}

static rf_status measure(const rf_kvcache_config *config, sizes *out, rf_error *error)
{
    const rf_type_info *info = NULL;
    RF_TRY(check_fields(config, error));
    RF_TRY(check_type(config, &info, error));
    uint64_t stride = rf_kv_pages_of(config->n_context, config->page_tokens);
    uint64_t n_pages;
    if (!rf_mul(stride, config->n_sequences, &n_pages) || n_pages > RF_KV_MAX_PAGES)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "kv cache: %u sequences of %" PRIu64 " pages, at most %d pages",
                            config->n_sequences, stride, RF_KV_MAX_PAGES);
    uint64_t page_bytes = config->head_size / info->block_elements;
    uint64_t layer_bytes;
    if (!rf_mul(page_bytes, info->block_bytes, &page_bytes) ||
        !rf_mul(page_bytes, config->n_kv_heads, &page_bytes) ||
        !rf_mul(page_bytes, config->page_tokens, &page_bytes) ||
        !rf_mul(page_bytes, n_pages, &layer_bytes))
        return rf_error_set(error, RF_ERROR_OVERFLOW,
                            "kv cache: the bytes of a layer do not fit into 64 bits");
    *out = (sizes){(uint32_t)stride, (uint32_t)n_pages, page_bytes, layer_bytes};
    return RF_OK;
}

rf_status rf_kvcache_check_config(const rf_kvcache_config *config, rf_error *error)
{
    sizes size;
    return measure(config, &size, error);
}

rf_status rf_kvcache_plan(const rf_kvcache_config *config, uint32_t first_layer, uint32_t n_layers,
                          rf_plan *plan, uint32_t *first, rf_error *error)
{
    sizes size;
    RF_TRY(measure(config, &size, error));
    if (first_layer > config->n_layers || n_layers > config->n_layers - first_layer)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "kv cache: %u layers from %u on, it has %u",
                            n_layers, first_layer, config->n_layers);
    uint32_t begin = 0;
    for (uint32_t i = 0; i < 2 * n_layers; i++) {
        char label[RF_LABEL_BYTES];
        uint32_t index;
        snprintf(label, sizeof(label), "layer %u %s", first_layer + i / 2,
                 i % 2 ? "values" : "keys");
        RF_TRY(rf_plan_add(plan, label, RF_MEMORY_KV, size.layer_bytes, &index, error));
        if (i == 0)
            begin = index;
    }
    *first = begin;
    return RF_OK;
}

/* Takes the blocks of a layer, which is the nth of its store, and notes their addresses. What was
 * taken is in cache->blocks. */
static rf_status take_layer(rf_kvcache *cache, uint32_t layer, const rf_kv_store *store, uint32_t n,
                            uint64_t layer_bytes, rf_error *error)
{
    rf_address addresses[2];
    for (uint32_t i = 0; i < 2; i++) {
        rf_block *block = &cache->blocks[2 * layer + i];
        uint32_t item = store->first + 2 * n + i;
        RF_TRY(rf_pool_take_planned(store->pool, store->plan, item, block, error));
        if (block->bytes != layer_bytes || block->memory_class != RF_MEMORY_KV)
            return rf_error_set(error, RF_ERROR_ARGUMENT,
                                "kv cache: item %u of the plan has %" PRIu64 " bytes of %s, "
                                "expected %" PRIu64 " of kv cache",
                                item, block->bytes, rf_memory_class_name(block->memory_class),
                                layer_bytes);
        RF_TRY(rf_block_address(*block, &addresses[i], error));
    }
    cache->layers[layer] = (rf_kv_layer){.type = cache->config.type,
                                         .keys = addresses[0],
                                         .values = addresses[1],
                                         .n_kv_heads = cache->config.n_kv_heads,
                                         .head_size = cache->config.head_size,
                                         .page_tokens = cache->config.page_tokens};
    return RF_OK;
}

static rf_status allocate(rf_kvcache *cache, const sizes *size, rf_error *error)
{
    const rf_kvcache_config *config = &cache->config;
    cache->blocks = rf_calloc(2 * (size_t)config->n_layers, sizeof(*cache->blocks));
    cache->layers = rf_calloc(config->n_layers, sizeof(*cache->layers));
    cache->sequences = rf_calloc(config->n_sequences, sizeof(*cache->sequences));
    cache->tables = rf_calloc(size->n_pages, sizeof(*cache->tables));
    cache->tally = rf_calloc(size->n_pages, sizeof(*cache->tally));
    if (!cache->blocks || !cache->layers || !cache->sequences || !cache->tables || !cache->tally)
        return rf_error_host_memory(error, "the block tables of a kv cache",
                                    8 * (uint64_t)size->n_pages);
    for (uint32_t i = 0; i < size->n_pages; i++)
        cache->tables[i] = -1;
    return rf_pages_create(size->n_pages, &cache->pages, error);
}

static rf_status check_stores(const rf_kvcache_config *config, const rf_kv_store *stores,
                              uint32_t n_stores, rf_error *error)
{
    uint64_t n_layers = 0;
    if (n_stores > RF_KV_MAX_STORES)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "kv cache: in %u stores, at most %u",
                            n_stores, RF_KV_MAX_STORES);
    for (uint32_t i = 0; i < n_stores; i++) {
        uint64_t end = stores[i].first + 2 * (uint64_t)stores[i].n_layers; /* far below 64 bits */
        if (end > rf_plan_item_count(stores[i].plan))
            return rf_error_set(error, RF_ERROR_ARGUMENT,
                                "kv cache: items %u to %" PRIu64 " of a plan that has %zu",
                                stores[i].first, end, rf_plan_item_count(stores[i].plan));
        n_layers += stores[i].n_layers;
    }
    if (n_layers != config->n_layers)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "kv cache: %" PRIu64 " layers in its stores, expected %u", n_layers,
                            config->n_layers);
    return RF_OK;
}

static rf_status take_all(rf_kvcache *cache, const rf_kv_store *stores, uint32_t n_stores,
                          uint64_t layer_bytes, rf_error *error)
{
    uint32_t layer = 0;
    for (uint32_t i = 0; i < n_stores; i++) {
        cache->parts[cache->n_parts++] = (rf_kv_part){stores[i].device, stores[i].n_layers};
        for (uint32_t n = 0; n < stores[i].n_layers; n++)
            RF_TRY(take_layer(cache, layer++, &stores[i], n, layer_bytes, error));
    }
    return RF_OK;
}

rf_status rf_kvcache_create(const rf_kvcache_config *config, const rf_kv_store *stores,
                            uint32_t n_stores, rf_kvcache **out, rf_error *error)
{
    sizes size;
    RF_TRY(measure(config, &size, error));
    RF_TRY(check_stores(config, stores, n_stores, error));
    rf_kvcache *cache = rf_calloc(1, sizeof(*cache));
    if (!cache)
        return rf_error_host_memory(error, "a kv cache", sizeof(*cache));
    cache->config = *config;
    cache->stride = size.stride;
    cache->page_bytes = size.page_bytes;
    rf_status status = allocate(cache, &size, error);
    if (status == RF_OK)
        status = take_all(cache, stores, n_stores, size.layer_bytes, error);
    if (status != RF_OK) {
        rf_kvcache_free(cache);
        return status;
    }
    *out = cache;
    return RF_OK;
}

void rf_kvcache_free(rf_kvcache *cache)
{
    if (!cache)
        return;
    for (uint32_t i = 0; cache->blocks && i < 2 * cache->config.n_layers; i++) {
        /* A block that was taken here is given once; the pool has nothing to refuse. */
        if (cache->blocks[i].kind != RF_BLOCK_NONE)
            (void)rf_pool_give(cache->blocks[i], NULL);
    }
    rf_pages_free(&cache->pages);
    rf_free(cache->blocks);
    rf_free(cache->layers);
    rf_free(cache->sequences);
    rf_free(cache->tables);
    rf_free(cache->tally);
    rf_free(cache);
}

const rf_kv_layer *rf_kvcache_layer(const rf_kvcache *cache, uint32_t layer)
{
    return &cache->layers[layer];
}

const int32_t *rf_kvcache_tables(const rf_kvcache *cache)
{
    return cache->tables;
}

uint32_t rf_kvcache_table_stride(const rf_kvcache *cache)
{
    return cache->stride;
}

/*
 * sequences.c: sequences, and the sharing of pages between them.
 *
 * Why pages cannot run out before a context does: there is a page for every entry of the block
 * tables, entries in use are the sum of all owner counts, and a reservation that stays within its
 * context stays within its row. A copy is made only where a page has two owners or more, so that at
 * least one page fewer than entries is in use. All the same a reservation counts free pages before
 * it takes one.
 *
 * Why a shared page is never written by two: a sequence writes behind its length only, and only
 * what rf_kvcache_reserve gave it; that leaves the page of its next token with this one owner. A
 * fork made later shares that page again, and reads it up to its own length only: what the first
 * writes there lies behind. To write, the fork has to reserve, and gets a copy.
 */
#include "kvcache/cache.h"

static rf_status find_open(const rf_kvcache *cache, uint32_t sequence, rf_error *error)
{
    if (sequence >= cache->config.n_sequences)
        return rf_error_set(error, RF_ERROR_RANGE, "sequence %u, the kv cache has %u", sequence,
                            cache->config.n_sequences);
    if (!cache->sequences[sequence].open)
        return rf_error_set(error, RF_ERROR_STALE, "sequence %u is not open", sequence);
    return RF_OK;
}

rf_status rf_kvcache_open(rf_kvcache *cache, uint32_t *out, rf_error *error)
{
    for (uint32_t i = 0; i < cache->config.n_sequences; i++) {
        if (!cache->sequences[i].open) {
            cache->sequences[i] = (rf_kv_sequence){.open = true};
            *out = i;
            return RF_OK;
        }
    }
    return rf_error_set(error, RF_ERROR_FULL, "sequences full: %u, 1 more asked",
                        cache->config.n_sequences);
}

/* Copies a page in the layers of one device, which are n from `layers` on. */
static rf_status copy_page_on(const rf_kvcache *cache, rf_device *device, const rf_kv_layer *layers,
                              uint32_t n, int32_t from, int32_t to, rf_error *error)
{
    const rf_device_ops *ops = device->ops;
    uint64_t source = (uint64_t)from * cache->page_bytes; /* inside the layer, whose size fits */
    uint64_t target = (uint64_t)to * cache->page_bytes;
    RF_TRY(ops->sync(device, error));
    for (uint32_t i = 0; i < n; i++) {
        const rf_kv_layer *layer = &layers[i];
        RF_TRY(ops->copy(device, NULL, RF_COPY_ON_DEVICE, layer->keys + target,
                         layer->keys + source, cache->page_bytes, error));
        RF_TRY(ops->copy(device, NULL, RF_COPY_ON_DEVICE, layer->values + target,
                         layer->values + source, cache->page_bytes, error));
    }
    return ops->sync(device, error);
}

/*
 * Copies the keys and values of a page in every layer. Work on other streams may still be writing
 * the page, and will read the copy at once: the device is drained before and after. A fork costs
 * this once, on its first write.
 */
static rf_status copy_page(rf_kvcache *cache, int32_t from, int32_t to, rf_error *error)
{
    const rf_kv_layer *layers = cache->layers;
    for (uint32_t i = 0; i < cache->n_parts; i++) {
        const rf_kv_part *part = &cache->parts[i];
        RF_TRY(copy_page_on(cache, part->device, layers, part->n_layers, from, to, error));
        layers += part->n_layers;
    }
    return RF_OK;
}

/* Puts a page of its own in the place of a shared one. */
static rf_status unshare(rf_kvcache *cache, int32_t *entry, rf_error *error)
{
    int32_t page;
    if (!rf_pages_take(&cache->pages, &page))
        return rf_error_set(error, RF_ERROR_FULL, "pages full: %u pages, 1 more asked",
                            cache->pages.total);
    rf_status status = copy_page(cache, *entry, page, error);
    if (status != RF_OK) {
        rf_pages_give(&cache->pages, page);
        return rf_error_context(error, status, "copying shared page %d", *entry);
    }
    rf_pages_give(&cache->pages, *entry);
    *entry = page;
    cache->copies++;
    return RF_OK;
}

/* The entry of the page that the next token goes to, if there is one already and it is shared. */
static int32_t *shared_entry(const rf_kvcache *cache, uint32_t sequence)
{
    uint32_t index = cache->sequences[sequence].length / cache->config.page_tokens;
    if (index >= cache->sequences[sequence].n_pages)
        return NULL;
    int32_t *entry = &rf_kv_row(cache, sequence)[index];
    return cache->pages.owners[*entry] > 1 ? entry : NULL;
}

rf_status rf_kvcache_reserve(rf_kvcache *cache, uint32_t sequence, uint32_t n, rf_error *error)
{
    RF_TRY(find_open(cache, sequence, error));
    if (n == 0)
        return RF_OK;
    rf_kv_sequence *s = &cache->sequences[sequence];
    if (n > cache->config.n_context - s->length)
        return rf_error_set(error, RF_ERROR_FULL, "context full: %u tokens, %llu asked",
                            cache->config.n_context, (unsigned long long)s->length + n);
    uint32_t reserved = s->length + n > s->reserved ? s->length + n : s->reserved;
    uint32_t n_pages = rf_kv_pages_of(reserved, cache->config.page_tokens);
    int32_t *shared = shared_entry(cache, sequence);
    uint32_t wanted = n_pages - s->n_pages + (shared != NULL);
    if (wanted > cache->pages.n_free)
        return rf_error_set(error, RF_ERROR_FULL, "pages full: %u asked, %u free", wanted,
                            cache->pages.n_free);
    if (shared)
        RF_TRY(unshare(cache, shared, error));
    int32_t *row = rf_kv_row(cache, sequence);
    while (s->n_pages < n_pages && rf_pages_take(&cache->pages, &row[s->n_pages]))
        s->n_pages++;
    s->reserved = reserved;
    return RF_OK;
}

rf_status rf_kvcache_commit(rf_kvcache *cache, uint32_t sequence, uint32_t n, rf_error *error)
{
    RF_TRY(find_open(cache, sequence, error));
    rf_kv_sequence *s = &cache->sequences[sequence];
    if (n > s->reserved - s->length)
        return rf_error_set(error, RF_ERROR_RANGE, "sequence %u: %u tokens reserved, %u written",
                            sequence, s->reserved - s->length, n);
    s->length += n;
    return RF_OK;
}

rf_status rf_kvcache_fork(rf_kvcache *cache, uint32_t sequence, uint32_t *out, rf_error *error)
{
    RF_TRY(find_open(cache, sequence, error));
    const rf_kv_sequence *old = &cache->sequences[sequence];
    uint32_t made = RF_KV_NO_SEQUENCE;
    RF_TRY(rf_kvcache_open(cache, &made, error));
    rf_kv_sequence *new = &cache->sequences[made];
    new->length = old->length;
    new->reserved = old->length;
    new->n_pages = rf_kv_pages_of(old->length, cache->config.page_tokens);
    const int32_t *from = rf_kv_row(cache, sequence);
    int32_t *to = rf_kv_row(cache, made);
    for (uint32_t i = 0; i < new->n_pages; i++) {
        to[i] = from[i];
        rf_pages_share(&cache->pages, to[i]);
    }
    *out = made;
    return RF_OK;
}

/* Keeps the first n tokens, at most the length, of an open sequence. */
static void cut(rf_kvcache *cache, uint32_t sequence, uint32_t n)
{
    rf_kv_sequence *s = &cache->sequences[sequence];
    int32_t *row = rf_kv_row(cache, sequence);
    uint32_t kept = rf_kv_pages_of(n, cache->config.page_tokens);
    while (s->n_pages > kept) {
        int32_t *entry = &row[--s->n_pages];
        rf_pages_give(&cache->pages, *entry);
        *entry = -1;
    }
    s->length = n;
    s->reserved = n;
}

rf_status rf_kvcache_truncate(rf_kvcache *cache, uint32_t sequence, uint32_t n, rf_error *error)
{
    RF_TRY(find_open(cache, sequence, error));
    if (n > cache->sequences[sequence].length)
        return rf_error_set(error, RF_ERROR_RANGE, "sequence %u: %u tokens, %u to be kept",
                            sequence, cache->sequences[sequence].length, n);
    cut(cache, sequence, n);
    return RF_OK;
}

rf_status rf_kvcache_release(rf_kvcache *cache, uint32_t sequence, rf_error *error)
{
    RF_TRY(find_open(cache, sequence, error));
    cut(cache, sequence, 0);
    cache->sequences[sequence].open = false;
    return RF_OK;
}

uint32_t rf_kvcache_length(const rf_kvcache *cache, uint32_t sequence)
{
    return find_open(cache, sequence, NULL) == RF_OK ? cache->sequences[sequence].length : 0;
}

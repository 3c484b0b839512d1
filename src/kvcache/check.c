/* check.c: what is true of a cache at every moment, and its statistics. */
#include <string.h>

#include "kvcache/cache.h"

rf_kvcache_stats rf_kvcache_statistics(const rf_kvcache *cache)
{
    const rf_pages *pages = &cache->pages;
    return (rf_kvcache_stats){.pages_total = pages->total,
                              .pages_used = pages->total - pages->n_free,
                              .pages_peak = pages->peak,
                              .pages_shared = pages->n_shared,
                              .copies = cache->copies};
}

/* Lengths and pages of a sequence fit together; one that is not open has none of either. */
static rf_status check_counts(const rf_kvcache *cache, uint32_t sequence, rf_error *error)
{
    const rf_kv_sequence *s = &cache->sequences[sequence];
    if (s->length > s->reserved || s->reserved > cache->config.n_context ||
        s->n_pages != rf_kv_pages_of(s->reserved, cache->config.page_tokens) ||
        (!s->open && s->reserved != 0))
        return rf_error_set(error, RF_ERROR_INTERNAL,
                            "sequence %u (%s): %u tokens, %u reserved, %u pages, context %u",
                            sequence, s->open ? "open" : "not open", s->length, s->reserved,
                            s->n_pages, cache->config.n_context);
    return RF_OK;
}

/* The row has pages in its first n_pages entries, none behind; those that hold no token yet are its
 * own. Counts the owners that it sees. */
static rf_status check_row(const rf_kvcache *cache, uint32_t sequence, rf_error *error)
{
    const rf_kv_sequence *s = &cache->sequences[sequence];
    const int32_t *row = rf_kv_row(cache, sequence);
    uint32_t written = rf_kv_pages_of(s->length, cache->config.page_tokens);
    for (uint32_t i = 0; i < cache->stride; i++) {
        bool expected = i < s->n_pages;
        bool found = row[i] >= 0 && (uint32_t)row[i] < cache->pages.total;
        if (expected != found || (!expected && row[i] != -1))
            return rf_error_set(error, RF_ERROR_INTERNAL,
                                "sequence %u: entry %u of %u pages in use is %d", sequence, i,
                                s->n_pages, row[i]);
        if (!expected)
            continue;
        if (i >= written && cache->pages.owners[row[i]] != 1)
            return rf_error_set(error, RF_ERROR_INTERNAL,
                                "sequence %u: reserved page %d has %u owners", sequence, row[i],
                                cache->pages.owners[row[i]]);
        cache->tally[row[i]]++;
    }
    return RF_OK;
}

/* Every page has as many owners as rows name it, and is on the free list once if that is none. */
static rf_status check_pages(const rf_kvcache *cache, rf_error *error)
{
    const rf_pages *pages = &cache->pages;
    uint32_t used = 0;
    uint32_t shared = 0;
    for (uint32_t i = 0; i < pages->total; i++) {
        if (pages->owners[i] != cache->tally[i])
            return rf_error_set(error, RF_ERROR_INTERNAL, "page %u: %u owners, %u rows name it", i,
                                pages->owners[i], cache->tally[i]);
        used += pages->owners[i] > 0;
        shared += pages->owners[i] > 1;
    }
    if (pages->n_free > pages->total || used + pages->n_free != pages->total ||
        shared != pages->n_shared || pages->peak < used || pages->peak > pages->total)
        return rf_error_set(error, RF_ERROR_INTERNAL,
                            "%u pages: %u used, %u free, %u shared of %u counted, peak %u",
                            pages->total, used, pages->n_free, shared, pages->n_shared,
                            pages->peak);
    for (uint32_t i = 0; i < pages->n_free; i++) {
        int32_t page = pages->free[i];
        if (page < 0 || (uint32_t)page >= pages->total || cache->tally[page]++ != 0)
            return rf_error_set(error, RF_ERROR_INTERNAL,
                                "free page %d is in use, free twice, or none", page);
    }
    return RF_OK;
}

rf_status rf_kvcache_check(const rf_kvcache *cache, rf_error *error)
{
    memset(cache->tally, 0, cache->pages.total * sizeof(*cache->tally));
    for (uint32_t i = 0; i < cache->config.n_sequences; i++) {
        RF_TRY(check_counts(cache, i, error));
        RF_TRY(check_row(cache, i, error));
    }
    return check_pages(cache, error);
}

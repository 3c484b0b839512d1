/* pages.c: free pages and owner counts. */
#include "kvcache/pages.h"

#include "base/memory.h"

rf_status rf_pages_create(uint32_t total, rf_pages *out, rf_error *error)
{
    rf_pages pages = {.total = total, .n_free = total};
    pages.owners = rf_calloc(total, sizeof(*pages.owners));
    pages.free = rf_calloc(total, sizeof(*pages.free));
    if (!pages.owners || !pages.free) {
        rf_pages_free(&pages);
        return rf_error_host_memory(error, "the pages of a kv cache", 8 * (uint64_t)total);
    }
    for (uint32_t i = 0; i < total; i++)
        pages.free[i] = (int32_t)(total - 1 - i); /* page 0 is taken first */
    *out = pages;
    return RF_OK;
}

void rf_pages_free(rf_pages *pages)
{
    rf_free(pages->owners);
    rf_free(pages->free);
    *pages = (rf_pages){0};
}

bool rf_pages_take(rf_pages *pages, int32_t *page)
{
    if (pages->n_free == 0)
        return false;
    int32_t taken = pages->free[--pages->n_free];
    pages->owners[taken] = 1;
    if (pages->total - pages->n_free > pages->peak)
        pages->peak = pages->total - pages->n_free;
    *page = taken;
    return true;
}

void rf_pages_share(rf_pages *pages, int32_t page)
{
    if (++pages->owners[page] == 2)
        pages->n_shared++;
}

void rf_pages_give(rf_pages *pages, int32_t page)
{
    uint32_t left = --pages->owners[page];
    if (left == 1)
        pages->n_shared--;
    else if (left == 0)
        pages->free[pages->n_free++] = page;
}

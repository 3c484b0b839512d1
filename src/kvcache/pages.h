/*
 * pages.h: which pages are free, and how many block tables own each of the others. A list of free
 * pages and a count a page; every operation is O(1) and none allocates.
 */
#ifndef RF_KVCACHE_PAGES_H
#define RF_KVCACHE_PAGES_H

#include "base/error.h"

typedef struct rf_pages {
    uint32_t total;
    uint32_t n_free;
    uint32_t n_shared; /* pages with more than one owner */
    uint32_t peak;     /* the most that have been in use */
    uint32_t *owners;  /* [total]; 0: free */
    int32_t *free;     /* [n_free], a stack: the page given back last is still in caches */
} rf_pages;

/* total: at most INT32_MAX. *out is untouched on failure. */
rf_status rf_pages_create(uint32_t total, rf_pages *out, rf_error *error);
void rf_pages_free(rf_pages *pages); /* takes a zeroed one */

/* A page with one owner; false, and nothing taken, where none is free. */
__attribute__((warn_unused_result)) bool rf_pages_take(rf_pages *pages, int32_t *page);
/* One owner more of a page in use. */
void rf_pages_share(rf_pages *pages, int32_t page);
/* One owner less; with the last one the page is free. */
void rf_pages_give(rf_pages *pages, int32_t page);

#endif

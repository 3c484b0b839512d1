/*
 * range.h: offset bookkeeping over [0, size): which parts are taken, which are free. It knows no device
 * and touches none of the bytes. Best fit over free spans, neighbours merged on give.
 */
#ifndef RF_MEMORY_RANGE_H
#define RF_MEMORY_RANGE_H

#include "base/error.h"

typedef struct rf_range rf_range;

/* alignment: of every offset, a power of two. max_spans bounds the host memory it uses; all of it is
 * allocated here, so that take and give never allocate. Errors: ARGUMENT, HOST_MEMORY. */
rf_status rf_range_create(uint64_t size, uint64_t alignment, uint32_t max_spans, rf_range **out,
                          rf_error *error);
void rf_range_free(rf_range *range);

/* Takes `bytes` (at least 1; the span is rounded up to the alignment). span is what give wants back.
 * RF_ERROR_DEVICE_MEMORY with asked, free and largest free; RF_ERROR_OVERFLOW where rounding wraps. */
rf_status rf_range_take(rf_range *range, uint64_t bytes, uint32_t *span, uint64_t *offset,
                        rf_error *error);
/* Takes exactly the place that a plan chose. RF_ERROR_BUSY where any byte of it is taken. */
rf_status rf_range_take_at(rf_range *range, uint64_t offset, uint64_t bytes, uint32_t *span,
                           rf_error *error);
rf_status rf_range_give(rf_range *range, uint32_t span, rf_error *error);

typedef struct rf_range_stats {
    uint64_t size;
    uint64_t live;    /* bytes asked for by live takes */
    uint64_t padding; /* added to them by rounding */
    uint64_t free;
    uint64_t largest_free;
    uint32_t live_spans;
} rf_range_stats;

rf_range_stats rf_range_statistics(const rf_range *range);

/* Walks the whole structure: spans tile [0, size), neighbours are merged, sums agree. For tests and
 * debugging; RF_ERROR_INTERNAL says what does not hold. */
rf_status rf_range_check(const rf_range *range, rf_error *error);

#endif

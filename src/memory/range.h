/*
 * range.h: offset bookkeeping over [0, size): which parts are taken, which are free. It knows no
 * device and touches none of the bytes. Neighbours that are free are always one span.
 *
 * Fit: a take gets a free span of the smallest size class that serves it (classes are exact up to
 * 32 units of the alignment, and at most 1/16 wide above), and it never fails where any free span
 * is large enough. Take and give are constant in time, but for a take that only a span of its own
 * class can serve: that one looks through the class. Nothing is allocated after create. Not
 * thread-safe: its owner has a lock.
 */
#ifndef RF_MEMORY_RANGE_H
#define RF_MEMORY_RANGE_H

#include "base/error.h"

/* So that 4 times a number of them has a bit to spare: 16 GiB of host memory for one range. */
#define RF_RANGE_MAX_SPANS ((1U << 29) - 2U)

typedef struct rf_range rf_range;

/*
 * size: a multiple of alignment, not 0. alignment: of every offset, a power of two. max_spans: the
 * most spans, taken and free together, from 1 to RF_RANGE_MAX_SPANS; it bounds the host memory, all
 * of which is allocated here. Errors: ARGUMENT, HOST_MEMORY.
 */
rf_status rf_range_create(uint64_t size, uint64_t alignment, uint32_t max_spans, rf_range **out,
                          rf_error *error);
void rf_range_free(rf_range *range);

/*
 * Takes `bytes` (at least 1; the span is rounded up to the alignment). *span is what give wants
 * back: a number from 1 to max_spans that is used again after it. Errors: DEVICE_MEMORY with asked,
 * free and largest free; OVERFLOW where rounding wraps; FULL where max_spans are in use; ARGUMENT
 * for 0 bytes.
 */
rf_status rf_range_take(rf_range *range, uint64_t bytes, uint32_t *span, uint64_t *offset,
                        rf_error *error);
/*
 * Takes exactly the place that a plan chose, in time that grows with the number of free spans as
 * large as it. Errors: BUSY where any byte of it is taken; RANGE where it does not lie in the
 * range; ARGUMENT where offset is not aligned; OVERFLOW and FULL as above.
 */
rf_status rf_range_take_at(rf_range *range, uint64_t offset, uint64_t bytes, uint32_t *span,
                           rf_error *error);
/* RF_ERROR_STALE where the span is not taken. */
rf_status rf_range_give(rf_range *range, uint32_t span, rf_error *error);

typedef struct rf_range_stats {
    uint64_t size;
    uint64_t live;    /* bytes asked for by live takes */
    uint64_t padding; /* added to them by rounding */
    uint64_t free;
    uint64_t largest_free;
    uint32_t live_spans;
} rf_range_stats;

/* At every moment live + padding + free = size. */
rf_range_stats rf_range_statistics(const rf_range *range);

/* Walks the whole structure: spans tile [0, size), neighbours are merged, sums agree. For tests and
 * debugging; RF_ERROR_INTERNAL says what does not hold. */
rf_status rf_range_check(const rf_range *range, rf_error *error);

#endif

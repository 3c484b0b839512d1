/*
 * range_internal.h: the structure behind range.h, shared by range.c and range_check.c.
 *
 * Spans, taken and free, form one list in order of offset. Free ones are also in a bin, a list of
 * spans of one size class: exact sizes up to 32 units of alignment, then 16 classes for each power
 * of two; bit maps say which bins hold anything. That is the two-level segregated fit of Masmano,
 * Ripoll, Crespo and Real, "TLSF: a new dynamic memory allocator for real-time systems" (ECRTS
 * 2004), with its lists held beside the memory and not in it, since the memory may be on a device.
 */
#ifndef RF_MEMORY_RANGE_INTERNAL_H
#define RF_MEMORY_RANGE_INTERNAL_H

#include "memory/range.h"

#define NONE UINT32_MAX

#define CLASS_BITS 4U /* 16 classes for each power of two: a class is at most 1/16 wide */
/* A size has its highest bit at 0 to 63; the lowest CLASS_BITS of these share the exact bins. */
#define BINS      ((64U - CLASS_BITS + 1U) << CLASS_BITS)
#define BIN_WORDS ((BINS + 63U) / 64U)

typedef struct span {
    uint64_t offset;
    uint64_t size;          /* a multiple of the alignment; 0: this entry is no span */
    uint64_t bytes;         /* asked for by the take that holds it; 0: free */
    uint32_t before, after; /* by offset; NONE at the ends */
    uint32_t bin_before,
        bin_after; /* in the bin while free; bin_after also chains unused entries */
} span;

struct rf_range {
    span *spans; /* [max_spans] */
    uint32_t max_spans;
    uint32_t n_spans; /* in use */
    uint32_t fresh;   /* entries from here on were never used */
    uint32_t unused;  /* first of the entries that were used and dropped */
    uint32_t first;   /* the span at offset 0 */
    uint32_t live_spans;
    uint64_t size, alignment;
    uint64_t live, padding, free; /* as in rf_range_stats */
    uint32_t shift;               /* alignment = 1 << shift */
    uint32_t occupied_words;      /* bit w: occupied[w] is not 0 */
    uint64_t occupied[BIN_WORDS]; /* bit b: bin b is not empty */
    uint32_t bins[BINS];          /* first span of each */
};

/* The bin of a span size: its highest bit and the CLASS_BITS below it; small sizes are their own
 * bin. */
static inline uint32_t rf_range_bin(const rf_range *range, uint64_t size)
{
    uint64_t units = size >> range->shift;
    if (units < 1U << CLASS_BITS)
        return (uint32_t)units;
    uint32_t high = 63U - (uint32_t)__builtin_clzll(units);
    uint32_t below = (uint32_t)(units >> (high - CLASS_BITS)) & ((1U << CLASS_BITS) - 1U);
    return ((high - CLASS_BITS + 1U) << CLASS_BITS) + below;
}

#endif

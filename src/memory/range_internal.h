/*
 * range_internal.h: the structure behind range.h, for range.c, range_take.h and range_check.c.
 *
 * Spans, taken and free, form one list in order of offset. Free ones are also in a bin, a list of
 * spans of one size class: exact sizes up to 32 units of alignment, then 16 classes for each power
 * of two; bit maps say which bins hold anything. That is the two-level segregated fit of Masmano,
 * Ripoll, Crespo and Real, "TLSF: a new dynamic memory allocator for real-time systems" (ECRTS
 * 2004), with its lists held beside the memory and not in it, since the memory may be on a device.
 *
 * Entry 0 is no span: it stands at both ends of every list, so that a link is written without
 * asking whether there is a neighbour, and counts as taken. By offset it closes the circle:
 * behind it comes the first span, before it the last. Its bin_after is never written.
 */
#ifndef RF_MEMORY_RANGE_INTERNAL_H
#define RF_MEMORY_RANGE_INTERNAL_H

#include "memory/range.h"

#define NONE 0U /* the entry that is no span */

/* An entry is known by its id: its distance from entry 0 in words of 8 bytes, since a
 * multiplication by 8 is part of an access. So the entry of number n has the id n * ID_STEP. */
#define ID_STEP 4U

#define CLASS_BITS 4U /* 16 classes for each power of two: a class is at most 1/16 wide */
/* A size has its highest bit at 0 to 63; the lowest CLASS_BITS of these share the exact bins. */
#define BINS      ((64U - CLASS_BITS + 1U) << CLASS_BITS)
#define BIN_WORDS (BINS / 64U + 1U)
#define END_BIT   (1ULL << (BINS % 64U)) /* of the last word: every search for a bin ends there */

/*
 * Half a cache line. Offset and size are in units of the alignment; a size of 0: this entry is no
 * span. What the last eight bytes are, their highest bit says: set in every ~padding, as a padding
 * is below the alignment and so below 1 << 63, and clear in every bin_after, as ids are below
 * 1 << 31.
 */
typedef struct span {
    uint64_t offset;
    uint64_t size;
    uint32_t before, after; /* ids, by offset */
    union {
        struct {
            uint32_t bin_before;
            uint32_t bin_after; /* the upper half; it also chains unused entries */
        };                      /* while free: neighbours in the bin */
        uint64_t not_padding;   /* while taken: ~(bytes that rounding added) */
    };
} span;

_Static_assert(sizeof(span) == ID_STEP * sizeof(uint64_t), "ids count words of spans");

struct rf_range {
    uint32_t max_spans;
    uint32_t n_spans; /* in use */
    uint32_t used;    /* entries from 1 to this one were ever used */
    uint32_t unused;  /* id of the first of the entries that were used and dropped */
    uint32_t live_spans;
    uint32_t shift;               /* alignment = 1 << shift */
    uint64_t units, alignment;    /* size = units << shift */
    uint64_t taken;               /* units of live takes; the others are free */
    uint64_t padding;             /* bytes */
    uint64_t occupied[BIN_WORDS]; /* bit b: bin b is not empty; bit BINS is always set */
    uint32_t bins[BINS + 1];      /* id of the first span of each; bin BINS is always empty */
    span spans[];                 /* [1 + max_spans]: a load less than by a pointer */
};

/*
 * The bin of a span size, a sequence without branches. For 16 units and more it is the size's
 * highest bit and the CLASS_BITS below it: shifted right by what leaves CLASS_BITS + 1 bits, and
 * added to as many times 16. Smaller sizes count as if they had that highest bit: shifted by 0.
 */
static inline uint32_t rf_range_bin(uint64_t units)
{
    uint32_t high = 63U - (uint32_t)__builtin_clzll(units | 1U << CLASS_BITS);
    uint32_t below = high - CLASS_BITS;
    return (below << CLASS_BITS) + (uint32_t)(units >> below);
}

static inline span *rf_span_at(rf_range *range, uint32_t id)
{
    return (span *)((uint64_t *)range->spans + id);
}

static inline const span *rf_span_read(const rf_range *range, uint32_t id)
{
    return (const span *)((const uint64_t *)range->spans + id);
}

/* Whether an id is that of an entry which was ever used. */
static inline bool rf_span_exists(const rf_range *range, uint32_t id)
{
    return id % ID_STEP == 0 && id / ID_STEP <= range->used;
}

static inline bool rf_span_is_free(const span *s)
{
    return s->not_padding >> 63 == 0;
}

#endif

/*
 * range_take.h: taking and giving spans, for range.c and for pools (take.c), into which both are
 * compiled: calls, and what they save and restore, would be a good part of what a pool adds to a
 * range. Statuses come without a text, which the caller makes.
 *
 * What a random trace does next cannot be predicted. So bit maps are written whatever they were.
 * Merging without branches is no gain: with places for neighbours that are not free it is a hundred
 * instructions more, which take longer than what is guessed wrong.
 */
#ifndef RF_MEMORY_RANGE_TAKE_H
#define RF_MEMORY_RANGE_TAKE_H

#include "base/checked.h"
#include "memory/range_internal.h"

/* ---- bins ----------------------------------------------------------------------------------- */

/* The first occupied bin from `bin` on; BINS where there is none. */
static inline uint32_t rf_bin_next(const rf_range *range, uint32_t bin)
{
    const uint64_t *word = &range->occupied[bin / 64];
    uint64_t bits = *word >> (bin % 64);
    if (bits == 0) {
        do
            bits = *++word;
        while (bits == 0);
        bin = (uint32_t)(word - range->occupied) * 64;
    }
    return bin + (uint32_t)__builtin_ctzll(bits);
}

static inline void rf_bin_insert(rf_range *range, uint32_t id, uint32_t bin)
{
    span *s = rf_span_at(range, id);
    uint32_t next = range->bins[bin];
    s->bin_before = NONE;
    s->bin_after = next;
    rf_span_at(range, next)->bin_before = id;
    range->bins[bin] = id;
    range->occupied[bin / 64] |= 1ULL << (bin % 64);
}

/* first: whether the caller knows that the span is the first of the bin, which saves a part. */
static inline void rf_bin_remove(rf_range *range, const span *s, uint32_t bin, bool first)
{
    uint32_t before = first ? NONE : s->bin_before;
    uint32_t after = s->bin_after;
    uint32_t *link = before == NONE ? &range->bins[bin] : &rf_span_at(range, before)->bin_after;
    *link = after;
    rf_span_at(range, after)->bin_before = before;
    uint64_t empty = (before | after) == NONE;
    range->occupied[bin / 64] &= ~(empty << (bin % 64));
}

/* ---- spans ---------------------------------------------------------------------------------- */

/* An entry that is in no list; the caller has checked that there is one. */
static inline uint32_t rf_span_new(rf_range *range)
{
    uint32_t id = range->unused;
    if (id != NONE)
        range->unused = rf_span_at(range, id)->bin_after;
    else
        id = ++range->used * ID_STEP;
    range->n_spans++;
    return id;
}

/* The span is free, in no bin, and its neighbours no longer know of it. */
static inline void rf_span_drop(rf_range *range, uint32_t id)
{
    span *s = rf_span_at(range, id);
    s->size = 0;
    s->bin_after = range->unused;
    range->unused = id;
    range->n_spans--;
}

/* A free span of bin `old` gets another size, and with it another bin where it must. Most of the
 * time, where spans are large, it need not. first: as above. */
static inline void rf_span_resize(rf_range *range, uint32_t id, uint32_t old, bool first,
                                  uint64_t size)
{
    span *s = rf_span_at(range, id);
    uint32_t bin = rf_range_bin(size);
    s->size = size;
    if (old == bin)
        return;
    rf_bin_remove(range, s, old, first);
    rf_bin_insert(range, id, bin);
}

/* ---- taking --------------------------------------------------------------------------------- */

/*
 * Takes the first `size` units of a free span of a bin, and returns which span they are; what is
 * behind them stays free. NONE where that would be one span too many. first: as above.
 */
static inline uint32_t rf_span_take_front(rf_range *range, uint32_t id, uint32_t bin, bool first,
                                          uint64_t size, uint64_t padding)
{
    span *s = rf_span_at(range, id);
    uint64_t rest = s->size - size;
    uint32_t front = id;
    if (rest == 0) {
        rf_bin_remove(range, s, bin, first);
        s->not_padding = ~padding;
    } else {
        if (__builtin_expect(range->n_spans == range->max_spans, false))
            return NONE;
        front = rf_span_new(range);
        span *f = rf_span_at(range, front);
        uint32_t before = s->before;
        f->offset = s->offset;
        f->size = size;
        f->before = before;
        f->after = id;
        f->not_padding = ~padding;
        rf_span_at(range, before)->after = front;
        s->before = front;
        s->offset += size;
        rf_span_resize(range, id, bin, first, rest);
    }
    range->taken += size;
    range->live_spans++;
    range->padding += padding;
    return front;
}

/* A span that was taken. */
typedef struct rf_place {
    uint32_t id;
    uint64_t offset; /* in bytes */
} rf_place;

/* A take that the first span of the bin which was found does not serve: looks further. */
rf_status rf_range_take_further(rf_range *range, uint64_t size, uint64_t padding, rf_place *out);

/* Takes `bytes`, which are not 0: OK, OVERFLOW, DEVICE_MEMORY or FULL. */
static inline rf_status rf_range_take_any(rf_range *range, uint64_t bytes, rf_place *out)
{
    uint64_t end;
    if (__builtin_expect(!rf_add(bytes, range->alignment - 1, &end), false))
        return RF_ERROR_OVERFLOW;
    uint64_t size = end >> range->shift;
    uint64_t padding = (end & -range->alignment) - bytes;
    uint32_t bin = rf_range_bin(size);
    bin = rf_bin_next(range, bin);
    /* Whatever a larger class holds is large enough. Where none does, this is NONE, of size 0. */
    uint32_t id = range->bins[bin];
    const span *s = rf_span_at(range, id);
    if (__builtin_expect(s->size < size, false)) {
        rf_place place = {0}; /* its address is given away: *out can stay in registers */
        rf_status status = rf_range_take_further(range, size, padding, &place);
        *out = place;
        return status;
    }
    out->offset = s->offset << range->shift;
    out->id = rf_span_take_front(range, id, bin, true, size, padding);
    return __builtin_expect(out->id == NONE, false) ? RF_ERROR_FULL : RF_OK;
}

/* ---- giving --------------------------------------------------------------------------------- */

/* A span that is free from now on, and in no bin, goes to the free span before it, with the one
 * behind it where that is free too. */
static inline void rf_span_give_to_before(rf_range *range, uint32_t id)
{
    const span *s = rf_span_at(range, id);
    uint32_t before = s->before;
    uint32_t after = s->after;
    span *b = rf_span_at(range, before);
    const span *a = rf_span_at(range, after);
    uint32_t bin = rf_range_bin(b->size);
    uint64_t size = b->size + s->size;
    if (rf_span_is_free(a)) {
        uint32_t next = a->after;
        size += a->size;
        rf_bin_remove(range, a, rf_range_bin(a->size), false);
        rf_span_drop(range, after);
        after = next;
    }
    b->after = after;
    rf_span_at(range, after)->before = before;
    rf_span_drop(range, id);
    rf_span_resize(range, before, bin, false, size);
}

/* The same to the free span behind it. */
static inline void rf_span_give_to_after(rf_range *range, uint32_t id)
{
    const span *s = rf_span_at(range, id);
    uint32_t after = s->after;
    span *a = rf_span_at(range, after);
    uint32_t bin = rf_range_bin(a->size);
    uint64_t size = a->size + s->size;
    a->offset = s->offset;
    a->before = s->before;
    rf_span_at(range, s->before)->after = after;
    rf_span_drop(range, id);
    rf_span_resize(range, after, bin, false, size);
}

/* Gives a span whose id came from a take: OK, or STALE where it is not taken. */
static inline rf_status rf_range_give_span(rf_range *range, uint32_t id)
{
    const span *s = rf_span_at(range, id);
    if (__builtin_expect(rf_span_is_free(s), false))
        return RF_ERROR_STALE;
    range->taken -= s->size;
    range->live_spans--;
    range->padding -= ~s->not_padding;
    if (rf_span_is_free(rf_span_at(range, s->before)))
        rf_span_give_to_before(range, id);
    else if (rf_span_is_free(rf_span_at(range, s->after)))
        rf_span_give_to_after(range, id);
    else
        rf_bin_insert(range, id, rf_range_bin(s->size));
    return RF_OK;
}

#endif

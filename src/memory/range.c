/*
 * range.c: taking and giving spans of [0, size). The structure is described in range_internal.h,
 * and checked in range_check.c.
 */
#include <inttypes.h>
#include <stddef.h>

#include "base/checked.h"
#include "base/memory.h"
#include "memory/range_internal.h"

/* Free spans of the wanted class that a take looks at before it takes a larger one. */
#define PROBES 4

/* ---- bins ----------------------------------------------------------------------------------- */

/* Both write the bit maps and links whatever they were: what a random trace takes next cannot be
 * predicted, and a branch that is guessed wrong costs more than all of these stores. */

static void bin_insert(rf_range *range, uint32_t index, uint32_t bin)
{
    span *s = &range->spans[index];
    uint32_t next = range->bins[bin];
    s->bin_before = NONE;
    s->bin_after = next;
    range->spans[next].bin_before = index;
    range->bins[bin] = index;
    range->occupied[bin / 64] |= 1ULL << (bin % 64);
    range->occupied_words |= 1U << (bin / 64);
}

static void bin_remove(rf_range *range, uint32_t index, uint32_t bin)
{
    const span *s = &range->spans[index];
    uint32_t before = s->bin_before;
    uint32_t after = s->bin_after;
    range->spans[after].bin_before = before;
    uint32_t *link = before == NONE ? &range->bins[bin] : &range->spans[before].bin_after;
    *link = after;
    uint32_t word = bin / 64;
    uint64_t empty = range->bins[bin] == NONE;
    uint64_t bits = range->occupied[word] & ~(empty << (bin % 64));
    uint32_t word_empty = bits == 0;
    range->occupied[word] = bits;
    range->occupied_words &= ~(word_empty << word);
}

/* The first occupied bin from `bin` on, which is one; BINS where there is none. */
static uint32_t next_bin(const rf_range *range, uint32_t bin)
{
    uint32_t word = bin / 64;
    uint64_t bits = range->occupied[word] & (~0ULL << (bin % 64));
    if (bits == 0) {
        uint32_t words = range->occupied_words & (~1U << word);
        if (words == 0)
            return BINS;
        word = (uint32_t)__builtin_ctz(words);
        bits = range->occupied[word];
    }
    return word * 64 + (uint32_t)__builtin_ctzll(bits);
}

static uint32_t next_larger_bin(const rf_range *range, uint32_t bin)
{
    return bin + 1 < BINS ? next_bin(range, bin + 1) : BINS;
}

/* The first span of a bin, among at most `probes`, that is large enough; NONE otherwise. */
static uint32_t fit_in_bin(const rf_range *range, uint32_t bin, uint64_t size, uint32_t probes)
{
    uint32_t index = range->bins[bin];
    while (index != NONE && probes-- > 0 && range->spans[index].size < size)
        index = range->spans[index].bin_after;
    return index != NONE && range->spans[index].size >= size ? index : NONE;
}

/* Where the first span of the size's own class is too small. Apart, for it is seldom gone into and
 * would cost the rest of a take its registers. */
static __attribute__((noinline)) uint32_t search(const rf_range *range, uint32_t bin, uint64_t size)
{
    uint32_t index = fit_in_bin(range, bin, size, PROBES);
    if (index != NONE)
        return index;
    uint32_t larger = next_larger_bin(range, bin);
    if (larger != BINS)
        return range->bins[larger];
    return fit_in_bin(range, bin, size, range->max_spans);
}

static uint32_t find_fit(const rf_range *range, uint64_t size)
{
    uint32_t bin = rf_range_bin(size);
    uint32_t found = next_bin(range, bin);
    if (found == BINS)
        return NONE;
    uint32_t index = range->bins[found];
    /* Whatever an exact or a larger class holds is large enough. */
    if (bin < EXACT_BINS || range->spans[index].size >= size)
        return index;
    return search(range, bin, size);
}

/* The free span that holds [offset, offset + size), or NONE. */
static uint32_t find_place(const rf_range *range, uint64_t offset, uint64_t size)
{
    for (uint32_t bin = next_bin(range, rf_range_bin(size)); bin != BINS;
         bin = next_larger_bin(range, bin)) {
        for (uint32_t i = range->bins[bin]; i != NONE; i = range->spans[i].bin_after) {
            const span *s = &range->spans[i];
            if (offset >= s->offset && rf_range_inside(offset - s->offset, size, s->size))
                return i;
        }
    }
    return NONE;
}

/* ---- spans ---------------------------------------------------------------------------------- */

static uint32_t spare_spans(const rf_range *range)
{
    return range->max_spans - range->n_spans;
}

/* An entry that is in no list; the caller has checked that there is one. */
static uint32_t span_new(rf_range *range)
{
    uint32_t index = range->unused;
    if (index != NONE)
        range->unused = range->spans[index].bin_after;
    else
        index = ++range->used;
    range->n_spans++;
    return index;
}

/* The span is free, in no bin, and its neighbours no longer know of it. */
static void span_drop(rf_range *range, uint32_t index)
{
    span *s = &range->spans[index];
    s->size = 0;
    s->bin_after = range->unused;
    range->unused = index;
    range->n_spans--;
}

/* Links a span in between two that are neighbours. */
static void link_between(rf_range *range, uint32_t before, uint32_t index, uint32_t after)
{
    range->spans[index].before = before;
    range->spans[index].after = after;
    range->spans[before].after = index;
    range->spans[after].before = index;
}

/* A free span gets another size, and with it another bin where it must. Most of the time, where
 * spans are large, it need not. */
static void resize(rf_range *range, uint32_t index, uint64_t size)
{
    span *s = &range->spans[index];
    uint32_t old = rf_range_bin(s->size);
    uint32_t bin = rf_range_bin(size);
    s->size = size;
    if (old == bin)
        return;
    bin_remove(range, index, old);
    bin_insert(range, index, bin);
}

/* Takes the first `size` units of a free span, of which `bytes` were asked, and returns which span
 * they are; what is behind them stays free. */
static inline uint32_t take_front(rf_range *range, uint32_t index, uint64_t size, uint64_t bytes)
{
    span *s = &range->spans[index];
    uint64_t padding = (size << range->shift) - bytes;
    range->taken += size;
    range->padding += padding;
    range->live_spans++;
    if (s->size == size) {
        bin_remove(range, index, rf_range_bin(size));
        s->not_padding = ~padding;
        return index;
    }
    uint32_t front = span_new(range);
    span *f = &range->spans[front];
    f->offset = s->offset;
    f->size = size;
    f->not_padding = ~padding;
    link_between(range, s->before, front, index);
    s->offset += size;
    resize(range, index, s->size - size);
    return front;
}

/* Cuts `lead` units off the front of a free span, as a free span of their own. Only for a take of
 * what is behind them: until then two neighbours are free. */
static void split_lead(rf_range *range, uint32_t index, uint64_t lead)
{
    span *s = &range->spans[index];
    uint32_t front = span_new(range);
    span *f = &range->spans[front];
    f->offset = s->offset;
    f->size = lead;
    link_between(range, s->before, front, index);
    bin_insert(range, front, rf_range_bin(lead));
    s->offset += lead;
    resize(range, index, s->size - lead);
}

static bool is_free(const rf_range *range, uint32_t index)
{
    return rf_span_is_free(&range->spans[index]);
}

/* A span that is free from now on, and in no bin, goes to the free span behind it. */
static void give_to_after(rf_range *range, uint32_t index)
{
    const span *s = &range->spans[index];
    span *after = &range->spans[s->after];
    after->offset = s->offset;
    after->before = s->before;
    range->spans[s->before].after = s->after;
    resize(range, s->after, after->size + s->size);
    span_drop(range, index);
}

/* The same to the free span before it, with the one behind it where that is free too. */
static void give_to_before(rf_range *range, uint32_t index)
{
    const span *s = &range->spans[index];
    uint32_t before = s->before;
    uint32_t after = s->after;
    uint64_t size = range->spans[before].size + s->size;
    if (is_free(range, after)) {
        uint32_t next = range->spans[after].after;
        size += range->spans[after].size;
        bin_remove(range, after, rf_range_bin(range->spans[after].size));
        span_drop(range, after);
        after = next;
    }
    range->spans[before].after = after;
    range->spans[after].before = before;
    span_drop(range, index);
    resize(range, before, size);
}

/* ---- the interface -------------------------------------------------------------------------- */

rf_status rf_range_create(uint64_t size, uint64_t alignment, uint32_t max_spans, rf_range **out,
                          rf_error *error)
{
    if (!rf_is_power_of_two(alignment))
        return rf_error_set(error, RF_ERROR_ARGUMENT, "alignment %" PRIu64 " is not a power of two",
                            alignment);
    if (size == 0 || size % alignment != 0)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "size %" PRIu64 " is not a multiple of the alignment %" PRIu64, size,
                            alignment);
    if (max_spans == 0 || max_spans > RF_RANGE_MAX_SPANS)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "%" PRIu32 " spans: must be 1 to %u",
                            max_spans, RF_RANGE_MAX_SPANS);
    rf_range *range = rf_calloc(1, sizeof(*range));
    span *spans = rf_calloc((size_t)max_spans + 1, sizeof(*spans));
    if (!range || !spans) {
        rf_free(range);
        rf_free(spans);
        return rf_error_host_memory(error, "the spans of a pool", max_spans * sizeof(*spans));
    }
    range->spans = spans;
    range->max_spans = max_spans;
    range->alignment = alignment;
    range->shift = (uint32_t)__builtin_ctzll(alignment);
    range->units = size >> range->shift;
    spans[NONE].not_padding = ~0ULL; /* taken */
    uint32_t first = span_new(range);
    spans[first].size = range->units;
    link_between(range, NONE, first, NONE);
    bin_insert(range, first, rf_range_bin(range->units));
    *out = range;
    return RF_OK;
}

void rf_range_free(rf_range *range)
{
    if (!range)
        return;
    rf_free(range->spans);
    rf_free(range);
}

/* The units that a take of `bytes` occupies. */
static rf_status rounded(const rf_range *range, uint64_t bytes, uint64_t *out, rf_error *error)
{
    if (bytes == 0)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "a block of 0 bytes was asked");
    uint64_t end;
    if (!rf_add(bytes, range->alignment - 1, &end))
        return rf_error_set(error, RF_ERROR_OVERFLOW,
                            "asked %" PRIu64 " bytes: rounding up to %" PRIu64 " overflows", bytes,
                            range->alignment);
    *out = end >> range->shift;
    return RF_OK;
}

static rf_status no_spare(const rf_range *range, rf_error *error)
{
    return rf_error_set(error, RF_ERROR_FULL, "all %" PRIu32 " spans of the pool are in use",
                        range->max_spans);
}

rf_status rf_range_take(rf_range *range, uint64_t bytes, uint32_t *out, uint64_t *offset,
                        rf_error *error)
{
    uint64_t size = 0;
    RF_TRY(rounded(range, bytes, &size, error));
    uint32_t index = find_fit(range, size);
    if (index == NONE) {
        if (!error) /* callers that try several pools ask for no text, and pay for none */
            return RF_ERROR_DEVICE_MEMORY;
        rf_range_stats stats = rf_range_statistics(range);
        return rf_error_set(error, RF_ERROR_DEVICE_MEMORY,
                            "asked %" PRIu64 " bytes, free %" PRIu64 ", largest free %" PRIu64,
                            bytes, stats.free, stats.largest_free);
    }
    if (range->spans[index].size != size && spare_spans(range) == 0)
        return no_spare(range, error);
    *offset = range->spans[index].offset << range->shift;
    *out = take_front(range, index, size, bytes);
    return RF_OK;
}

rf_status rf_range_take_at(rf_range *range, uint64_t offset, uint64_t bytes, uint32_t *out,
                           rf_error *error)
{
    uint64_t size = 0;
    RF_TRY(rounded(range, bytes, &size, error));
    if (offset & (range->alignment - 1))
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "offset %" PRIu64 " is not a multiple of the alignment %" PRIu64,
                            offset, range->alignment);
    uint64_t place = offset >> range->shift;
    if (!rf_range_inside(place, size, range->units))
        return rf_error_set(error, RF_ERROR_RANGE,
                            "asked %" PRIu64 " bytes at offset %" PRIu64 " of a pool of %" PRIu64,
                            bytes, offset, range->units << range->shift);
    uint32_t index = find_place(range, place, size);
    if (index == NONE)
        return rf_error_set(error, RF_ERROR_BUSY,
                            "asked %" PRIu64 " bytes at offset %" PRIu64
                            ": a part of them is taken",
                            bytes, offset);
    uint64_t lead = place - range->spans[index].offset;
    uint32_t cuts = (lead != 0) + (range->spans[index].size - lead != size);
    if (cuts > spare_spans(range))
        return no_spare(range, error);
    if (lead != 0)
        split_lead(range, index, lead);
    *out = take_front(range, index, size, bytes);
    return RF_OK;
}

rf_status rf_range_give(rf_range *range, uint32_t index, rf_error *error)
{
    if (index == NONE || index > range->used || is_free(range, index))
        return rf_error_set(error, RF_ERROR_STALE, "span %" PRIu32 " is not taken", index);
    span *s = &range->spans[index];
    range->taken -= s->size;
    range->padding -= ~s->not_padding;
    range->live_spans--;
    if (is_free(range, s->before))
        give_to_before(range, index);
    else if (is_free(range, s->after))
        give_to_after(range, index);
    else
        bin_insert(range, index, rf_range_bin(s->size));
    return RF_OK;
}

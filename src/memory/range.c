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

static void bin_insert(rf_range *range, uint32_t index)
{
    span *s = &range->spans[index];
    uint32_t bin = rf_range_bin(range, s->size);
    s->bin_before = NONE;
    s->bin_after = range->bins[bin];
    if (s->bin_after != NONE)
        range->spans[s->bin_after].bin_before = index;
    range->bins[bin] = index;
    range->occupied[bin / 64] |= 1ULL << (bin % 64);
    range->occupied_words |= 1U << (bin / 64);
}

static void bin_remove(rf_range *range, uint32_t index)
{
    const span *s = &range->spans[index];
    if (s->bin_after != NONE)
        range->spans[s->bin_after].bin_before = s->bin_before;
    if (s->bin_before != NONE) {
        range->spans[s->bin_before].bin_after = s->bin_after;
        return;
    }
    uint32_t bin = rf_range_bin(range, s->size);
    range->bins[bin] = s->bin_after;
    if (s->bin_after != NONE)
        return;
    range->occupied[bin / 64] &= ~(1ULL << (bin % 64));
    if (range->occupied[bin / 64] == 0)
        range->occupied_words &= ~(1U << (bin / 64));
}

/* The first occupied bin from `bin` on; BINS where there is none. */
static uint32_t next_bin(const rf_range *range, uint32_t bin)
{
    if (bin >= BINS)
        return BINS;
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

/* The first span of a bin, among at most `probes`, that is large enough; NONE otherwise. */
static uint32_t fit_in_bin(const rf_range *range, uint32_t bin, uint64_t size, uint32_t probes)
{
    uint32_t index = range->bins[bin];
    while (index != NONE && probes-- > 0 && range->spans[index].size < size)
        index = range->spans[index].bin_after;
    return index != NONE && range->spans[index].size >= size ? index : NONE;
}

static uint32_t find_fit(const rf_range *range, uint64_t size)
{
    uint32_t bin = rf_range_bin(range, size);
    uint32_t index = fit_in_bin(range, bin, size, PROBES);
    if (index != NONE)
        return index;
    /* Whatever a larger class holds is large enough. */
    uint32_t larger = next_bin(range, bin + 1);
    if (larger != BINS)
        return range->bins[larger];
    return fit_in_bin(range, bin, size, range->max_spans);
}

/* The free span that holds [offset, offset + size), or NONE. */
static uint32_t find_place(const rf_range *range, uint64_t offset, uint64_t size)
{
    for (uint32_t bin = next_bin(range, rf_range_bin(range, size)); bin != BINS;
         bin = next_bin(range, bin + 1)) {
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

/* A span that is in no list; the caller has checked that there is one. */
static uint32_t span_new(rf_range *range)
{
    uint32_t index = range->unused;
    if (index != NONE)
        range->unused = range->spans[index].bin_after;
    else
        index = range->fresh++;
    range->n_spans++;
    return index;
}

static void span_drop(rf_range *range, uint32_t index)
{
    range->spans[index] = (span){.bin_after = range->unused};
    range->unused = index;
    range->n_spans--;
}

/* Cuts a span that is in no bin in two; the second part, from `size` on, is a free span in no bin.
 */
static uint32_t split(rf_range *range, uint32_t index, uint64_t size)
{
    uint32_t rest = span_new(range);
    span *s = &range->spans[index];
    range->spans[rest] = (span){
        .offset = s->offset + size,
        .size = s->size - size,
        .before = index,
        .after = s->after,
    };
    if (s->after != NONE)
        range->spans[s->after].before = rest;
    s->after = rest;
    s->size = size;
    return rest;
}

/* Makes one span of a span and the one behind it; both are in no bin. */
static void merge_next(rf_range *range, uint32_t index)
{
    span *s = &range->spans[index];
    uint32_t next = s->after;
    s->size += range->spans[next].size;
    s->after = range->spans[next].after;
    if (s->after != NONE)
        range->spans[s->after].before = index;
    span_drop(range, next);
}

static bool is_free(const rf_range *range, uint32_t index)
{
    return index != NONE && range->spans[index].bytes == 0;
}

/* Takes the first `size` bytes of a free span that is in no bin; what is behind them stays free. */
static void take_front(rf_range *range, uint32_t index, uint64_t size, uint64_t bytes)
{
    if (range->spans[index].size != size)
        bin_insert(range, split(range, index, size));
    range->spans[index].bytes = bytes;
    range->live += bytes;
    range->padding += size - bytes;
    range->free -= size;
    range->live_spans++;
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
    if (max_spans == 0 || max_spans == NONE)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "%" PRIu32 " spans: must be 1 to %" PRIu32,
                            max_spans, NONE - 1);
    rf_range *range = rf_calloc(1, sizeof(*range));
    span *spans = rf_calloc(max_spans, sizeof(*spans));
    if (!range || !spans) {
        rf_free(range);
        rf_free(spans);
        return rf_error_host_memory(error, "the spans of a pool", max_spans * sizeof(*spans));
    }
    range->spans = spans;
    range->max_spans = max_spans;
    range->size = range->free = size;
    range->alignment = alignment;
    range->shift = (uint32_t)__builtin_ctzll(alignment);
    range->unused = NONE;
    for (uint32_t i = 0; i < BINS; i++)
        range->bins[i] = NONE;
    range->first = span_new(range);
    spans[range->first] = (span){.size = size, .before = NONE, .after = NONE};
    bin_insert(range, range->first);
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

/* The bytes that a take of `bytes` occupies. */
static rf_status rounded(const rf_range *range, uint64_t bytes, uint64_t *out, rf_error *error)
{
    if (bytes == 0)
        return rf_error_set(error, RF_ERROR_ARGUMENT, "a block of 0 bytes was asked");
    if (!rf_align_up(bytes, range->alignment, out))
        return rf_error_set(error, RF_ERROR_OVERFLOW,
                            "asked %" PRIu64 " bytes: rounding up to %" PRIu64 " overflows", bytes,
                            range->alignment);
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
    bin_remove(range, index);
    take_front(range, index, size, bytes);
    *out = index;
    *offset = range->spans[index].offset;
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
    if (!rf_range_inside(offset, size, range->size))
        return rf_error_set(error, RF_ERROR_RANGE,
                            "asked %" PRIu64 " bytes at offset %" PRIu64 " of a pool of %" PRIu64,
                            bytes, offset, range->size);
    uint32_t index = find_place(range, offset, size);
    if (index == NONE)
        return rf_error_set(error, RF_ERROR_BUSY,
                            "asked %" PRIu64 " bytes at offset %" PRIu64
                            ": a part of them is taken",
                            bytes, offset);
    uint64_t lead = offset - range->spans[index].offset;
    uint32_t cuts = (lead != 0) + (range->spans[index].size - lead != size);
    if (cuts > spare_spans(range))
        return no_spare(range, error);
    bin_remove(range, index);
    if (lead != 0) {
        uint32_t place = split(range, index, lead);
        bin_insert(range, index);
        index = place;
    }
    take_front(range, index, size, bytes);
    *out = index;
    return RF_OK;
}

rf_status rf_range_give(rf_range *range, uint32_t index, rf_error *error)
{
    if (index >= range->fresh || range->spans[index].bytes == 0)
        return rf_error_set(error, RF_ERROR_STALE, "span %" PRIu32 " is not taken", index);
    span *s = &range->spans[index];
    range->live -= s->bytes;
    range->padding -= s->size - s->bytes;
    range->free += s->size;
    range->live_spans--;
    s->bytes = 0;
    if (is_free(range, s->after)) {
        bin_remove(range, s->after);
        merge_next(range, index);
    }
    if (is_free(range, s->before)) {
        index = s->before;
        bin_remove(range, index);
        merge_next(range, index);
    }
    bin_insert(range, index);
    return RF_OK;
}

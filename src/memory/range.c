/*
 * range.c: taking and giving spans of [0, size). The structure is described in range_internal.h,
 * what every take and give goes through is in range_take.h, and range_check.c checks it all.
 */
#include <inttypes.h>
#include <stddef.h>

#include "base/memory.h"
#include "memory/range_take.h"

/* Free spans of the wanted class that a take looks at before it takes a larger one. */
#define PROBES 4

/* ---- bins ----------------------------------------------------------------------------------- */

/* The first span of a bin, among at most `probes`, that is large enough; NONE otherwise. */
static uint32_t fit_in_bin(const rf_range *range, uint32_t bin, uint64_t size, uint32_t probes)
{
    uint32_t id = range->bins[bin];
    while (id != NONE && probes-- > 0 && rf_span_read(range, id)->size < size)
        id = rf_span_read(range, id)->bin_after;
    return id != NONE && rf_span_read(range, id)->size >= size ? id : NONE;
}

/* Where the first span of the size's own class is too small. */
static uint32_t search(const rf_range *range, uint64_t size)
{
    uint32_t bin = rf_range_bin(size);
    uint32_t id = fit_in_bin(range, bin, size, PROBES);
    if (id != NONE)
        return id;
    uint32_t larger = rf_bin_next(range, bin + 1);
    if (larger != BINS)
        return range->bins[larger];
    return fit_in_bin(range, bin, size, range->max_spans);
}

rf_status rf_range_take_further(rf_range *range, uint64_t size, uint64_t padding, rf_place *out)
{
    uint32_t id = search(range, size);
    if (id == NONE)
        return RF_ERROR_DEVICE_MEMORY;
    const span *s = rf_span_at(range, id);
    out->offset = s->offset << range->shift;
    out->id = rf_span_take_front(range, id, rf_range_bin(s->size), false, size, padding);
    return out->id == NONE ? RF_ERROR_FULL : RF_OK;
}

/* The free span that holds [offset, offset + size), or NONE. */
static uint32_t find_place(const rf_range *range, uint64_t offset, uint64_t size)
{
    for (uint32_t bin = rf_bin_next(range, rf_range_bin(size)); bin != BINS;
         bin = rf_bin_next(range, bin + 1)) {
        for (uint32_t id = range->bins[bin]; id != NONE;) {
            const span *s = rf_span_read(range, id);
            if (offset >= s->offset && rf_range_inside(offset - s->offset, size, s->size))
                return id;
            id = s->bin_after;
        }
    }
    return NONE;
}

/* ---- spans ---------------------------------------------------------------------------------- */

/* Links a span in between two that are neighbours. */
static void link_between(rf_range *range, uint32_t before, uint32_t id, uint32_t after)
{
    span *s = rf_span_at(range, id);
    s->before = before;
    s->after = after;
    rf_span_at(range, before)->after = id;
    rf_span_at(range, after)->before = id;
}

/* Cuts `lead` units off the front of a free span, as a free span of their own. Only for a take of
 * what is behind them: until then two neighbours are free. */
static void split_lead(rf_range *range, uint32_t id, uint64_t lead)
{
    span *s = rf_span_at(range, id);
    uint32_t front = rf_span_new(range);
    span *f = rf_span_at(range, front);
    f->offset = s->offset;
    f->size = lead;
    link_between(range, s->before, front, id);
    rf_bin_insert(range, front, rf_range_bin(lead));
    s->offset += lead;
    rf_span_resize(range, id, rf_range_bin(s->size), false, s->size - lead);
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
    size_t bytes = sizeof(rf_range) + ((size_t)max_spans + 1) * sizeof(span);
    rf_range *range = rf_calloc(1, bytes);
    if (!range)
        return rf_error_host_memory(error, "the spans of a pool", bytes);
    range->max_spans = max_spans;
    range->alignment = alignment;
    range->shift = (uint32_t)__builtin_ctzll(alignment);
    range->units = size >> range->shift;
    range->occupied[BINS / 64] = END_BIT;
    range->spans[0].not_padding = ~0ULL; /* taken */
    uint32_t first = rf_span_new(range);
    rf_span_at(range, first)->size = range->units;
    link_between(range, NONE, first, NONE);
    rf_bin_insert(range, first, rf_range_bin(range->units));
    *out = range;
    return RF_OK;
}

void rf_range_free(rf_range *range)
{
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

/* Why a take of `bytes` was refused. */
static __attribute__((noinline)) rf_status refused(const rf_range *range, rf_status status,
                                                   uint64_t bytes, rf_error *error)
{
    uint64_t size;
    if (!error) /* callers that want no text pay for none */
        return status;
    if (status == RF_ERROR_ARGUMENT || status == RF_ERROR_OVERFLOW)
        return rounded(range, bytes, &size, error);
    if (status == RF_ERROR_FULL)
        return no_spare(range, error);
    rf_range_stats stats = rf_range_statistics(range);
    return rf_error_set(error, status,
                        "asked %" PRIu64 " bytes, free %" PRIu64 ", largest free %" PRIu64, bytes,
                        stats.free, stats.largest_free);
}

rf_status rf_range_take(rf_range *range, uint64_t bytes, uint32_t *out, uint64_t *offset,
                        rf_error *error)
{
    if (bytes == 0)
        return refused(range, RF_ERROR_ARGUMENT, bytes, error);
    rf_place place;
    rf_status status = rf_range_take_any(range, bytes, &place);
    if (__builtin_expect(status != RF_OK, false))
        return refused(range, status, bytes, error);
    *out = place.id / ID_STEP;
    *offset = place.offset;
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
    uint32_t id = find_place(range, place, size);
    if (id == NONE)
        return rf_error_set(error, RF_ERROR_BUSY,
                            "asked %" PRIu64 " bytes at offset %" PRIu64
                            ": a part of them is taken",
                            bytes, offset);
    const span *s = rf_span_at(range, id);
    uint64_t lead = place - s->offset;
    uint32_t cuts = (lead != 0) + (s->size - lead != size);
    if (cuts > range->max_spans - range->n_spans)
        return no_spare(range, error);
    if (lead != 0)
        split_lead(range, id, lead);
    uint64_t padding = (size << range->shift) - bytes;
    *out = rf_span_take_front(range, id, rf_range_bin(s->size), false, size, padding) / ID_STEP;
    return RF_OK;
}

rf_status rf_range_give(rf_range *range, uint32_t number, rf_error *error)
{
    if (number == 0 || number > range->used || rf_range_give_span(range, number * ID_STEP) != RF_OK)
        return rf_error_set(error, RF_ERROR_STALE, "span %" PRIu32 " is not taken", number);
    return RF_OK;
}

/* range_check.c: the statistics of a range, and the walk that proves its structure. */
#include <inttypes.h>
#include <stddef.h>

#include "memory/range_internal.h"

/* The units of the largest span of a bin, 0 for an empty one. */
static uint64_t largest_in_bin(const rf_range *range, uint32_t bin)
{
    uint64_t largest = 0;
    for (uint32_t id = range->bins[bin]; id != NONE;) {
        const span *s = rf_span_read(range, id);
        if (s->size > largest)
            largest = s->size;
        id = s->bin_after;
    }
    return largest;
}

rf_range_stats rf_range_statistics(const rf_range *range)
{
    rf_range_stats stats = {
        .size = range->units << range->shift,
        .live = (range->taken << range->shift) - range->padding,
        .padding = range->padding,
        .free = (range->units - range->taken) << range->shift,
        .live_spans = range->live_spans,
    };
    for (uint32_t word = BIN_WORDS; word-- > 0;) {
        uint64_t bits = range->occupied[word] & ~(word == BINS / 64 ? END_BIT : 0);
        if (bits == 0)
            continue;
        uint32_t high = 63U - (uint32_t)__builtin_clzll(bits);
        stats.largest_free = largest_in_bin(range, word * 64 + high) << range->shift;
        break;
    }
    return stats;
}

static rf_status broken(rf_error *error, const char *what, uint32_t id)
{
    return rf_error_set(error, RF_ERROR_INTERNAL, "span %" PRIu32 ": %s", id / ID_STEP, what);
}

/* What the walk by offset counts, to be compared with the bins and the running sums. */
typedef struct tally {
    uint64_t taken, free; /* units */
    uint64_t padding;     /* bytes */
    uint32_t n_spans, n_live;
} tally;

static rf_status check_span(const rf_range *range, uint32_t id, uint32_t before, uint64_t offset,
                            rf_error *error)
{
    const span *s = rf_span_read(range, id);
    if (s->before != before)
        return broken(error, "does not link back to the span before it", id);
    if (s->offset != offset)
        return broken(error, "does not begin where the one before it ends", id);
    if (s->size == 0)
        return broken(error, "has a size of 0", id);
    if (s->size > range->units - offset)
        return broken(error, "reaches past the end", id);
    if (!rf_span_is_free(s) && ~s->not_padding >= range->alignment)
        return broken(error, "is not the bytes asked for, rounded up", id);
    if (rf_span_is_free(s) && rf_span_is_free(rf_span_read(range, before)))
        return broken(error, "is free, and so is the one before it", id);
    return RF_OK;
}

static rf_status walk_offsets(const rf_range *range, tally *sum, rf_error *error)
{
    uint64_t offset = 0;
    uint32_t before = NONE;
    const span *none = rf_span_read(range, NONE);
    for (uint32_t id = none->after; id != NONE; id = rf_span_read(range, id)->after) {
        if (!rf_span_exists(range, id) || sum->n_spans++ >= range->n_spans)
            return broken(error, "is out of bounds or linked in a circle", id);
        RF_TRY(check_span(range, id, before, offset, error));
        const span *s = rf_span_read(range, id);
        offset += s->size;
        before = id;
        if (rf_span_is_free(s)) {
            sum->free += s->size;
            continue;
        }
        sum->taken += s->size;
        sum->padding += ~s->not_padding;
        sum->n_live++;
    }
    if (none->before != before || rf_span_is_free(none))
        return broken(error, "does not close the list of offsets", NONE);
    if (offset != range->units)
        return rf_error_set(error, RF_ERROR_INTERNAL, "spans end at unit %" PRIu64 ", of %" PRIu64,
                            offset, range->units);
    return RF_OK;
}

static rf_status walk_bin(const rf_range *range, uint32_t bin, uint32_t *n_free, rf_error *error)
{
    uint32_t before = NONE;
    for (uint32_t id = range->bins[bin]; id != NONE; id = rf_span_read(range, id)->bin_after) {
        if (!rf_span_exists(range, id) || ++*n_free > range->n_spans)
            return broken(error, "is out of bounds or binned in a circle", id);
        const span *s = rf_span_read(range, id);
        if (!rf_span_is_free(s) || s->size == 0)
            return broken(error, "is in a bin and not free", id);
        if (rf_range_bin(s->size) != bin || s->bin_before != before)
            return broken(error, "is in the wrong place of the bins", id);
        before = id;
    }
    bool marked = (range->occupied[bin / 64] >> (bin % 64)) & 1U;
    if (marked != (before != NONE))
        return rf_error_set(error, RF_ERROR_INTERNAL, "the bit maps are wrong about bin %" PRIu32,
                            bin);
    return RF_OK;
}

rf_status rf_range_check(const rf_range *range, rf_error *error)
{
    tally sum = {0};
    RF_TRY(walk_offsets(range, &sum, error));
    uint32_t n_free = 0;
    for (uint32_t bin = 0; bin < BINS; bin++)
        RF_TRY(walk_bin(range, bin, &n_free, error));
    if (range->bins[BINS] != NONE || range->occupied[BINS / 64] >> (BINS % 64) != 1)
        return rf_error_set(error, RF_ERROR_INTERNAL, "a search for a bin would not end");
    if (n_free + sum.n_live != sum.n_spans || sum.n_spans != range->n_spans)
        return rf_error_set(error, RF_ERROR_INTERNAL,
                            "%" PRIu32 " spans in bins and %" PRIu32 " live, of %" PRIu32, n_free,
                            sum.n_live, range->n_spans);
    if (sum.taken != range->taken || sum.padding != range->padding ||
        sum.n_live != range->live_spans || sum.taken + sum.free != range->units)
        return rf_error_set(error, RF_ERROR_INTERNAL,
                            "taken %" PRIu64 " + free %" PRIu64 ", padding %" PRIu64
                            " is not what the range says, or not its %" PRIu64 " units",
                            sum.taken, sum.free, sum.padding, range->units);
    uint32_t dropped = 0;
    for (uint32_t id = range->unused; id != NONE; id = rf_span_read(range, id)->bin_after) {
        if (!rf_span_exists(range, id) || rf_span_read(range, id)->size != 0 ||
            ++dropped > range->used)
            return broken(error, "is not an unused entry", id);
    }
    if (dropped + range->n_spans != range->used)
        return rf_error_set(error, RF_ERROR_INTERNAL, "%" PRIu32 " unused entries are lost",
                            range->used - range->n_spans - dropped);
    return RF_OK;
}

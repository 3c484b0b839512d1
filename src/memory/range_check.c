/* range_check.c: the statistics of a range, and the walk that proves its structure. */
#include <inttypes.h>
#include <stddef.h>

#include "memory/range_internal.h"

/* The largest span of a bin, 0 for an empty one. */
static uint64_t largest_in_bin(const rf_range *range, uint32_t bin)
{
    uint64_t largest = 0;
    for (uint32_t i = range->bins[bin]; i != NONE; i = range->spans[i].bin_after) {
        if (range->spans[i].size > largest)
            largest = range->spans[i].size;
    }
    return largest;
}

rf_range_stats rf_range_statistics(const rf_range *range)
{
    rf_range_stats stats = {
        .size = range->size,
        .live = range->live,
        .padding = range->padding,
        .free = range->free,
        .live_spans = range->live_spans,
    };
    for (uint32_t word = BIN_WORDS; word-- > 0;) {
        if (range->occupied[word] == 0)
            continue;
        uint32_t high = 63U - (uint32_t)__builtin_clzll(range->occupied[word]);
        stats.largest_free = largest_in_bin(range, word * 64 + high);
        break;
    }
    return stats;
}

static rf_status broken(rf_error *error, const char *what, uint32_t index)
{
    return rf_error_set(error, RF_ERROR_INTERNAL, "span %" PRIu32 ": %s", index, what);
}

/* What the walk by offset counts, to be compared with the bins and the running sums. */
typedef struct tally {
    uint64_t live, padding, free;
    uint32_t n_spans, n_live;
} tally;

static rf_status check_span(const rf_range *range, uint32_t i, uint32_t before, uint64_t offset,
                            rf_error *error)
{
    const span *s = &range->spans[i];
    if (s->before != before)
        return broken(error, "does not link back to the span before it", i);
    if (s->offset != offset)
        return broken(error, "does not begin where the one before it ends", i);
    if (s->size == 0 || (s->size & (range->alignment - 1)))
        return broken(error, "has a size that is not a multiple of the alignment", i);
    if (s->size > range->size - offset)
        return broken(error, "reaches past the end", i);
    if (s->bytes > s->size || (s->bytes && s->size - s->bytes >= range->alignment))
        return broken(error, "is not the bytes asked for, rounded up", i);
    if (s->bytes == 0 && before != NONE && range->spans[before].bytes == 0)
        return broken(error, "is free, and so is the one before it", i);
    return RF_OK;
}

static rf_status walk_offsets(const rf_range *range, tally *sum, rf_error *error)
{
    uint64_t offset = 0;
    uint32_t before = NONE;
    for (uint32_t i = range->first; i != NONE; i = range->spans[i].after) {
        if (i >= range->fresh || sum->n_spans++ >= range->n_spans)
            return broken(error, "is out of bounds or linked in a circle", i);
        RF_TRY(check_span(range, i, before, offset, error));
        const span *s = &range->spans[i];
        offset += s->size;
        before = i;
        if (s->bytes == 0) {
            sum->free += s->size;
            continue;
        }
        sum->live += s->bytes;
        sum->padding += s->size - s->bytes;
        sum->n_live++;
    }
    if (offset != range->size)
        return rf_error_set(error, RF_ERROR_INTERNAL,
                            "spans end at offset %" PRIu64 ", size %" PRIu64, offset, range->size);
    return RF_OK;
}

static rf_status walk_bin(const rf_range *range, uint32_t bin, uint32_t *n_free, rf_error *error)
{
    uint32_t before = NONE;
    for (uint32_t i = range->bins[bin]; i != NONE; i = range->spans[i].bin_after) {
        if (i >= range->fresh || ++*n_free > range->n_spans)
            return broken(error, "is out of bounds or binned in a circle", i);
        const span *s = &range->spans[i];
        if (s->bytes != 0 || s->size == 0)
            return broken(error, "is in a bin and not free", i);
        if (rf_range_bin(range, s->size) != bin || s->bin_before != before)
            return broken(error, "is in the wrong place of the bins", i);
        before = i;
    }
    bool marked = (range->occupied[bin / 64] >> (bin % 64)) & 1U;
    bool word_marked = (range->occupied_words >> (bin / 64)) & 1U;
    if (marked != (before != NONE) || word_marked != (range->occupied[bin / 64] != 0))
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
    if (n_free + sum.n_live != sum.n_spans || sum.n_spans != range->n_spans)
        return rf_error_set(error, RF_ERROR_INTERNAL,
                            "%" PRIu32 " spans in bins and %" PRIu32 " live, of %" PRIu32, n_free,
                            sum.n_live, range->n_spans);
    if (sum.live != range->live || sum.padding != range->padding || sum.free != range->free ||
        sum.n_live != range->live_spans || sum.live + sum.padding + sum.free != range->size)
        return rf_error_set(error, RF_ERROR_INTERNAL,
                            "live %" PRIu64 " + padding %" PRIu64 " + free %" PRIu64
                            " is not what the range says, or not its size %" PRIu64,
                            sum.live, sum.padding, sum.free, range->size);
    uint32_t dropped = 0;
    for (uint32_t i = range->unused; i != NONE; i = range->spans[i].bin_after) {
        if (i >= range->fresh || range->spans[i].size != 0 || ++dropped > range->fresh)
            return broken(error, "is not an unused entry", i);
    }
    if (dropped + range->n_spans != range->fresh)
        return rf_error_set(error, RF_ERROR_INTERNAL, "%" PRIu32 " unused entries are lost",
                            range->fresh - range->n_spans - dropped);
    return RF_OK;
}

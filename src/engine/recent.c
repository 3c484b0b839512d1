/* recent.c: a ring of tokens with counts. */
#include "engine/recent.h"

#include "base/memory.h"

rf_status rf_recent_create(uint32_t n_vocabulary, uint32_t capacity, rf_recent *out,
                           rf_error *error)
{
    rf_recent recent = {.n_vocabulary = n_vocabulary, .capacity = capacity};
    if (capacity > 0) {
        recent.ring = rf_calloc(capacity, sizeof(*recent.ring));
        recent.distinct = rf_calloc(capacity, sizeof(*recent.distinct));
        recent.counts = rf_calloc(n_vocabulary, sizeof(*recent.counts));
        recent.places = rf_calloc(n_vocabulary, sizeof(*recent.places));
        if (!recent.ring || !recent.distinct || !recent.counts || !recent.places) {
            rf_recent_free(&recent);
            return rf_error_host_memory(error, "the latest tokens of a sequence",
                                        8 * ((uint64_t)capacity + n_vocabulary));
        }
    }
    *out = recent;
    return RF_OK;
}

void rf_recent_free(rf_recent *recent)
{
    rf_free(recent->ring);
    rf_free(recent->distinct);
    rf_free(recent->counts);
    rf_free(recent->places);
    *recent = (rf_recent){0};
}

static void count_up(rf_recent *recent, int32_t token)
{
    if (recent->counts[token]++ == 0) {
        recent->places[token] = recent->n_distinct;
        recent->distinct[recent->n_distinct++] = token;
    }
}

static void count_down(rf_recent *recent, int32_t token)
{
    if (--recent->counts[token] == 0) {
        int32_t last = recent->distinct[--recent->n_distinct];
        recent->distinct[recent->places[token]] = last;
        recent->places[last] = recent->places[token];
    }
}

void rf_recent_add(rf_recent *recent, int32_t token)
{
    if (recent->capacity == 0 || token < 0 || (uint32_t)token >= recent->n_vocabulary)
        return;
    if (recent->length < recent->capacity) {
        recent->ring[recent->length++] = token;
    } else {
        /* The oldest leaves first: the list of distinct tokens has no more room than the ring. */
        count_down(recent, recent->ring[recent->oldest]);
        recent->ring[recent->oldest] = token;
        recent->oldest = recent->oldest + 1 == recent->capacity ? 0 : recent->oldest + 1;
    }
    count_up(recent, token);
}

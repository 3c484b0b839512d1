/*
 * range_model.h: the simplest thing that does what rf_range does, to compare it with: an array that
 * says of each unit of the range who has it. Used by the property tests and by the fuzzer: it needs
 * no test framework, and answers each step with NULL or with what differs.
 */
#ifndef RF_TESTS_MEMORY_RANGE_MODEL_H
#define RF_TESTS_MEMORY_RANGE_MODEL_H

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "memory/range.h"

typedef struct model_take {
    uint32_t span;
    uint64_t offset;
    uint64_t bytes; /* asked for */
} model_take;

typedef struct range_model {
    uint64_t units, alignment; /* the range has units * alignment bytes */
    bool *taken;               /* [units] */
    model_take *takes;         /* [units], the first n_takes of them live */
    uint64_t n_takes;
} range_model;

/* One step: what to do, and two numbers that say with what. */
typedef enum model_action { MODEL_TAKE, MODEL_TAKE_AT, MODEL_GIVE, MODEL_GIVE_ANY } model_action;

static inline void range_model_init(range_model *m, uint64_t units, uint64_t alignment)
{
    *m = (range_model){.units = units, .alignment = alignment};
    m->taken = calloc(units, sizeof(*m->taken));
    m->takes = calloc(units, sizeof(*m->takes));
    if (!m->taken || !m->takes)
        abort();
}

static inline void range_model_free(range_model *m)
{
    free(m->taken);
    free(m->takes);
}

static inline uint64_t model_largest_free(const range_model *m)
{
    uint64_t largest = 0;
    uint64_t run = 0;
    for (uint64_t i = 0; i < m->units; i++) {
        run = m->taken[i] ? 0 : run + 1;
        largest = run > largest ? run : largest;
    }
    return largest * m->alignment;
}

static inline bool model_is_free(const range_model *m, uint64_t offset, uint64_t size)
{
    for (uint64_t i = offset / m->alignment; i < (offset + size) / m->alignment; i++) {
        if (m->taken[i])
            return false;
    }
    return true;
}

static inline void model_mark(range_model *m, uint64_t offset, uint64_t bytes, bool taken)
{
    uint64_t end = (offset + bytes + m->alignment - 1) / m->alignment;
    for (uint64_t i = offset / m->alignment; i < end; i++)
        m->taken[i] = taken;
}

static inline const char *model_take_any(range_model *m, rf_range *range, uint64_t bytes)
{
    uint64_t size = 0;
    rf_status expected = RF_OK;
    if (bytes == 0)
        expected = RF_ERROR_ARGUMENT;
    else if (!rf_align_up(bytes, m->alignment, &size))
        expected = RF_ERROR_OVERFLOW;
    else if (size > model_largest_free(m))
        expected = RF_ERROR_DEVICE_MEMORY;
    uint32_t span = 0;
    uint64_t offset = 1;
    rf_error error;
    if (rf_range_take(range, bytes, &span, &offset, &error) != expected)
        return "take: another status than the model's";
    if (expected != RF_OK)
        return offset == 1 ? NULL : "take: it failed and wrote its output";
    if (offset % m->alignment || !rf_range_inside(offset, size, m->units * m->alignment))
        return "take: an offset that is not aligned, or outside";
    if (!model_is_free(m, offset, size))
        return "take: bytes that were taken";
    model_mark(m, offset, bytes, true);
    m->takes[m->n_takes++] = (model_take){span, offset, bytes};
    return NULL;
}

/* What taking a place must answer, in the order in which it is looked at. */
static inline rf_status model_expect_at(const range_model *m, uint64_t offset, uint64_t bytes)
{
    uint64_t size = 0;
    if (bytes == 0)
        return RF_ERROR_ARGUMENT;
    if (!rf_align_up(bytes, m->alignment, &size))
        return RF_ERROR_OVERFLOW;
    if (offset % m->alignment)
        return RF_ERROR_ARGUMENT;
    if (!rf_range_inside(offset, size, m->units * m->alignment))
        return RF_ERROR_RANGE;
    return model_is_free(m, offset, size) ? RF_OK : RF_ERROR_BUSY;
}

static inline const char *model_take_at(range_model *m, rf_range *range, uint64_t offset,
                                        uint64_t bytes)
{
    rf_status expected = model_expect_at(m, offset, bytes);
    uint32_t span = 0;
    rf_error error;
    if (rf_range_take_at(range, offset, bytes, &span, &error) != expected)
        return "take at: another status than the model's";
    if (expected != RF_OK)
        return NULL;
    model_mark(m, offset, bytes, true);
    m->takes[m->n_takes++] = (model_take){span, offset, bytes};
    return NULL;
}

static inline const char *model_give(range_model *m, rf_range *range, uint64_t which)
{
    if (m->n_takes == 0)
        return NULL;
    model_take take = m->takes[which % m->n_takes];
    if (rf_range_give(range, take.span, NULL) != RF_OK)
        return "give: refused";
    if (rf_range_give(range, take.span, NULL) != RF_ERROR_STALE)
        return "give: not refused a second time";
    m->takes[which % m->n_takes] = m->takes[m->n_takes - 1];
    m->n_takes--;
    model_mark(m, take.offset, take.bytes, false);
    return NULL;
}

/* Gives a number that may or may not be a span; only if it is none, for the model could not follow.
 */
static inline const char *model_give_any(range_model *m, rf_range *range, uint32_t span)
{
    for (uint64_t i = 0; i < m->n_takes; i++) {
        if (m->takes[i].span == span)
            return NULL;
    }
    return rf_range_give(range, span, NULL) == RF_ERROR_STALE ? NULL : "give: a span that is none";
}

/* Compares all that can be asked of the range. */
static inline const char *model_compare(const range_model *m, const rf_range *range)
{
    rf_range_stats stats = rf_range_statistics(range);
    uint64_t live = 0;
    uint64_t taken = 0;
    for (uint64_t i = 0; i < m->n_takes; i++)
        live += m->takes[i].bytes;
    for (uint64_t i = 0; i < m->units; i++)
        taken += m->taken[i];
    if (stats.size != m->units * m->alignment ||
        stats.live + stats.free + stats.padding != stats.size)
        return "statistics: live + free + padding is not the size";
    if (stats.live != live || stats.live_spans != m->n_takes ||
        stats.live + stats.padding != taken * m->alignment)
        return "statistics: live bytes, padding or spans";
    if (stats.largest_free != model_largest_free(m))
        return "statistics: largest free";
    return NULL;
}

/* Does one step to both, and compares. The range needs max_spans >= units. */
static inline const char *range_model_step(range_model *m, rf_range *range, model_action action,
                                           uint64_t a, uint64_t b)
{
    const char *difference = NULL;
    switch (action) {
    case MODEL_TAKE:
        difference = model_take_any(m, range, a);
        break;
    case MODEL_TAKE_AT:
        difference = model_take_at(m, range, a, b);
        break;
    case MODEL_GIVE:
        difference = model_give(m, range, a);
        break;
    case MODEL_GIVE_ANY:
        difference = model_give_any(m, range, (uint32_t)a);
        break;
    }
    return difference ? difference : model_compare(m, range);
}

#endif

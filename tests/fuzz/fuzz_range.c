/*
 * fuzz_range.c: a range against a map of its units (memory/range_model.h): ranges of any size and
 * alignment, powers of two or not; takes anywhere and at a place, gives of what is taken and of
 * what is not.
 */
#include "base/memory.h"
#include "fuzz/harness.h"
#include "memory/range_model.h"

#define MAX_UNITS 192U

static uint64_t offset_in(fuzz_input *in, const range_model *m)
{
    switch (fuzz_byte(in) % 16) {
    case 0:
        return fuzz_number(in);
    case 1:
        return fuzz_below(in, m->units + 1) * m->alignment + fuzz_below(in, m->alignment);
    default:
        return fuzz_below(in, m->units + 1) * m->alignment;
    }
}

static void step(fuzz_input *in, range_model *m, rf_range *range)
{
    /* Not past 2^64 where the units are large. */
    uint64_t usual = (m->units < 24 ? m->units : 24) * m->alignment;
    uint8_t kind = fuzz_byte(in) % 8;
    const char *difference = NULL;
    if (kind < 3) {
        difference = range_model_step(m, range, MODEL_TAKE, fuzz_size(in, usual, m->alignment), 0);
    } else if (kind < 5) {
        uint64_t offset = offset_in(in, m);
        difference =
            range_model_step(m, range, MODEL_TAKE_AT, offset, fuzz_size(in, usual, m->alignment));
    } else {
        difference = range_model_step(m, range, kind < 7 ? MODEL_GIVE : MODEL_GIVE_ANY,
                                      fuzz_below(in, 2ULL * MAX_UNITS), 0);
    }
    fuzz_require(!difference, difference);
    fuzz_count_step();
}

/* Whether a range of these numbers may be created, and whether it was. */
static void create_any(fuzz_input *in)
{
    uint64_t alignment = fuzz_alignment(in);
    uint64_t size = fuzz_size(in, 64 * alignment, alignment);
    uint32_t spans = fuzz_byte(in) ? fuzz_byte(in) : UINT32_MAX;
    bool good = rf_is_power_of_two(alignment) && size != 0 && size % alignment == 0 && spans != 0 &&
                spans != UINT32_MAX;
    rf_range *range = NULL;
    rf_status status = rf_range_create(size, alignment, spans, &range, NULL);
    fuzz_require(status == (good ? RF_OK : RF_ERROR_ARGUMENT), "create: another status");
    fuzz_require((range != NULL) == good, "create: it failed and wrote its output");
    rf_range_free(range);
    fuzz_count_step();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    uint64_t live = rf_host_live_count();
    range_model model;
    rf_range *range = NULL;
    create_any(&in);
    /* Units of up to 2^56 bytes: the whole range then ends near 2^64. */
    uint64_t units = 1 + fuzz_below(&in, MAX_UNITS);
    uint64_t alignment = 1ULL << fuzz_below(&in, 57);
    range_model_init(&model, units, alignment);
    fuzz_require(rf_range_create(units * alignment, alignment, (uint32_t)units, &range, NULL) ==
                     RF_OK,
                 "create: refused");
    for (uint64_t i = 0; in.left; i++) {
        step(&in, &model, range);
        if (i % 16 == 0)
            fuzz_require(rf_range_check(range, NULL) == RF_OK, "check: an invariant is broken");
    }
    fuzz_require(rf_range_check(range, NULL) == RF_OK, "check: an invariant is broken");
    rf_range_free(range);
    range_model_free(&model);
    fuzz_require(rf_host_live_count() == live, "host memory was leaked");
    return 0;
}

/* test_range.c: the range against a byte map on random steps, and each of its refusals. */
#include "support/cmocka.h"

#include <string.h>

#include "base/fault.h"
#include "base/memory.h"
#include "memory/random.h"
#include "memory/range_model.h"

/* A size that is often small, sometimes anything up to the whole range, now and then absurd. */
static uint64_t random_bytes(uint64_t *random, const range_model *m)
{
    switch (random_below(random, 16)) {
    case 0:
        return random_below(random, m->units * m->alignment + 2);
    case 1:
        return UINT64_MAX - random_below(random, m->alignment + 2);
    case 2:
        return random_below(random, 2);
    default:
        /* In a range of few huge units, 24 of them would not be a number of 64 bits. */
        return 1 + random_below(random, (m->units < 24 ? m->units : 24) * m->alignment);
    }
}

static uint64_t random_offset(uint64_t *random, const range_model *m)
{
    if (random_below(random, 12) == 0)
        return random_next(random);
    return random_below(random, m->units + 1) * m->alignment + (random_below(random, 12) == 0);
}

/* Runs random steps; the structure is walked after each of the first ones, and then now and then.
 */
static void agree_with_model(uint64_t units, uint64_t alignment, uint64_t steps, uint64_t seed)
{
    uint64_t random = seed;
    range_model model;
    rf_range *range = NULL;
    rf_error error = {0};
    range_model_init(&model, units, alignment);
    assert_int_equal(rf_range_create(units * alignment, alignment, (uint32_t)units, &range, &error),
                     RF_OK);
    for (uint64_t i = 0; i < steps; i++) {
        /* Phases that fill and phases that empty, so that both ends are met. */
        bool filling = (i / 500) % 2 == 0;
        uint64_t dice = random_below(&random, 10);
        model_action action = dice == 0                  ? MODEL_GIVE_ANY
                              : dice < (filling ? 6 : 3) ? MODEL_TAKE
                              : dice < (filling ? 8 : 4) ? MODEL_TAKE_AT
                                                         : MODEL_GIVE;
        uint64_t a = action == MODEL_TAKE      ? random_bytes(&random, &model)
                     : action == MODEL_TAKE_AT ? random_offset(&random, &model)
                                               : random_next(&random);
        const char *difference =
            range_model_step(&model, range, action, a, random_bytes(&random, &model));
        if (difference)
            fail_msg("seed %lu, step %lu: %s", (unsigned long)seed, (unsigned long)i, difference);
        if ((i < 20000 || i % 64 == 0) && rf_range_check(range, &error) != RF_OK)
            fail_msg("seed %lu, step %lu: %s", (unsigned long)seed, (unsigned long)i,
                     error.message);
    }
    while (model.n_takes)
        assert_null(range_model_step(&model, range, MODEL_GIVE, 0, 0));
    assert_int_equal(rf_range_statistics(range).largest_free, units * alignment);
    assert_int_equal(rf_range_check(range, &error), RF_OK);
    rf_range_free(range);
    range_model_free(&model);
}

static void random_steps_agree_with_a_byte_map(void **state)
{
    (void)state;
    agree_with_model(1, 1, 2000, 1);
    agree_with_model(7, 1, 20000, 2);
    agree_with_model(300, 1, 100000, 3);
    agree_with_model(97, 4096, 100000, 4);
    agree_with_model(1000, 256, 60000, 5);
    agree_with_model(500, 1U << 30, 40000, 6);
    agree_with_model(3, 1ULL << 61, 5000, 7);
}

/* The worst for a segregated fit: the span that serves lies deep in the request's own class. */
static void take_never_fails_where_a_span_fits(void **state)
{
    (void)state;
    enum { SPANS = 40 };
    rf_range *range = NULL;
    uint32_t spans[2 * SPANS];
    uint64_t offset;
    assert_int_equal(rf_range_create(1U << 20, 1, 4 * SPANS, &range, NULL), RF_OK);
    for (uint32_t i = 0; i < SPANS; i++) {
        /* Sizes 1024 to 1063 are one class; the largest is given first, and so is found last. */
        assert_int_equal(rf_range_take(range, 1024 + i, &spans[2 * (size_t)i], &offset, NULL),
                         RF_OK);
        assert_int_equal(rf_range_take(range, 1, &spans[2 * (size_t)i + 1], &offset, NULL), RF_OK);
    }
    uint64_t rest = rf_range_statistics(range).free;
    uint32_t rest_span;
    assert_int_equal(rf_range_take(range, rest, &rest_span, &offset, NULL), RF_OK);
    for (uint32_t i = SPANS; i-- > 0;)
        assert_int_equal(rf_range_give(range, spans[2 * (size_t)i], NULL), RF_OK);
    assert_int_equal(rf_range_take(range, 1024 + SPANS - 1, spans, &offset, NULL), RF_OK);
    assert_int_equal(rf_range_take(range, 1024 + SPANS - 1, spans, &offset, NULL),
                     RF_ERROR_DEVICE_MEMORY);
    assert_int_equal(rf_range_check(range, NULL), RF_OK);
    rf_range_free(range);
}

static void refusals_say_asked_and_free(void **state)
{
    (void)state;
    rf_range *range = NULL;
    rf_error error;
    uint32_t span = 77;
    uint32_t other;
    uint64_t offset = 99;
    assert_int_equal(rf_range_create(16ULL * 256, 256, 3, &range, &error), RF_OK);
    assert_int_equal(rf_range_take(range, 17ULL * 256, &span, &offset, &error),
                     RF_ERROR_DEVICE_MEMORY);
    assert_string_equal(error.message, "asked 4352 bytes, free 4096, largest free 4096");
    /* Defect 4: rounding up must not wrap round to a small number. */
    assert_int_equal(rf_range_take(range, UINT64_MAX, &span, &offset, &error), RF_ERROR_OVERFLOW);
    assert_int_equal(rf_range_take_at(range, 0, UINT64_MAX - 3, &span, &error), RF_ERROR_OVERFLOW);
    /* Defect 1: nor must an offset near the end of the address space. */
    assert_int_equal(rf_range_take_at(range, UINT64_MAX - 255, 256, &span, &error), RF_ERROR_RANGE);
    assert_int_equal(rf_range_take_at(range, 15ULL * 256, 257, &span, &error), RF_ERROR_RANGE);
    assert_int_equal(rf_range_take_at(range, 128, 1, &span, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_range_take(range, 0, &span, &offset, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_range_give(range, 0, &error), RF_ERROR_STALE);
    assert_int_equal(rf_range_give(range, UINT32_MAX, &error), RF_ERROR_STALE);
    assert_true(span == 77 && offset == 99);
    /* Three spans: a take in the middle uses them up, and changes nothing when they do not suffice.
     */
    assert_int_equal(rf_range_take_at(range, 256, 1, &span, &error), RF_OK);
    assert_int_equal(rf_range_take_at(range, 256, 1, &other, &error), RF_ERROR_BUSY);
    assert_int_equal(rf_range_take_at(range, 1024, 1, &other, &error), RF_ERROR_FULL);
    assert_int_equal(rf_range_take(range, 512, &other, &offset, &error), RF_ERROR_FULL);
    assert_int_equal(rf_range_take(range, 256, &other, &offset, &error), RF_OK);
    assert_int_equal(offset, 0);
    assert_int_equal(rf_range_check(range, &error), RF_OK);
    rf_range_free(range);
}

static void creation_refuses_what_it_cannot_keep(void **state)
{
    (void)state;
    rf_range *range = NULL;
    rf_error error;
    assert_int_equal(rf_range_create(4096, 0, 8, &range, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_range_create(4096, 3, 8, &range, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_range_create(0, 256, 8, &range, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_range_create(4097, 256, 8, &range, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_range_create(4096, 256, 0, &range, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_range_create(4096, 256, UINT32_MAX, &range, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_range_create(4096, 256, RF_RANGE_MAX_SPANS + 1, &range, &error),
                     RF_ERROR_ARGUMENT);
    uint64_t before = rf_host_live_count();
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1); /* the only one */
    assert_int_equal(rf_range_create(4096, 256, 8, &range, &error), RF_ERROR_HOST_MEMORY);
    assert_int_equal(rf_host_live_count(), before);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    assert_null(range);
    rf_range_free(NULL);
}

/* The whole address space as one range: every sum is at its limit. */
static void the_largest_range_works(void **state)
{
    (void)state;
    rf_range *range = NULL;
    uint32_t a, b;
    uint64_t offset;
    assert_int_equal(rf_range_create(UINT64_MAX - 255, 256, 8, &range, NULL), RF_OK);
    assert_int_equal(rf_range_take(range, UINT64_MAX - 511, &a, &offset, NULL), RF_OK);
    assert_int_equal(rf_range_take_at(range, UINT64_MAX - 511, 256, &b, NULL), RF_OK);
    assert_int_equal(rf_range_statistics(range).free, 0);
    assert_int_equal(rf_range_give(range, a, NULL), RF_OK);
    assert_int_equal(rf_range_give(range, b, NULL), RF_OK);
    assert_int_equal(rf_range_check(range, NULL), RF_OK);
    rf_range_free(range);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_steps_agree_with_a_byte_map),
        cmocka_unit_test(take_never_fails_where_a_span_fits),
        cmocka_unit_test(refusals_say_asked_and_free),
        cmocka_unit_test(creation_refuses_what_it_cannot_keep),
        cmocka_unit_test(the_largest_range_works),
    };
    return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}

/* test_checked.c: size arithmetic at its edges, and against 128-bit arithmetic on random numbers.
 */
#include "support/cmocka.h"

#include "base/checked.h"

static uint64_t random_state = 0x9E3779B97F4A7C15U;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state >> (random_state & 63);
}

static void sums_and_products_match_wide_arithmetic(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        uint64_t a = next_random();
        uint64_t b = next_random();
        uint64_t out = 42;
        unsigned __int128 sum = (unsigned __int128)a + b;
        bool fits = sum <= UINT64_MAX;
        assert_int_equal(rf_add(a, b, &out), fits);
        assert_true(out == (fits ? (uint64_t)sum : 42));
        unsigned __int128 product = (unsigned __int128)a * b;
        fits = product <= UINT64_MAX;
        out = 42;
        assert_int_equal(rf_mul(a, b, &out), fits);
        assert_true(out == (fits ? (uint64_t)product : 42));
    }
}

static void alignment_never_wraps(void **state)
{
    (void)state;
    uint64_t out = 42;
    assert_false(rf_align_up(UINT64_MAX, 4096, &out));
    assert_false(rf_align_up(UINT64_MAX - 4094, 4096, &out));
    assert_false(rf_align_up(1, 0, &out));
    assert_false(rf_align_up(1, 48, &out));
    assert_true(out == 42);
    assert_true(rf_align_up(UINT64_MAX - 4095, 4096, &out));
    assert_true(out == UINT64_MAX - 4095);
    for (int i = 0; i < 100000; i++) {
        uint64_t x = next_random() >> 1;
        uint64_t alignment = 1ULL << (next_random() & 31);
        assert_true(rf_align_up(x, alignment, &out));
        assert_true(out >= x && out - x < alignment && out % alignment == 0);
    }
}

static void ranges_at_the_end_of_the_address_space(void **state)
{
    (void)state;
    assert_true(rf_range_inside(0, 0, 0));
    assert_true(rf_range_inside(10, 0, 10));
    assert_true(rf_range_inside(4, 6, 10));
    assert_false(rf_range_inside(4, 7, 10));
    assert_false(rf_range_inside(11, 0, 10));
    assert_false(rf_range_inside(UINT64_MAX, 2, 10));
    assert_false(rf_range_inside(2, UINT64_MAX, 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_products_match_wide_arithmetic),
        cmocka_unit_test(alignment_never_wraps),
        cmocka_unit_test(ranges_at_the_end_of_the_address_space),
    };
    return cmocka_run_group_tests_name("checked", tests, NULL, NULL);
}

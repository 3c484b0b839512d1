/* test_lists.c: lists of numbers and ranges, right and wrong. */
#include "support/cmocka.h"

#include <string.h>

#include "cli/lists.h"

static void expect(const char *text, bool sizes, size_t count, const uint64_t *values)
{
    rf_cli_list list = {0};
    rf_error error;
    if (rf_cli_parse_list(text, sizes, 0, 1ULL << 40, &list, &error) != RF_OK)
        fail_msg("%s: %s", text, error.message);
    assert_int_equal(list.count, count);
    assert_memory_equal(list.values, values, count * sizeof(*values));
}

#define EXPECT(text, sizes, ...)                                                                   \
    expect(text, sizes, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),                      \
           (const uint64_t[]){__VA_ARGS__})

static void every_way_of_writing_is_read(void **state)
{
    (void)state;
    EXPECT("8", false, 8);
    EXPECT("8,12,8", false, 8, 12, 8);
    EXPECT("1-4", false, 1, 2, 3, 4);
    EXPECT("5-5", false, 5);
    EXPECT("0-32+16", false, 0, 16, 32);
    EXPECT("0-31+16", false, 0, 16);
    EXPECT("1-64*4", false, 1, 4, 16, 64);
    EXPECT("3-20*2,7,1-2", false, 3, 6, 12, 7, 1, 2);
    EXPECT("0", false, 0);
    EXPECT("1K,1M-4M*2,0-8K+4KiB", true, 1 << 10, 1 << 20, 2 << 20, 4 << 20, 0, 4 << 10, 8 << 10);
}

static void wrong_ones_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        {"", "'' is not an integer"},
        {"3,", "'' is not an integer"},
        {"x", "'x' is not an integer from 3 to 1000"},
        {"2", "'2' is not an integer from 3 to 1000"},
        {"3-1001", "'1001' is not an integer from 3 to 1000"},
        {"2-9", "'2' is not an integer from 3 to 1000"},
        {"9-8", "a range from 9 to 8 goes down"},
        {"3-9+0", "'0' is not an integer from 1"},
        {"3-9*1", "'1' is not an integer from 2"},
        {"3-9+", "'' is not an integer"},
        {"3-", "'' is not an integer"},
        {"-3", "'-3' is not an integer"},
        {"3-5-7", "'5-7' is not an integer"},
        {"3-9*2+1", "'2+1' is not an integer"},
        {"3+4", "'3+4' is not an integer"},
        {"3-1000", "'3-1000' has more than 64 numbers"},
        {"3-99999999999999999999", "is not an integer"},
    };
    rf_cli_list list = {.count = 7};
    rf_error error;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(rf_cli_parse_list(rows[i].text, false, 3, 1000, &list, &error),
                         RF_ERROR_ARGUMENT);
        if (!strstr(error.message, rows[i].says))
            fail_msg("%s: %s", rows[i].text, error.message);
    }
    assert_int_equal(rf_cli_parse_list("0-8*2", false, 0, 9, &list, &error), RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "it starts at 0"));
    assert_int_equal(list.count, 7);
}

/* Where the next number of a range would not fit 64 bits, the range ends. */
static void ranges_end_before_they_wrap(void **state)
{
    (void)state;
    rf_cli_list list = {0};
    assert_int_equal(rf_cli_parse_list("18446744073709551613-18446744073709551615+2", false, 0,
                                       UINT64_MAX, &list, NULL),
                     RF_OK);
    assert_int_equal(list.count, 2);
    assert_int_equal(rf_cli_parse_list("9223372036854775808-18446744073709551615*2", false, 0,
                                       UINT64_MAX, &list, NULL),
                     RF_OK);
    assert_int_equal(list.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_of_writing_is_read),
        cmocka_unit_test(wrong_ones_are_refused),
        cmocka_unit_test(ranges_end_before_they_wrap),
    };
    return cmocka_run_group_tests_name("lists", tests, NULL, NULL);
}

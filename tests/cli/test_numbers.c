/* test_numbers.c: numbers from the command line. */
#include "support/cmocka.h"

#include "base/fault.h"
#include "base/memory.h"
#include "cli/numbers.h"

static void counts_are_whole_and_inside_their_limits(void **state)
{
    (void)state;
    uint64_t n = 7;
    assert_int_equal(rf_cli_parse_count("18446744073709551615", 0, UINT64_MAX, &n, NULL), RF_OK);
    assert_true(n == UINT64_MAX);
    assert_int_equal(rf_cli_parse_count("0003", 1, 3, &n, NULL), RF_OK);
    assert_int_equal(n, 3);
    static const char *const bad[] = {"",
                                      " 2",
                                      "2 ",
                                      "+2",
                                      "-2",
                                      "0",
                                      "4",
                                      "0x2",
                                      "2.0",
                                      "2e0",
                                      "18446744073709551616",
                                      "99999999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        n = 7;
        assert_int_equal(rf_cli_parse_count(bad[i], 1, 3, &n, NULL), RF_ERROR_ARGUMENT);
        assert_int_equal(n, 7);
    }
}

static void sizes_take_a_suffix(void **state)
{
    (void)state;
    uint64_t n = 0;
    assert_int_equal(rf_cli_parse_size("4K", 0, UINT64_MAX, &n, NULL), RF_OK);
    assert_int_equal(n, 4096);
    assert_int_equal(rf_cli_parse_size("3M", 0, UINT64_MAX, &n, NULL), RF_OK);
    assert_int_equal(n, 3 << 20);
    assert_int_equal(rf_cli_parse_size("2G", 0, UINT64_MAX, &n, NULL), RF_OK);
    assert_int_equal(n, (uint64_t)2 << 30);
    assert_int_equal(rf_cli_parse_size("24GiB", 0, UINT64_MAX, &n, NULL), RF_OK);
    assert_int_equal(n, (uint64_t)24 << 30);
    assert_int_equal(rf_cli_parse_size("5T", 0, UINT64_MAX, &n, NULL), RF_OK);
    assert_int_equal(n, (uint64_t)5 << 40);
    assert_int_equal(rf_cli_parse_size("100", 0, UINT64_MAX, &n, NULL), RF_OK);
    assert_int_equal(n, 100);
    static const char *const bad[] = {"",      "K",    "1k",           "1KB", "1iB",
                                      "1GiBs", "1.5G", "17179869184G", "1Ki", "2K"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(rf_cli_parse_size(bad[i], 0, 2047, &n, NULL), RF_ERROR_ARGUMENT);
    assert_int_equal(n, 100);
}

static void reals_are_decimal_and_inside_their_limits(void **state)
{
    (void)state;
    double x = 7;
    assert_int_equal(rf_cli_parse_real("-2.5e-1", -1, 1, &x, NULL), RF_OK);
    assert_true(x == -0.25);
    assert_int_equal(rf_cli_parse_real(".5", -1, 1, &x, NULL), RF_OK);
    assert_true(x == 0.5);
    static const char *const bad[] = {"",    " 1", "1 ",  "nan",   "-nan", "inf", "-inf",
                                      "0x1", ".",  "1e9", "1e999", "--1",  "1,0", "-1.001"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(rf_cli_parse_real(bad[i], -1, 1, &x, NULL), RF_ERROR_ARGUMENT);
        assert_true(x == 0.5);
    }
}

static void biases_name_a_token(void **state)
{
    (void)state;
    rf_logit_bias bias = {0};
    assert_int_equal(rf_cli_parse_bias("2147483647=-1.5", &bias, NULL), RF_OK);
    assert_int_equal(bias.token, INT32_MAX);
    assert_true(bias.bias == -1.5F);
    static const char *const bad[] = {"", "=1", "1", "1=", "2147483648=1", "-1=1", "1=x", "1=inf"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(rf_cli_parse_bias(bad[i], &bias, NULL), RF_ERROR_ARGUMENT);
    assert_int_equal(bias.token, INT32_MAX);
}

static void token_lists_take_commas_and_white_space(void **state)
{
    (void)state;
    int32_t *tokens = NULL;
    size_t count = 0;
    assert_int_equal(rf_cli_parse_tokens(" 1,2, 3\n40\t,2147483647\n", &tokens, &count, NULL),
                     RF_OK);
    assert_int_equal(count, 5);
    assert_int_equal(tokens[3], 40);
    assert_int_equal(tokens[4], INT32_MAX);
    rf_free(tokens);
    assert_int_equal(rf_cli_parse_tokens("1,2,3", &tokens, &count, NULL), RF_OK);
    assert_int_equal(count, 3);
    rf_free(tokens);
    assert_int_equal(rf_cli_parse_tokens(" , \n", &tokens, &count, NULL), RF_OK);
    assert_int_equal(count, 0);
    assert_null(tokens);

    uint64_t before = rf_host_live_count();
    rf_error error;
    assert_int_equal(rf_cli_parse_tokens("1,2x,3", &tokens, &count, &error), RF_ERROR_ARGUMENT);
    assert_string_equal(error.message, "'2x' is not a token id");
    assert_int_equal(rf_cli_parse_tokens("1 -2", &tokens, &count, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(rf_cli_parse_tokens("2147483648", &tokens, &count, NULL), RF_ERROR_ARGUMENT);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    assert_int_equal(rf_cli_parse_tokens("1", &tokens, &count, &error), RF_ERROR_HOST_MEMORY);
    assert_int_equal(rf_host_live_count(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_whole_and_inside_their_limits),
        cmocka_unit_test(sizes_take_a_suffix),
        cmocka_unit_test(reals_are_decimal_and_inside_their_limits),
        cmocka_unit_test(biases_name_a_token),
        cmocka_unit_test(token_lists_take_commas_and_white_space),
    };
    return cmocka_run_group_tests_name("cli numbers", tests, NULL, NULL);
}

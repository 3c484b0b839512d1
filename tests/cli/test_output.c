/* test_output.c: sizes for people, and JSON from texts and numbers of any kind. */
#include "support/cmocka.h"

#include <math.h>
#include <string.h>

#include "cli/output.h"

static void sizes_have_one_decimal_and_a_unit(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        const char *bytes;
        const char *quantity;
    } cases[] = {
        {0, "0 B", "0"},
        {1023, "1023 B", "1.0 K"},
        {1024, "1.0 KiB", "1.0 K"},
        {5662310, "5.4 MiB", "5.7 M"},
        {UINT64_MAX, "16777216.0 TiB", "18446744.1 T"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[RF_CLI_NUMBER_BYTES];
        assert_string_equal(rf_cli_bytes(cases[i].n, text), cases[i].bytes);
        assert_string_equal(rf_cli_quantity(cases[i].n, text), cases[i].quantity);
    }
}

static void json_texts_are_valid_whatever_the_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *text;
    } cases[] = {
        {"", 0, ""},
        {NULL, 0, ""},
        {"a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 10, "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
        {"\xFFz", 2, "\xEF\xBF\xBDz"},                               /* no first byte */
        {"\xC0\x80", 2, "\xEF\xBF\xBD\xEF\xBF\xBD"},                 /* overlong */
        {"\xED\xA0\x80", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* surrogate */
        {"\xE2\x82", 2, "\xEF\xBF\xBD"},                             /* cut */
        {"\xF4\x90\x80\x80z", 5,
         "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz"}, /* above U+10FFFF */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *value = rf_cli_json_text((rf_string){cases[i].bytes, cases[i].length});
        assert_non_null(value);
        assert_string_equal(json_string_value(value), cases[i].text);
        json_decref(value);
    }
    json_t *nul = rf_cli_json_text((rf_string){"a\0b", 3});
    assert_int_equal(json_string_length(nul), 3);
    json_decref(nul);
}

static void json_numbers_are_exact_or_say_that_they_are_not(void **state)
{
    (void)state;
    json_t *value = rf_cli_json_count(INT64_MAX);
    assert_true(json_integer_value(value) == INT64_MAX);
    json_decref(value);
    value = rf_cli_json_count(UINT64_MAX);
    assert_string_equal(json_string_value(value), "18446744073709551615");
    json_decref(value);
    value = rf_cli_json_real(NAN);
    assert_true(json_is_null(value));
    json_decref(value);
    value = rf_cli_json_real(0.5);
    assert_true(json_real_value(value) == 0.5);
    json_decref(value);
}

static void a_missing_member_spoils_the_document(void **state)
{
    (void)state;
    json_t *document = json_object();
    assert_true(rf_cli_json_set(document, "a", json_true()));
    assert_false(rf_cli_json_set(document, "b", NULL));
    rf_error error;
    assert_int_equal(rf_cli_json_print(document, false, &error), RF_ERROR_HOST_MEMORY);
    assert_int_equal(rf_cli_json_print(NULL, true, &error), RF_ERROR_HOST_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_one_decimal_and_a_unit),
        cmocka_unit_test(json_texts_are_valid_whatever_the_bytes),
        cmocka_unit_test(json_numbers_are_exact_or_say_that_they_are_not),
        cmocka_unit_test(a_missing_member_spoils_the_document),
    };
    return cmocka_run_group_tests_name("cli output", tests, NULL, NULL);
}

/* test_utf8.c: cutting bytes into UTF-8 characters, and which of them may be shown. */
#include "support/cmocka.h"

#include <string.h>

#include "base/utf8.h"

static void utf8_is_cut_as_the_standard_says(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        rf_utf8_kind kind;
    } cases[] = {
        {"a", 1, RF_UTF8_WHOLE},
        {"\xC3\xA9z", 2, RF_UTF8_WHOLE},
        {"\xE4\xBD\xA0", 3, RF_UTF8_WHOLE},
        {"\xF0\x9F\x98\x80", 4, RF_UTF8_WHOLE},
        {"\xF4\x8F\xBF\xBF", 4, RF_UTF8_WHOLE},
        {"\xC3", 1, RF_UTF8_CUT},
        {"\xE4\xBD", 2, RF_UTF8_CUT},
        {"\xF0\x9F\x98", 3, RF_UTF8_CUT},
        {"\x80", 1, RF_UTF8_BROKEN},             /* a continuation first */
        {"\xC0\x80", 1, RF_UTF8_BROKEN},         /* overlong */
        {"\xE0\x80\x80", 1, RF_UTF8_BROKEN},     /* overlong */
        {"\xED\xA0\x80", 1, RF_UTF8_BROKEN},     /* a surrogate */
        {"\xF4\x90\x80\x80", 1, RF_UTF8_BROKEN}, /* above U+10FFFF */
        {"\xF5", 1, RF_UTF8_BROKEN},
        {"\xF0\x9Fx", 2, RF_UTF8_BROKEN}, /* broken off after two bytes */
        {"\xE4x", 1, RF_UTF8_BROKEN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rf_utf8_kind kind;
        const unsigned char *bytes = (const unsigned char *)cases[i].bytes;
        assert_int_equal(rf_utf8_next(bytes, strlen(cases[i].bytes), &kind), cases[i].length);
        assert_int_equal(kind, cases[i].kind);
    }
    assert_int_equal(rf_utf8_decode((const unsigned char *)"\xF0\x9F\x98\x80", 4), 0x1F600);
}

static bool shown(const char *bytes)
{
    rf_utf8_kind kind;
    size_t length = rf_utf8_next((const unsigned char *)bytes, strlen(bytes), &kind);
    return rf_utf8_is_printable((const unsigned char *)bytes, length, kind);
}

static void control_characters_are_not_printable(void **state)
{
    (void)state;
    static const char *const good[] = {
        " ", "~", "\xC2\xA0", "\xC3\xA9", "\xE2\x96\x81", "\xF0\x9F\x98\x80"};
    /* Among them U+009B, which terminals take for ESC [. */
    static const char *const bad[] = {"\x1b",     "\n",   "\x7f", "\xC2\x80", "\xC2\x9B",
                                      "\xC2\x9F", "\x9b", "\xE4", "\xFF"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(shown(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(shown(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_cut_as_the_standard_says),
        cmocka_unit_test(control_characters_are_not_printable),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}

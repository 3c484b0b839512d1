/* test_patterns.c: where each pre-tokenizer cuts. The expected pieces follow from what the patterns
 * mean; whether they mean the right thing is for test_oracle. */
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "tokenizer/split.h"

static rf_status collect(void *context, rf_string piece, rf_error *error)
{
    rf_buffer *joined = context;
    assert_true(piece.length > 0);
    if (joined->length)
        RF_TRY(rf_buffer_append(joined, "¦", strlen("¦"), error));
    return rf_buffer_append(joined, piece.data, piece.length, error);
}

static void assert_split(const char *name, const char *text, const char *expected)
{
    const rf_pretokenizer *rules = rf_pretokenizer_find((rf_string){name, strlen(name)});
    assert_non_null(rules);
    rf_splitter *splitter = NULL;
    assert_int_equal(rf_splitter_create(rules, &splitter, NULL), RF_OK);
    rf_buffer joined = {0};
    rf_string view = {text, strlen(text)};
    assert_int_equal(rf_splitter_run(splitter, view, collect, &joined, NULL), RF_OK);
    char *got = NULL;
    assert_int_equal(rf_buffer_take(&joined, &got, NULL, NULL), RF_OK);
    if (strcmp(got, expected) != 0)
        fail_msg("%s: \"%s\"\n  gave     %s\n  expected %s", name, text, got, expected);
    rf_free(got);
    rf_splitter_free(splitter);
}

static const struct {
    const char *name;
    const char *text;
    const char *pieces; /* with "¦" between them */
} cases[] = {
    /* Words take one space with them, and the last space of a run; contractions are lower case
       only. */
    {"gpt-2", "Hello, world's  end", "Hello¦,¦ world¦'s¦ ¦ end"},
    {"gpt-2", "it'S 12345  x\n\ny ", "it¦'¦S¦ 12345¦ ¦ x¦\n¦\n¦y¦ "},
    {"gpt-2", "a!?b —c", "a¦!?¦b¦ —¦c"},
    {"mpt", "x 1 y", "x¦ 1¦ y"},
    /* No-break space is white space, but not the space that a word takes with it. */
    {"gpt-2", "a\u00A0b\u3000\u3000c", "a¦\u00A0¦b¦\u3000¦\u3000¦c"},
    /* U+180E was white space in old versions of Unicode, and in PCRE2 is still. */
    {"gpt-2", "a\u180Eb", "a¦\u180E¦b"},
    /* Digits one by one, the space before them on its own. */
    {"starcoder", "ab 123", "ab¦ ¦1¦2¦3"},
    {"refact", "ab 12", "ab¦ ¦1¦2"},
    {"smollm", "x=1;y", "x¦=¦1¦;¦y"},
    /* Punctuation first, then words, then threes of ASCII digits. */
    {"falcon", "a, 12345 (b)", "a¦,¦ ¦123¦45¦ ¦(¦b¦)"},
    {"falcon", "x`1234", "x¦`¦123¦4"},
    {"default", "x`1234", "x¦`¦123¦4"},
    {"default", "a ²³ 1234", "a¦ ¦²³¦ ¦123¦4"},
    /* Contractions in any case, up to three digits, one character before a word, line breaks kept.
     */
    {"llama-bpe", "It'S 12345 (word) x\r\n\r\ny", "It¦'S¦ ¦123¦45¦ (¦word¦)¦ x¦\r\n\r\n¦y"},
    {"llama-bpe", "a  \n  b", "a¦  \n¦ ¦ b"},
    {"llama-bpe", "x:\n\ny   ", "x¦:\n\n¦y¦   "},
    {"qwen2", "It'Ll 123 x", "It¦'Ll¦ ¦1¦2¦3¦ x"},
    {"deepseek-r1-qwen", "a 1", "a¦ ¦1"},
    /* Combining marks belong to the word, in Qwen 3.5 only. */
    {"qwen35", "नमस्ते x", "नमस्ते¦ x"},
    {"qwen2", "e\u0301a", "e¦\u0301a"},
    {"qwen35", "e\u0301a", "e\u0301a"},
    /* Capitals begin a word; a slash goes with the symbols before it. */
    {"gpt-4o", "HTTPServer isn'T 1234", "HTTPServer¦ isn'T¦ ¦123¦4"},
    {"gpt-4o", "camelCase ABC", "camel¦Case¦ ABC"},
    {"gpt-4o", "a ://\nb", "a¦ ://\n¦b"},
    {"tekken", "camelCase isn't 12", "camel¦Case¦ isn¦'t¦ ¦1¦2"},
    {"tekken", "ÄÖäö", "ÄÖäö"},
    /* White space of any kind goes with the word behind it; letters without case are no letters. */
    {"deepseek-llm", "Hi\tthere 你好 123  \n", "Hi¦\tthere¦ ¦你好¦ ¦123¦  ¦\n"},
    {"deepseek-llm", "a  b  ", "a¦ ¦ b¦  "},
    {"deepseek-llm", "x，y", "x¦，¦y"},
    {"deepseek-coder", "int x = 12;\n你", "int¦ x¦ = ¦1¦2¦;¦\n¦你"},
};

static void pieces_are_as_expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_split(cases[i].name, cases[i].text, cases[i].pieces);
}

static rf_status add_up(void *context, rf_string piece, rf_error *error)
{
    (void)error;
    const char **at = context;
    assert_ptr_equal(piece.data, *at);
    assert_true(piece.length > 0);
    *at += piece.length;
    return RF_OK;
}

/* Text of few kinds of characters, so that patterns match, and a few that are broken. */
static void make_text(char *text, size_t length)
{
    static const char *const parts[] = {
        "a",    "B",  " ",    "\n", "1",      "'s", "!", "\xC3", "\xFF", "\xE4\xBD\xA0",
        "\r\n", "\t", "\x80", "é",  "\u3000", "/"};
    for (size_t i = 0; i < length;) {
        const char *part = parts[(size_t)rand() % (sizeof(parts) / sizeof(parts[0]))];
        size_t n = strlen(part) < length - i ? strlen(part) : length - i;
        memcpy(text + i, part, n);
        i += n;
    }
}

static void pieces_make_up_any_bytes(void **state)
{
    (void)state;
    srand(1);
    const rf_pretokenizer *rules;
    for (size_t row = 0; (rules = rf_pretokenizer_at(row)); row++) {
        rf_splitter *splitter = NULL;
        assert_int_equal(rf_splitter_create(rules, &splitter, NULL), RF_OK);
        for (int round = 0; round < 50; round++) {
            char text[64];
            size_t length = (size_t)rand() % sizeof(text);
            make_text(text, length);
            const char *at = text;
            assert_int_equal(
                rf_splitter_run(splitter, (rf_string){text, length}, add_up, &at, NULL), RF_OK);
            assert_ptr_equal(at, text + length);
        }
        rf_splitter_free(splitter);
    }
}

static rf_status refuse(void *context, rf_string piece, rf_error *error)
{
    (void)context;
    return rf_error_set(error, RF_ERROR_CANCELLED, "no %.*s", RF_STR_ARGS(piece));
}

static void a_refused_piece_ends_the_run(void **state)
{
    (void)state;
    rf_splitter *splitter = NULL;
    assert_int_equal(rf_splitter_create(rf_pretokenizer_at(0), &splitter, NULL), RF_OK);
    rf_error error;
    assert_int_equal(rf_splitter_run(splitter, (rf_string){"one two", 7}, refuse, NULL, &error),
                     RF_ERROR_CANCELLED);
    assert_string_equal(error.message, "no one");
    rf_splitter_free(splitter);
}

static void unknown_names_are_not_found(void **state)
{
    (void)state;
    assert_null(rf_pretokenizer_find((rf_string){"gpt-", 4}));
    assert_null(rf_pretokenizer_find((rf_string){"gpt-22", 6}));
    assert_null(rf_pretokenizer_find((rf_string){"", 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_as_expected),
        cmocka_unit_test(pieces_make_up_any_bytes),
        cmocka_unit_test(a_refused_piece_ends_the_run),
        cmocka_unit_test(unknown_names_are_not_found),
    };
    return cmocka_run_group_tests_name("pre-tokenizers", tests, NULL, NULL);
}

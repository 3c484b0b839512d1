/* test_text.c: the byte alphabet, and streams that never give out half a character. */
#include "support/cmocka.h"

#include <string.h>

#include "base/utf8.h"
#include "tokenizer/alphabet.h"
#include "tokenizer/support.h"

static void every_byte_has_a_letter(void **state)
{
    (void)state;
    char letter[RF_ALPHABET_BYTES_MAX];
    assert_int_equal(rf_alphabet_letter(' ', letter), 2);
    assert_memory_equal(letter, "Ġ", 2);
    assert_int_equal(rf_alphabet_letter('\n', letter), 2);
    assert_memory_equal(letter, "Ċ", 2);
    assert_int_equal(rf_alphabet_letter('~', letter), 1);
    assert_int_equal(letter[0], '~');
    int letters = 0;
    for (uint32_t point = 0; point < 0x400; point++) {
        int byte = rf_alphabet_byte(point);
        if (byte < 0)
            continue;
        letters++;
        size_t length = rf_alphabet_letter((unsigned char)byte, letter);
        assert_int_equal(rf_utf8_decode((const unsigned char *)letter, length), point);
    }
    assert_int_equal(letters, 256);
}

/* Bytes as tokens, and one control token. */
static const char *const tokens[] = {"<s>", NULL};
static const int32_t types[] = {RF_TOKEN_CONTROL};
static const char *const merges[] = {NULL};
static const small_vocabulary byte_vocabulary = {.model = "gpt2",
                                                 .pre = "gpt-2",
                                                 .tokens = tokens,
                                                 .types = types,
                                                 .merges = merges,
                                                 .with_bytes = true};

static void add(rf_text_stream *stream, int32_t token, const char *expected)
{
    rf_string text;
    assert_int_equal(rf_text_stream_add(stream, token, &text, NULL), RF_OK);
    assert_int_equal(text.length, strlen(expected));
    assert_memory_equal(text.data, expected, text.length);
}

static void a_stream_gives_whole_characters(void **state)
{
    (void)state;
    rf_tokenizer *tokenizer = small_tokenizer(&byte_vocabulary, NULL);
    rf_text_stream *stream = NULL;
    assert_int_equal(rf_text_stream_create(tokenizer, true, &stream, NULL), RF_OK);
    add(stream, 'x', "x");
    add(stream, 0xE4, "");
    add(stream, 0xBD, "");
    add(stream, 0xA0, "\xE4\xBD\xA0");
    add(stream, 0xE4, "");
    add(stream, 'y', "\uFFFDy"); /* only now it is certain */
    add(stream, 0xFF, "\uFFFD");
    add(stream, 256, "<s>");
    add(stream, 0xF0, "");
    add(stream, 0x9F, "");
    rf_string text;
    rf_error error;
    assert_int_equal(rf_text_stream_add(stream, 257, &text, &error), RF_ERROR_RANGE);
    assert_non_null(strstr(error.message, "257"));
    assert_int_equal(rf_text_stream_end(stream, &text, NULL), RF_OK);
    assert_int_equal(text.length, 3);
    assert_memory_equal(text.data, "\uFFFD", 3);
    assert_int_equal(rf_text_stream_end(stream, &text, NULL), RF_OK);
    assert_int_equal(text.length, 0);
    rf_text_stream_free(stream);
    rf_tokenizer_free(tokenizer);
}

static void control_tokens_are_left_out(void **state)
{
    (void)state;
    rf_tokenizer *tokenizer = small_tokenizer(&byte_vocabulary, NULL);
    int32_t ids[] = {256, 'h', 'i', 256};
    char *text = NULL;
    size_t length = 0;
    assert_int_equal(rf_detokenize(tokenizer, ids, 4, false, &text, &length, NULL), RF_OK);
    assert_string_equal(text, "hi");
    rf_free(text);
    assert_int_equal(rf_detokenize(tokenizer, ids, 4, true, &text, &length, NULL), RF_OK);
    assert_string_equal(text, "<s>hi<s>");
    rf_free(text);
    text = NULL;
    ids[2] = -1;
    assert_int_equal(rf_detokenize(tokenizer, ids, 4, true, &text, &length, NULL), RF_ERROR_RANGE);
    assert_null(text);
    assert_int_equal(rf_detokenize(tokenizer, NULL, 0, true, &text, &length, NULL), RF_OK);
    assert_string_equal(text, "");
    rf_free(text);
    rf_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_has_a_letter),
        cmocka_unit_test(a_stream_gives_whole_characters),
        cmocka_unit_test(control_tokens_are_left_out),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}

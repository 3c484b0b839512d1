/*
 * test_long.c: long texts of the shapes that are hard for a pattern or for merging: one pre-token,
 * one run of white space, no valid UTF-8 at all. Time must not grow faster than n log n: so a text
 * of ten times the length may take little more than ten times as long.
 */
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "support/oracle.h"
#include "tokenizer/support.h"

/* Sanitizers make everything some ten times slower. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LONG_TEXT 200000
#else
#define LONG_TEXT 10000000
#endif
#define SHORTER_TEXT (LONG_TEXT / 10)

/* A quadratic step over a megabyte takes an hour; n log n takes seconds also on a slow machine. */
#define SECONDS_MAX 60.0

/* This process's own time, which other programs on the machine do not change. */
static double cpu_seconds(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const char *const units[] = {
    "The quick brown fox jumps over the lazy dog's back; 1234 times!\n",
    "a",
    " ",
    "\n",
    "\xE4\xBD\xA0\xE5\xA5\xBD",
    "1",
    "!",
    "A",
    "\xFF",
    "e\xCC\x81",
    "  x",
    "<",
};

static void fill(char *text, size_t length, const char *unit)
{
    size_t unit_length = strlen(unit);
    for (size_t i = 0; i < length; i++)
        text[i] = unit[i % unit_length];
}

static void tokenize_once(const rf_tokenizer *tokenizer, const char *text, size_t length,
                          const char *what)
{
    int32_t *ids = NULL;
    size_t count = 0;
    rf_tokenize_options options = {false, true};
    double start = cpu_seconds();
    rf_error error;
    if (rf_tokenize(tokenizer, (rf_string){text, length}, options, &ids, &count, &error) != RF_OK)
        fail_msg("%s: %s", what, error.message);
    double seconds = cpu_seconds() - start;
    if (seconds > SECONDS_MAX)
        fail_msg("%s: %.1f s for %zu bytes", what, seconds, length);
    char *back = NULL;
    size_t back_length = 0;
    assert_int_equal(rf_detokenize(tokenizer, ids, count, true, &back, &back_length, NULL), RF_OK);
    assert_int_equal(back_length, length);
    assert_memory_equal(back, text, length);
    rf_free(back);
    rf_free(ids);
}

static void all_shapes(const rf_tokenizer *tokenizer)
{
    char *text = malloc(LONG_TEXT);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t length = i < 3 ? LONG_TEXT : SHORTER_TEXT;
        fill(text, length, units[i]);
        tokenize_once(tokenizer, text, length, units[i]);
    }
    srand(11);
    for (size_t i = 0; i < SHORTER_TEXT; i++)
        text[i] = (char)rand();
    tokenize_once(tokenizer, text, SHORTER_TEXT, "random bytes");
    free(text);
}

static void with_a_real_vocabulary(const char *name)
{
    char path[ORACLE_PATH_BYTES];
    oracle_path(name, path);
    rf_tokenizer *tokenizer = open_tokenizer(path);
    all_shapes(tokenizer);
    rf_tokenizer_free(tokenizer);
}

static void long_texts_with_gpt2(void **state)
{
    (void)state;
    with_a_real_vocabulary("tokenizer/gpt2-as-gpt-2.gguf");
}

static void long_texts_with_llama(void **state)
{
    (void)state;
    with_a_real_vocabulary("tokenizer/llama-spm.gguf");
}

/* The longest runs that a pattern of each row can meet, in a vocabulary of bytes. */
static void long_texts_with_every_pretokenizer(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<|x|>", "aa", "aaaa", NULL};
    static const int32_t types[] = {RF_TOKEN_CONTROL, 1, 1};
    static const char *const merges[] = {"a a", "aa aa", NULL};
    static const char *const names[] = {"gpt-2",     "falcon",       "llama-bpe",
                                        "gpt-4o",    "deepseek-llm", "deepseek-coder",
                                        "starcoder", "default",      "qwen35"};
    size_t length = SHORTER_TEXT;
    char *text = malloc(length);
    assert_non_null(text);
    for (size_t row = 0; row < sizeof(names) / sizeof(names[0]); row++) {
        rf_tokenizer *tokenizer = small_tokenizer(&(small_vocabulary){.model = "gpt2",
                                                                      .pre = names[row],
                                                                      .tokens = tokens,
                                                                      .types = types,
                                                                      .merges = merges,
                                                                      .with_bytes = true},
                                                  NULL);
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
            fill(text, length, units[i]);
            text[length / 2] = 'x'; /* a run that does not reach the end */
            tokenize_once(tokenizer, text, length, names[row]);
        }
        rf_tokenizer_free(tokenizer);
    }
    free(text);
}

/* Hundreds of special tokens that begin alike, in a text that nearly has them. */
static void many_special_tokens(void **state)
{
    (void)state;
    enum { COUNT = 1000, NAME_BYTES = 32 };
    static char names[COUNT][NAME_BYTES];
    static const char *tokens[COUNT + 1];
    static int32_t types[COUNT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], NAME_BYTES, "<|reserved_%d|>", i);
        tokens[i] = names[i];
        types[i] = RF_TOKEN_CONTROL;
    }
    static const char *const merges[] = {NULL};
    rf_tokenizer *tokenizer = small_tokenizer(&(small_vocabulary){.model = "gpt2",
                                                                  .pre = "gpt-2",
                                                                  .tokens = tokens,
                                                                  .types = types,
                                                                  .merges = merges,
                                                                  .with_bytes = true},
                                              NULL);
    char *text = malloc(LONG_TEXT);
    assert_non_null(text);
    fill(text, LONG_TEXT, "<|reserved_<|reserved_7|>x<|reserved_77|");
    tokenize_once(tokenizer, text, LONG_TEXT, "special tokens");
    free(text);
    rf_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_texts_with_gpt2),
        cmocka_unit_test(long_texts_with_llama),
        cmocka_unit_test(long_texts_with_every_pretokenizer),
        cmocka_unit_test(many_special_tokens),
    };
    return cmocka_run_group_tests_name("long texts", tests, NULL, NULL);
}

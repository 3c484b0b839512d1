/* test_errors.c: files and arguments that are wrong, each refused with the key or value to blame.
 */
#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "support/oracle.h"
#include "tokenizer/support.h"

static const char *const tokens[] = {"<unk>", "<s>", "</s>", NULL};
static const float scores[] = {0, 0, 0};
static const char *const no_merges[] = {NULL};

/* A valid file of each kind, for one thing at a time to go wrong in. */
static const small_vocabulary bpe = {
    .model = "gpt2", .pre = "gpt-2", .tokens = tokens, .merges = no_merges};
static const small_vocabulary spm = {.model = "llama", .tokens = tokens, .scores = scores};

static void refused_with(const small_vocabulary *vocabulary, add_keys more, rf_status status,
                         const char *reason)
{
    uint64_t before = rf_host_live_count();
    rf_gguf *gguf = write_vocabulary(vocabulary, more);
    rf_tokenizer *tokenizer = NULL;
    rf_error error;
    assert_int_equal(rf_tokenizer_open(gguf, &tokenizer, &error), status);
    assert_null(tokenizer);
    if (!strstr(error.message, reason))
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
    rf_gguf_close(gguf);
    assert_int_equal(rf_host_live_count(), before);
}

static void the_kind_must_be_known(void **state)
{
    (void)state;
    small_vocabulary v = bpe;
    v.model = NULL;
    refused_with(&v, NULL, RF_ERROR_FORMAT, "tokenizer.ggml.model is missing");
    v.tokens = NULL;
    refused_with(&v, NULL, RF_ERROR_NOT_FOUND, "tokenizer.ggml.model");
    v.model = "none";
    refused_with(&v, NULL, RF_ERROR_NOT_FOUND, "tokenizer.ggml.model");
    v.model = "bert";
    refused_with(&v, NULL, RF_ERROR_UNSUPPORTED, "\"bert\"");
    v = bpe;
    v.pre = "gpt-77";
    refused_with(&v, NULL, RF_ERROR_UNSUPPORTED, "\"gpt-77\"");
}

static void mistyped_model(rf_gguf_writer *writer)
{
    rf_gguf_write_u32(writer, "tokenizer.ggml.model", 1, NULL);
}

static void mistyped_tokens(rf_gguf_writer *writer)
{
    int32_t numbers[] = {1, 2, 3};
    rf_gguf_write_array(writer, "tokenizer.ggml.tokens", RF_GGUF_INT32, numbers, 3, NULL);
}

static void short_types(rf_gguf_writer *writer)
{
    int32_t types[] = {1, 1};
    rf_gguf_write_array(writer, "tokenizer.ggml.token_type", RF_GGUF_INT32, types, 2, NULL);
}

static void mistyped_types(rf_gguf_writer *writer)
{
    float types[] = {1, 1, 1};
    rf_gguf_write_array(writer, "tokenizer.ggml.token_type", RF_GGUF_FLOAT32, types, 3, NULL);
}

static void unknown_type(rf_gguf_writer *writer)
{
    int32_t types[] = {1, 7, 1};
    rf_gguf_write_array(writer, "tokenizer.ggml.token_type", RF_GGUF_INT32, types, 3, NULL);
}

static void lists_must_be_of_their_type_and_length(void **state)
{
    (void)state;
    small_vocabulary v = bpe;
    v.model = NULL;
    refused_with(&v, mistyped_model, RF_ERROR_FORMAT, "tokenizer.ggml.model");
    v = bpe;
    v.tokens = NULL;
    refused_with(&v, NULL, RF_ERROR_FORMAT, "tokenizer.ggml.tokens");
    refused_with(&v, mistyped_tokens, RF_ERROR_FORMAT, "tokenizer.ggml.tokens");
    v.tokens = no_merges;
    refused_with(&v, NULL, RF_ERROR_FORMAT, "0 tokens");
    refused_with(&bpe, short_types, RF_ERROR_FORMAT, "token_type: 2 items for 3 tokens");
    refused_with(&bpe, mistyped_types, RF_ERROR_FORMAT, "tokenizer.ggml.token_type");
    refused_with(&bpe, unknown_type, RF_ERROR_FORMAT, "token 1 has type 7");
    static const char *const twice[] = {"a", "b", "a", NULL};
    v.tokens = twice;
    refused_with(&v, NULL, RF_ERROR_FORMAT, "tokens 0 and 2 have the same text a");
}

static void short_scores(rf_gguf_writer *writer)
{
    float two[] = {0, 0};
    rf_gguf_write_array(writer, "tokenizer.ggml.scores", RF_GGUF_FLOAT32, two, 2, NULL);
}

static void mistyped_scores(rf_gguf_writer *writer)
{
    int32_t three[] = {0, 0, 0};
    rf_gguf_write_array(writer, "tokenizer.ggml.scores", RF_GGUF_INT32, three, 3, NULL);
}

static void mistyped_merges(rf_gguf_writer *writer)
{
    uint8_t bytes[] = {1, 2};
    rf_gguf_write_array(writer, "tokenizer.ggml.merges", RF_GGUF_UINT8, bytes, 2, NULL);
}

static void bad_scores_and_merges_are_refused(void **state)
{
    (void)state;
    static const float nan_scores[] = {0, __builtin_nanf(""), 0};
    small_vocabulary v = spm;
    v.scores = nan_scores;
    refused_with(&v, NULL, RF_ERROR_FORMAT, "score of token 1");
    v.scores = NULL;
    refused_with(&v, short_scores, RF_ERROR_FORMAT, "scores: 2 items for 3 tokens");
    refused_with(&v, mistyped_scores, RF_ERROR_FORMAT, "tokenizer.ggml.scores");
    v = bpe;
    v.merges = NULL;
    refused_with(&v, NULL, RF_ERROR_FORMAT, "tokenizer.ggml.merges");
    refused_with(&v, mistyped_merges, RF_ERROR_FORMAT, "tokenizer.ggml.merges");
    static const char *const malformed[] = {"ab", "a ", " b", "", NULL};
    for (size_t i = 0; malformed[i]; i++) {
        const char *const merges[] = {"x y", malformed[i], NULL};
        v.merges = merges;
        refused_with(&v, NULL, RF_ERROR_FORMAT, "merge 1 is");
    }
}

static void id_past_the_end(rf_gguf_writer *writer)
{
    rf_gguf_write_u32(writer, "tokenizer.ggml.unknown_token_id", 3, NULL);
}

static void negative_id(rf_gguf_writer *writer)
{
    rf_gguf_write_i32(writer, "tokenizer.ggml.eos_token_id", -1, NULL);
}

static void id_that_is_text(rf_gguf_writer *writer)
{
    rf_gguf_write_text(writer, "tokenizer.ggml.eot_token_id", "</s>", NULL);
}

static void padding_past_the_end(rf_gguf_writer *writer)
{
    rf_gguf_write_u32(writer, "tokenizer.ggml.padding_token_id", UINT32_MAX, NULL);
}

static void bos_that_is_none(rf_gguf_writer *writer)
{
    rf_gguf_write_bool(writer, "tokenizer.ggml.add_bos_token", true, NULL);
}

static void template_that_is_a_number(rf_gguf_writer *writer)
{
    rf_gguf_write_u32(writer, "tokenizer.chat_template", 1, NULL);
}

static void ids_must_be_in_the_vocabulary(void **state)
{
    (void)state;
    small_vocabulary v = bpe;
    v.bos = 4;
    refused_with(&v, NULL, RF_ERROR_FORMAT, "tokenizer.ggml.bos_token_id: token 3");
    refused_with(&spm, id_past_the_end, RF_ERROR_FORMAT, "tokenizer.ggml.unknown_token_id");
    refused_with(&bpe, negative_id, RF_ERROR_FORMAT, "tokenizer.ggml.eos_token_id");
    refused_with(&bpe, id_that_is_text, RF_ERROR_FORMAT, "tokenizer.ggml.eot_token_id");
    refused_with(&bpe, padding_past_the_end, RF_ERROR_FORMAT, "tokenizer.ggml.padding_token_id");
    refused_with(&bpe, bos_that_is_none, RF_ERROR_FORMAT, "tokenizer.ggml.add_bos_token");
    refused_with(&bpe, template_that_is_a_number, RF_ERROR_FORMAT, "tokenizer.chat_template");
}

static void keep_line(void *user, rf_log_level level, const char *line)
{
    assert_int_equal(level, RF_LOG_WARNING);
    snprintf(user, 256, "%s", line);
}

static void a_missing_pretokenizer_is_a_warning(void **state)
{
    (void)state;
    small_vocabulary v = bpe;
    v.pre = NULL;
    char line[256] = "";
    rf_log_set(keep_line, line, RF_LOG_WARNING);
    rf_tokenizer_free(small_tokenizer(&v, NULL));
    rf_log_set(NULL, NULL, RF_LOG_WARNING);
    assert_non_null(strstr(line, "tokenizer.ggml.pre"));
}

/* Files of the oracle that are wrong in their vocabulary. */
static void malformed_files_of_the_oracle(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *reason;
    } cases[] = {
        {"bos-outside-vocab", "tokenizer.ggml.bos_token_id"},
        {"token-types-short", "tokenizer.ggml.token_type"},
        {"tokens-not-strings", "tokenizer.ggml.tokens"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[128];
        char path[ORACLE_PATH_BYTES];
        snprintf(name, sizeof(name), "malformed/%s.gguf", cases[i].file);
        oracle_path(name, path);
        rf_gguf *gguf = NULL;
        rf_error error;
        assert_int_equal(rf_gguf_open(path, &gguf, &error), RF_OK);
        rf_tokenizer *tokenizer = NULL;
        assert_int_equal(rf_tokenizer_open(gguf, &tokenizer, &error), RF_ERROR_FORMAT);
        assert_non_null(strstr(error.message, cases[i].reason));
        rf_gguf_close(gguf);
    }
}

static void arguments_are_checked(void **state)
{
    (void)state;
    rf_tokenizer *tokenizer = small_tokenizer(&spm, NULL);
    int32_t *ids = NULL;
    size_t count = 7;
    rf_tokenize_options plain = {false, false};
    rf_string nothing = {NULL, 1};
    assert_int_equal(rf_tokenize(tokenizer, nothing, plain, &ids, &count, NULL), RF_ERROR_ARGUMENT);
    rf_string vast = {"", (size_t)RF_TOKENIZE_TEXT_MAX + 1};
    assert_int_equal(rf_tokenize(tokenizer, vast, plain, &ids, &count, NULL), RF_ERROR_RANGE);
    assert_null(ids);
    assert_int_equal(count, 7);
    nothing.length = 0;
    assert_int_equal(rf_tokenize(tokenizer, nothing, plain, &ids, &count, NULL), RF_OK);
    assert_non_null(ids);
    assert_int_equal(count, 0);
    rf_free(ids);
    rf_string text;
    assert_int_equal(rf_tokenizer_text(tokenizer, 3, &text, NULL), RF_ERROR_RANGE);
    assert_int_equal(rf_tokenizer_text(tokenizer, -1, &text, NULL), RF_ERROR_RANGE);
    assert_int_equal(rf_tokenizer_open(NULL, &tokenizer, NULL), RF_ERROR_ARGUMENT);
    rf_tokenizer_free(NULL);
    rf_text_stream_free(NULL);
    rf_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kind_must_be_known),
        cmocka_unit_test(lists_must_be_of_their_type_and_length),
        cmocka_unit_test(bad_scores_and_merges_are_refused),
        cmocka_unit_test(ids_must_be_in_the_vocabulary),
        cmocka_unit_test(a_missing_pretokenizer_is_a_warning),
        cmocka_unit_test(malformed_files_of_the_oracle),
        cmocka_unit_test(arguments_are_checked),
    };
    return cmocka_run_group_tests_name("tokenizer errors", tests, NULL, NULL);
}

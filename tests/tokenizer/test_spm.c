/* test_spm.c: SentencePiece's BPE model on vocabularies small enough to follow. */
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/support.h"

static const rf_tokenize_options plain = {false, false};
static const rf_tokenize_options all = {true, true};

static const char *const tokens[] = {"<unk>", "<s>", "</s>", "▁",      "a",  "b",      "ab", "▁a",
                                     "bab",   "aa",  "é",    "<0x63>", "▁▁", "<0xEF>", NULL};
static const float scores[] = {0, 0, 0, -9, -9, -9, -2, -3, -1, -4, -9, 0, -5, 0};
static const int32_t types[] = {2, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 6, 1, 6};
static const small_vocabulary vocabulary = {
    .model = "llama", .tokens = tokens, .types = types, .scores = scores};

static void the_best_score_merges_first(void **state)
{
    (void)state;
    rf_tokenizer *tokenizer = small_tokenizer(&vocabulary, NULL);
    /* "ab" (-2) before "▁a" (-3); "bab" (-1) only once there is "ab". */
    assert_tokens(tokenizer, "ab", plain, "▁|ab");
    assert_tokens(tokenizer, "bab", plain, "▁|bab");
    assert_tokens(tokenizer, "aaa", plain, "▁a|aa"); /* "▁a" (-3) before either "aa" (-4) */
    assert_tokens(tokenizer, "a a", plain, "▁a|▁a");
    assert_tokens(tokenizer, "  é", plain, "▁▁|▁|é");
    assert_tokens(tokenizer, "", plain, "");
    rf_tokenizer_free(tokenizer);
}

static void bytes_fall_back(void **state)
{
    (void)state;
    rf_tokenizer *tokenizer = small_tokenizer(&vocabulary, NULL);
    assert_tokens(tokenizer, "c", plain, "▁|<0x63>");
    assert_tokens(tokenizer, "d", plain, "▁|<unk>"); /* no byte token either */
    assert_tokens(tokenizer, "ü", plain, "▁|<unk>|<unk>");
    assert_tokens(tokenizer, "\xC3", plain, "▁|<unk>");
    rf_tokenizer_free(tokenizer);
}

static void spaces_go_before_words_and_come_off_again(void **state)
{
    (void)state;
    rf_tokenizer *tokenizer = small_tokenizer(&vocabulary, NULL);
    /* By default BOS 1 is added and EOS is not; a space also follows each special token. */
    assert_tokens(tokenizer, "a", all, "<s>|▁a");
    assert_tokens(tokenizer, "a</s>a", all, "<s>|▁a|</s>|▁a");
    assert_tokens(tokenizer, "", all, "<s>");
    assert_true(rf_tokenizer_is_end(tokenizer, 2));
    static const char *const texts[] = {"a", " a",  "ab a  bab", "  ",
                                        "c", "é a", "c\xEF a" /* broken UTF-8 swallows no space */};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int32_t *ids = NULL;
        size_t count = 0;
        rf_string text = {texts[i], strlen(texts[i])};
        assert_int_equal(rf_tokenize(tokenizer, text, plain, &ids, &count, NULL), RF_OK);
        check_round_trip(tokenizer, text, ids, count);
        rf_free(ids);
    }
    int32_t with_bos[] = {1, id_of(tokenizer, "▁a"), id_of(tokenizer, "▁a")};
    char *text = NULL;
    size_t length = 0;
    assert_int_equal(rf_detokenize(tokenizer, with_bos, 3, false, &text, &length, NULL), RF_OK);
    assert_string_equal(text, "a a"); /* BOS gives no text, so what follows it comes first */
    rf_free(text);
    assert_int_equal(rf_detokenize(tokenizer, with_bos, 3, true, &text, &length, NULL), RF_OK);
    assert_string_equal(text, "<s> a a");
    rf_free(text);
    rf_tokenizer_free(tokenizer);
}

static void no_prefix(rf_gguf_writer *writer)
{
    assert_int_equal(rf_gguf_write_bool(writer, "tokenizer.ggml.add_space_prefix", false, NULL),
                     RF_OK);
}

static void the_file_may_switch_the_space_off(void **state)
{
    (void)state;
    rf_tokenizer *tokenizer = small_tokenizer(&vocabulary, no_prefix);
    assert_tokens(tokenizer, "a a", all, "<s>|a|▁a");
    int32_t ids[] = {id_of(tokenizer, "▁a")};
    char *text = NULL;
    assert_int_equal(rf_detokenize(tokenizer, ids, 1, false, &text, NULL, NULL), RF_OK);
    assert_string_equal(text, " a");
    rf_free(text);
    rf_tokenizer_free(tokenizer);
}

/* A token that reaches across a space must be found also though words are otherwise done apart. */
static void tokens_may_reach_across_words(void **state)
{
    (void)state;
    static const char *const wide[] = {"<unk>", "<s>", "</s>", "▁", "a", "a▁", "a▁a", NULL};
    static const float wide_scores[] = {0, 0, 0, -3, -3, -2, -1};
    small_vocabulary other = {.model = "llama", .tokens = wide, .scores = wide_scores};
    rf_tokenizer *tokenizer = small_tokenizer(&other, NULL);
    assert_false(tokenizer->spm.words_apart);
    assert_tokens(tokenizer, "a a", plain, "▁|a▁a");
    rf_tokenizer_free(tokenizer);
}

/* Words done apart and all at once are the same where no token reaches across. */
static void words_apart_changes_nothing(void **state)
{
    (void)state;
    rf_tokenizer *tokenizer = small_tokenizer(&vocabulary, NULL);
    assert_true(tokenizer->spm.words_apart);
    srand(5);
    for (int round = 0; round < 500; round++) {
        char text[60];
        size_t length = (size_t)rand() % sizeof(text);
        for (size_t i = 0; i < length; i++)
            text[i] = "ab  c\xC3\xA9\xE2\x96\x81\xF0"[rand() % 11];
        int32_t *apart = NULL;
        int32_t *together = NULL;
        size_t n_apart = 0;
        size_t n_together = 0;
        rf_string view = {text, length};
        tokenizer->spm.words_apart = true;
        assert_int_equal(rf_tokenize(tokenizer, view, plain, &apart, &n_apart, NULL), RF_OK);
        tokenizer->spm.words_apart = false;
        assert_int_equal(rf_tokenize(tokenizer, view, plain, &together, &n_together, NULL), RF_OK);
        assert_int_equal(n_apart, n_together);
        assert_memory_equal(apart, together, n_apart * sizeof(*apart));
        rf_free(apart);
        rf_free(together);
    }
    rf_tokenizer_free(tokenizer);
}

/* The format's description: "if not present, all tokens are assumed to have equal probability". */
static void without_scores_the_leftmost_merges_first(void **state)
{
    (void)state;
    static const char *const letters[] = {"<unk>", "<s>", "</s>", "a", "b", "ab", "ba", NULL};
    small_vocabulary v = {.model = "llama", .tokens = letters};
    rf_tokenizer *tokenizer = small_tokenizer(&v, no_prefix);
    assert_tokens(tokenizer, "aba", (rf_tokenize_options){0}, "ab|a");
    assert_tokens(tokenizer, "bab", (rf_tokenize_options){0}, "ba|b");
    rf_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_scores_the_leftmost_merges_first),
        cmocka_unit_test(the_best_score_merges_first),
        cmocka_unit_test(bytes_fall_back),
        cmocka_unit_test(spaces_go_before_words_and_come_off_again),
        cmocka_unit_test(the_file_may_switch_the_space_off),
        cmocka_unit_test(tokens_may_reach_across_words),
        cmocka_unit_test(words_apart_changes_nothing),
    };
    return cmocka_run_group_tests_name("SentencePiece", tests, NULL, NULL);
}

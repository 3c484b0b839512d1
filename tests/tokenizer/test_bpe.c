/* test_bpe.c: byte-level BPE, special tokens and metadata, on vocabularies small enough to follow.
 */
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tokenizer/support.h"

static const rf_tokenize_options plain = {false, false};
static const rf_tokenize_options special = {false, true};
static const rf_tokenize_options all = {true, true};

static void merges_apply_in_their_order(void **state)
{
    (void)state;
    static const char *const tokens[] = {"ab", "bc", "abc", "Ġa", NULL};
    static const char *const merges[] = {"b c", "a b", "a bc", "Ġ a", NULL};
    rf_tokenizer *tokenizer = small_tokenizer(&(small_vocabulary){.model = "gpt2",
                                                                  .pre = "gpt-2",
                                                                  .tokens = tokens,
                                                                  .merges = merges,
                                                                  .with_bytes = true},
                                              NULL);
    assert_tokens(tokenizer, "abc abab", plain, "abc|Ġ|ab|ab");
    assert_tokens(tokenizer, "abbc a", plain, "ab|bc|Ġa");
    assert_tokens(tokenizer, "", plain, "");
    rf_tokenizer_free(tokenizer);
}

static void merges_through_texts_that_are_no_tokens(void **state)
{
    (void)state;
    /* "th" is merged and is no token: "the" is found through it, and alone it is written in bytes.
     * "he" is a token, but "th" came first. "Ġt" is neither. */
    static const char *const tokens[] = {"the", "he", NULL};
    static const char *const merges[] = {"t h", "h e", "th e", "Ġ t", NULL};
    rf_tokenizer *tokenizer = small_tokenizer(&(small_vocabulary){.model = "gpt2",
                                                                  .pre = "gpt-2",
                                                                  .tokens = tokens,
                                                                  .merges = merges,
                                                                  .with_bytes = true},
                                              NULL);
    assert_tokens(tokenizer, "the", plain, "the");
    assert_tokens(tokenizer, "thx", plain, "t|h|x");
    assert_tokens(tokenizer, "he", plain, "he");
    assert_tokens(tokenizer, " t", plain, "Ġ|t");
    rf_tokenizer_free(tokenizer);
}

static void whole_pieces_come_first_in_llama3_only(void **state)
{
    (void)state;
    /* No merge makes "word" or "Ġx": merging alone cannot find them. */
    static const char *const tokens[] = {"word", "Ġx", "<|begin|>", NULL};
    static const int32_t types[] = {RF_TOKEN_NORMAL, RF_TOKEN_NORMAL, RF_TOKEN_CONTROL};
    static const char *const merges[] = {"q q", NULL};
    small_vocabulary vocabulary = {.model = "gpt2",
                                   .pre = "llama-bpe",
                                   .tokens = tokens,
                                   .types = types,
                                   .merges = merges,
                                   .with_bytes = true,
                                   .bos = 3};
    rf_tokenizer *tokenizer = small_tokenizer(&vocabulary, NULL);
    assert_tokens(tokenizer, "word x", plain, "word|Ġx");
    assert_tokens(tokenizer, "word", all,
                  "<|begin|>|word"); /* BOS is this pre-tokenizer's default */
    rf_tokenizer_free(tokenizer);
    vocabulary.pre = "qwen2";
    tokenizer = small_tokenizer(&vocabulary, NULL);
    assert_tokens(tokenizer, "word x", all, "w|o|r|d|Ġ|x");
    rf_tokenizer_free(tokenizer);
}

static void without_letters(void **state)
{
    (void)state;
    static const char *const tokens[] = {"a", "b", NULL};
    static const char *const merges[] = {NULL};
    rf_tokenizer *tokenizer = small_tokenizer(
        &(small_vocabulary){.model = "gpt2", .pre = "gpt-2", .tokens = tokens, .merges = merges},
        NULL);
    assert_tokens(tokenizer, "axb", plain, "a|b");
    rf_tokenizer_free(tokenizer);
}

static void special_tokens_are_cut_longest_first(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<a>", "<a><b>", "<b>x", "  ", "<u>", "<unk>", NULL};
    static const int32_t types[] = {RF_TOKEN_CONTROL,      RF_TOKEN_CONTROL,      RF_TOKEN_CONTROL,
                                    RF_TOKEN_USER_DEFINED, RF_TOKEN_USER_DEFINED, RF_TOKEN_UNKNOWN};
    static const char *const merges[] = {NULL};
    rf_tokenizer *tokenizer = small_tokenizer(&(small_vocabulary){.model = "gpt2",
                                                                  .pre = "gpt-2",
                                                                  .tokens = tokens,
                                                                  .types = types,
                                                                  .merges = merges,
                                                                  .with_bytes = true},
                                              NULL);
    assert_tokens(tokenizer, "<a>y<a><b>", special, "<a>|y|<a><b>");
    /* The longest is cut out first, also where a shorter one begins before it. */
    assert_tokens(tokenizer, "<a><b>x", special, "<a><b>|x");
    assert_tokens(tokenizer, "<b>x<a>", special, "<b>x|<a>");
    assert_tokens(tokenizer, "<unk>", special, "<unk>");
    /* User-defined tokens are found always, control and unknown ones only when asked. */
    assert_tokens(tokenizer, "<u>   x<a>", plain, "<u>|  |Ġ|x|<|a|>");
    assert_tokens(tokenizer, "<u", special, "<|u");
    rf_tokenizer_free(tokenizer);
}

static void phi3_strips_behind_special_tokens(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<|user|>", "<s>", NULL};
    static const int32_t types[] = {RF_TOKEN_CONTROL, RF_TOKEN_CONTROL};
    static const char *const merges[] = {NULL};
    small_vocabulary vocabulary = {.model = "gpt2",
                                   .pre = "gpt-2",
                                   .tokens = tokens,
                                   .types = types,
                                   .merges = merges,
                                   .with_bytes = true,
                                   .name = "Phi-3 mini"};
    rf_tokenizer *tokenizer = small_tokenizer(&vocabulary, NULL);
    assert_tokens(tokenizer, "<|user|> \n x<s> y", special, "<|user|>|x|<s>|Ġ|y");
    rf_tokenizer_free(tokenizer);
    vocabulary.name = "another";
    tokenizer = small_tokenizer(&vocabulary, NULL);
    assert_tokens(tokenizer, "<|user|> x", special, "<|user|>|Ġ|x");
    rf_tokenizer_free(tokenizer);
}

static void name_more_ids(rf_gguf_writer *writer)
{
    assert_int_equal(rf_gguf_write_u32(writer, "tokenizer.ggml.eot_token_id", 258, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_bool(writer, "tokenizer.ggml.add_bos_token", true, NULL), RF_OK);
    assert_int_equal(rf_gguf_write_bool(writer, "tokenizer.ggml.add_eos_token", true, NULL), RF_OK);
}

static void metadata_says_what_begins_and_ends(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<bos>",      "<fin>",     "<turn>",
                                         "<|im_end|>", "<|other|>", NULL};
    static const int32_t types[] = {RF_TOKEN_CONTROL, RF_TOKEN_CONTROL, RF_TOKEN_CONTROL,
                                    RF_TOKEN_NORMAL, RF_TOKEN_CONTROL};
    static const char *const merges[] = {NULL};
    rf_tokenizer *tokenizer = small_tokenizer(&(small_vocabulary){.model = "gpt2",
                                                                  .pre = "gpt-2",
                                                                  .tokens = tokens,
                                                                  .types = types,
                                                                  .merges = merges,
                                                                  .with_bytes = true,
                                                                  .bos = 1,
                                                                  .eos = 2},
                                              name_more_ids);
    assert_int_equal(rf_tokenizer_bos(tokenizer), 256);
    assert_int_equal(rf_tokenizer_eos(tokenizer), 257);
    assert_int_equal(rf_tokenizer_size(tokenizer), 261);
    assert_true(rf_tokenizer_is_end(tokenizer, 257)); /* EOS */
    assert_true(rf_tokenizer_is_end(tokenizer, 258)); /* named by a key */
    assert_true(rf_tokenizer_is_end(tokenizer, 259)); /* known by its text */
    assert_false(rf_tokenizer_is_end(tokenizer, 260));
    assert_false(rf_tokenizer_is_end(tokenizer, -1));
    assert_false(rf_tokenizer_is_end(tokenizer, 261));
    assert_tokens(tokenizer, "x", all, "<bos>|x|<fin>");
    assert_tokens(tokenizer, "", all, "<bos>|<fin>");
    /* A text that models use as a mark is a control token, whatever the file calls it. */
    assert_tokens(tokenizer, "<|im_end|>", special, "<|im_end|>");
    rf_tokenizer_free(tokenizer);
}

static void random_bytes_come_back(void **state)
{
    (void)state;
    static const char *const tokens[] = {"ab", "Ġa", "Ã©", "<|x|>", NULL};
    static const int32_t types[] = {1, 1, 1, RF_TOKEN_USER_DEFINED};
    static const char *const merges[] = {"a b", "Ġ a", "Ã ©", NULL};
    const rf_pretokenizer *rules;
    srand(3);
    for (size_t row = 0; (rules = rf_pretokenizer_at(row)); row++) {
        rf_tokenizer *tokenizer = small_tokenizer(&(small_vocabulary){.model = "gpt2",
                                                                      .pre = rules->name,
                                                                      .tokens = tokens,
                                                                      .types = types,
                                                                      .merges = merges,
                                                                      .with_bytes = true},
                                                  NULL);
        for (int round = 0; round < 30; round++) {
            char text[80];
            size_t length = (size_t)rand() % sizeof(text);
            for (size_t i = 0; i < length; i++)
                text[i] = (char)(rand() % 2 ? rand() : "ab é<|x>"[rand() % 9]);
            int32_t *ids = NULL;
            size_t count = 0;
            rf_string view = {text, length};
            assert_int_equal(rf_tokenize(tokenizer, view, plain, &ids, &count, NULL), RF_OK);
            check_round_trip(tokenizer, view, ids, count);
            rf_free(ids);
        }
        rf_tokenizer_free(tokenizer);
    }
}

#define MANY (1U << 18)

/* The left part of the pair that, with a right part, has place 0 in a table of MANY entries, where
 * places are the middle bits of the product with a constant that everybody knows. */
static uint32_t left_that_meets(uint32_t right)
{
    const uint64_t constant = 0x9E3779B97F4A7C15ULL;
    uint64_t inverse = constant; /* right in the lowest three bits; each step doubles them */
    for (int i = 0; i < 5; i++)
        inverse *= 2 - constant * inverse;
    return (uint32_t)(-(right * constant >> 32) * inverse) % MANY;
}

/* Pairs that all met in one place would take five seconds to read. */
static void pairs_cannot_be_made_to_collide(void **state)
{
    (void)state;
    static char texts[MANY][6];
    static char lines[MANY / 2][12];
    static const char *list[MANY + 1];
    static const char *merges[MANY / 2 + 1];
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%05x", i);
        list[i] = texts[i];
    }
    for (uint32_t i = 0; i < MANY / 2; i++) {
        snprintf(lines[i], sizeof(lines[i]), "%05x %05x", left_that_meets(i), i);
        merges[i] = lines[i];
    }
    small_vocabulary v = {.model = "gpt2", .pre = "gpt-2", .tokens = list, .merges = merges};
    clock_t begin = clock();
    rf_tokenizer_free(small_tokenizer(&v, NULL));
    assert_true(clock() - begin < 2 * CLOCKS_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_cannot_be_made_to_collide),
        cmocka_unit_test(merges_apply_in_their_order),
        cmocka_unit_test(merges_through_texts_that_are_no_tokens),
        cmocka_unit_test(whole_pieces_come_first_in_llama3_only),
        cmocka_unit_test(without_letters),
        cmocka_unit_test(special_tokens_are_cut_longest_first),
        cmocka_unit_test(phi3_strips_behind_special_tokens),
        cmocka_unit_test(metadata_says_what_begins_and_ends),
        cmocka_unit_test(random_bytes_come_back),
    };
    return cmocka_run_group_tests_name("byte-level BPE", tests, NULL, NULL);
}

/* test_threads.c: one tokenizer, many threads. Run under the thread sanitizer it shows that nothing
 * in a tokenizer changes after it is open. */
#include "support/cmocka.h"

#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "tokenizer/support.h"

enum { THREADS = 8, ROUNDS = 200 };

static const char words[] = "The ab abc, don't <|x|> 123 \xE4\xBD\xA0\xFF  ab\n";

static void *tokenize_again_and_again(void *argument)
{
    const rf_tokenizer *tokenizer = argument;
    int32_t *first = NULL;
    size_t first_count = 0;
    rf_tokenize_options all = {true, true};
    rf_string text = {words, strlen(words)};
    size_t wrong = rf_tokenize(tokenizer, text, all, &first, &first_count, NULL) != RF_OK;
    for (int i = 0; i < ROUNDS && !wrong; i++) {
        int32_t *ids = NULL;
        size_t count = 0;
        char *back = NULL;
        wrong = rf_tokenize(tokenizer, text, all, &ids, &count, NULL) != RF_OK ||
                count != first_count || memcmp(ids, first, count * sizeof(*ids)) != 0 ||
                rf_detokenize(tokenizer, ids, count, true, &back, NULL, NULL) != RF_OK ||
                strcmp(back, words) != 0;
        rf_free(back);
        rf_free(ids);
    }
    rf_free(first);
    return wrong ? argument : NULL;
}

static void many_threads_use_one(const rf_tokenizer *tokenizer)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        union {
            const rf_tokenizer *constant;
            void *argument;
        } shared = {tokenizer};
        assert_int_equal(
            pthread_create(&threads[i], NULL, tokenize_again_and_again, shared.argument), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

static void threads_share_a_tokenizer(void **state)
{
    (void)state;
    static const char *const tokens[] = {"ab", "Ġa", "<|x|>", NULL};
    static const int32_t types[] = {1, 1, RF_TOKEN_CONTROL};
    static const char *const merges[] = {"a b", "Ġ a", NULL};
    static const char *const names[] = {"llama-bpe", "gpt-4o", "deepseek-llm"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        rf_tokenizer *tokenizer = small_tokenizer(&(small_vocabulary){.model = "gpt2",
                                                                      .pre = names[i],
                                                                      .tokens = tokens,
                                                                      .types = types,
                                                                      .merges = merges,
                                                                      .with_bytes = true},
                                                  NULL);
        many_threads_use_one(tokenizer);
        rf_tokenizer_free(tokenizer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_share_a_tokenizer)};
    return cmocka_run_group_tests_name("tokenizer threads", tests, NULL, NULL);
}

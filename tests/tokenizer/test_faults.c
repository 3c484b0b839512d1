/* test_faults.c: every host allocation of opening and using a tokenizer fails in turn. */
#include "support/cmocka.h"

#include <string.h>

#include "base/fault.h"
#include "base/memory.h"
#include "support/faults.h"
#include "tokenizer/support.h"

static const char *const bpe_tokens[] = {"ab", "Ġa", "<|im_end|>", NULL};
static const int32_t bpe_types[] = {1, 1, 3};
static const char *const bpe_merges[] = {"a b", "Ġ a", "q r", "q rs", NULL};
static const small_vocabulary bpe = {.model = "gpt2",
                                     .pre = "llama-bpe",
                                     .tokens = bpe_tokens,
                                     .types = bpe_types,
                                     .merges = bpe_merges,
                                     .chat_template = "<|im_start|>",
                                     .with_bytes = true,
                                     .eos = 3};

static const char *const spm_tokens[] = {"<unk>", "<s>", "</s>", "▁", "a", "▁a", NULL};
static const int32_t spm_types[] = {2, 3, 3, 1, 1, 1};
static const float spm_scores[] = {0, 0, 0, -2, -2, -1};
static const small_vocabulary spm = {
    .model = "llama", .tokens = spm_tokens, .types = spm_types, .scores = spm_scores};

/* Everything that a program does with a tokenizer. */
static rf_status use(const rf_tokenizer *tokenizer, rf_error *error)
{
    static const char words[] = "a ab<|im_end|>a abqrs ab a  \xFF ab</s> a";
    int32_t *ids = NULL;
    size_t count = 0;
    char *text = NULL;
    rf_text_stream *stream = NULL;
    rf_string part;
    rf_chat_message message = {"user", "hello"};
    rf_tokenize_options all = {true, true};
    rf_status status =
        rf_tokenize(tokenizer, (rf_string){words, strlen(words)}, all, &ids, &count, error);
    if (status == RF_OK)
        status = rf_detokenize(tokenizer, ids, count, true, &text, NULL, error);
    rf_free(text);
    text = NULL;
    if (status == RF_OK)
        status = rf_chat_render(tokenizer, &message, 1, &text, error);
    if (status == RF_OK)
        status = rf_text_stream_create(tokenizer, false, &stream, error);
    for (size_t i = 0; i < count && status == RF_OK; i++)
        status = rf_text_stream_add(stream, ids[i], &part, error);
    if (status == RF_OK)
        status = rf_text_stream_end(stream, &part, error);
    rf_text_stream_free(stream);
    rf_free(text);
    rf_free(ids);
    return status;
}

static rf_status open_and_use(const rf_gguf *gguf, rf_error *error)
{
    rf_tokenizer *tokenizer = NULL;
    RF_TRY(rf_tokenizer_open(gguf, &tokenizer, error));
    rf_status status = use(tokenizer, error);
    rf_tokenizer_free(tokenizer);
    return status;
}

static void every_allocation_may_fail(const small_vocabulary *vocabulary)
{
    rf_gguf *gguf = write_vocabulary(vocabulary, NULL);
    uint64_t before = rf_host_live_count();
    bool fired = true;
    uint64_t n = 1;
    for (; fired; n++) {
        rf_error error = {0};
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        rf_status status = open_and_use(gguf, &error);
        fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        /* Machine code for the patterns is optional: where its memory fails, matching goes on
         * without. */
        if (!fired || status != RF_ERROR_HOST_MEMORY)
            assert_int_equal(status, RF_OK);
        else
            assert_non_null(strstr(error.message, "out of host memory"));
        assert_int_equal(rf_host_live_count(), before);
    }
    faults_tried(n - 2, "host allocations");
    rf_gguf_close(gguf);
}

static void bpe_survives(void **state)
{
    (void)state;
    every_allocation_may_fail(&bpe);
}

static void spm_survives(void **state)
{
    (void)state;
    every_allocation_may_fail(&spm);
}

/* A stream that could not take a token is as it was, and takes it the next time. */
static void a_failed_add_changes_nothing(void **state)
{
    (void)state;
    rf_tokenizer *tokenizer = small_tokenizer(&bpe, NULL);
    for (uint64_t n = 1; n <= 2; n++) {
        rf_text_stream *stream = NULL;
        rf_string text = {"before", 6};
        assert_int_equal(rf_text_stream_create(tokenizer, false, &stream, NULL), RF_OK);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        assert_int_equal(rf_text_stream_add(stream, 256, &text, NULL), RF_ERROR_HOST_MEMORY);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        assert_string_equal(text.data, "before");
        assert_int_equal(rf_text_stream_add(stream, 256, &text, NULL), RF_OK);
        assert_int_equal(text.length, 2);
        assert_memory_equal(text.data, "ab", 2);
        rf_text_stream_free(stream);
    }
    rf_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bpe_survives),
        cmocka_unit_test(spm_survives),
        cmocka_unit_test(a_failed_add_changes_nothing),
    };
    return cmocka_run_group_tests_name("tokenizer faults", tests, NULL, NULL);
}

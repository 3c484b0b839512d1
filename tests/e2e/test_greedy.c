/*
 * test_greedy.c: the text that the demo model writes on a GPU, through the library's public header
 * alone: what the CPU writes, and the same bytes every time. An emulated GPU, on which it runs
 * unless --device ID names another, takes minutes.
 */
#include "support/cmocka.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/device.h"
#include "support/oracle.h"
#include "support/session.h"

#define N_TOKENS   200U
#define MAX_PROMPT 32U
#define N_CONTEXT  (MAX_PROMPT + N_TOKENS)
#define TEXT_BYTES 8192U

/* Logits of this model that are nearer to each other than this may change places by rounding alone:
 * among its logits, which are some ten apart, quantised activations move one by 0.03. */
#define NEAR 0.3F

static const char *const prompts[] = {
    "Once upon a time",
    "12 + 34 =",
    "Then there was a knock at the door.",
};
#define N_PROMPTS (sizeof(prompts) / sizeof(prompts[0]))

typedef struct text {
    int32_t tokens[N_CONTEXT]; /* the prompt's first */
    uint32_t n_prompt;
    char bytes[TEXT_BYTES]; /* of those behind it; ends with a NUL */
} text;

static void ok(rf_status status, const rf_error *error)
{
    if (status != RF_OK)
        fail_msg("%s", error->message);
}

static session open_on(const char *device)
{
    char path[ORACLE_PATH_BYTES];
    session_options options = session_defaults();
    options.runtime.device = device;
    options.engine.n_context = N_CONTEXT;
    source_path("models/demo.gguf", path);
    return session_open(path, &options);
}

static void append(text *t, rf_string piece)
{
    const size_t used = strlen(t->bytes);
    assert_true(used + piece.length < TEXT_BYTES);
    memcpy(t->bytes + used, piece.data, piece.length);
    t->bytes[used + piece.length] = '\0';
}

static void start(const session *s, const char *prompt, text *t)
{
    rf_error error;
    rf_sequence id;
    int32_t *tokens = NULL;
    size_t n = 0;
    ok(rf_tokenize(rf_model_tokenizer(s->model), (rf_string){prompt, strlen(prompt)},
                   (rf_tokenize_options){.add_bos_eos = true}, &tokens, &n, &error),
       &error);
    assert_in_range(n, 1, MAX_PROMPT);
    memcpy(t->tokens, tokens, n * sizeof(*tokens));
    t->n_prompt = (uint32_t)n;
    rf_request request = {.tokens = tokens,
                          .n_tokens = n,
                          .max_tokens = N_TOKENS,
                          .ignore_end = true,
                          .sampling = RF_SAMPLING_INIT};
    request.sampling.temperature = 0;
    ok(rf_engine_submit(s->engine, &request, &id, &error), &error);
    rf_free(tokens);
}

static text *write_text(const session *s, const char *prompt)
{
    rf_error error;
    rf_output output;
    rf_string piece;
    rf_text_stream *stream = NULL;
    text *t = calloc(1, sizeof(*t));
    uint32_t made = 0;
    start(s, prompt, t);
    ok(rf_text_stream_create(rf_model_tokenizer(s->model), true, &stream, &error), &error);
    while (rf_engine_active(s->engine)) {
        size_t count = 0;
        ok(rf_engine_step(s->engine, &output, 1, &count, &error), &error);
        if (count == 0)
            continue;
        assert_true(made < N_TOKENS);
        t->tokens[t->n_prompt + made++] = output.token;
        ok(rf_text_stream_add(stream, output.token, &piece, &error), &error);
        append(t, piece);
    }
    ok(rf_text_stream_end(stream, &piece, &error), &error);
    append(t, piece);
    rf_text_stream_free(stream);
    assert_int_equal(made, N_TOKENS);
    return t;
}

/* The texts may part where two tokens are as good as each other: so every token has to be the one
 * that the CPU would have written behind those before it, or nearly so. */
static void expect_good(const session *cpu, const text *t)
{
    const uint32_t n_vocab = rf_model_describe(cpu->model).n_vocabulary;
    const uint32_t n = t->n_prompt + N_TOKENS;
    float *logits = calloc((size_t)n * n_vocab, sizeof(*logits));
    rf_error error;
    uint32_t others = 0;
    ok(rf_engine_logits(cpu->engine, t->tokens, n, false, logits, &error), &error);
    for (uint32_t i = t->n_prompt; i < n; i++) {
        const float *row = logits + (size_t)(i - 1) * n_vocab;
        const float chosen = row[t->tokens[i]];
        float best = chosen;
        for (uint32_t v = 0; v < n_vocab; v++)
            best = fmaxf(best, row[v]);
        others += best > chosen;
        if (!(best - chosen < NEAR))
            fail_msg("token %u, %d, is %g below the best", i - t->n_prompt, t->tokens[i],
                     (double)(best - chosen));
    }
    print_message("not the CPU's text, but for %u of %u tokens what it would go on with\n", others,
                  N_TOKENS);
    assert_true(others <= N_TOKENS / 20);
    free(logits);
}

/* *state: the device. */
static void the_text_is_that_of_the_cpu(void **state)
{
    session cpu = open_on("cpu");
    session gpu = open_on(*state);
    for (size_t i = 0; i < N_PROMPTS; i++) {
        text *expected = write_text(&cpu, prompts[i]);
        text *t = write_text(&gpu, prompts[i]);
        print_message("%s%s\n", prompts[i], t->bytes);
        if (strcmp(t->bytes, expected->bytes) != 0)
            expect_good(&cpu, t);
        free(expected);
        free(t);
    }
    session_close(&gpu);
    session_close(&cpu);
}

/* In an engine that has written before, and in a new one. */
static void every_run_writes_the_same_bytes(void **state)
{
    text *first = NULL;
    for (int run = 0; run < 2; run++) {
        session gpu = open_on(*state);
        for (int again = 0; again < 2; again++) {
            text *t = write_text(&gpu, prompts[0]);
            if (!first) {
                first = t;
                continue;
            }
            assert_memory_equal(t->tokens, first->tokens, sizeof(t->tokens));
            assert_string_equal(t->bytes, first->bytes);
            free(t);
        }
        session_close(&gpu);
    }
    free(first);
}

int main(int argc, char **argv)
{
    const char *device = "emu32";
    const int status = device_argument(argc, argv, DEVICE_COMPUTES, &device);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(the_text_is_that_of_the_cpu, (void *)(uintptr_t)device),
        cmocka_unit_test_prestate(every_run_writes_the_same_bytes, (void *)(uintptr_t)device),
    };
    return status ? status : cmocka_run_group_tests_name("greedy", tests, NULL, NULL);
}

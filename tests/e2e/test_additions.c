/*
 * test_additions.c: the demo model, the whole way from text to text: it answers additions that were
 * kept out of its training, and its logits are those that its training program computed from the
 * same file.
 */
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/expected.h"
#include "support/oracle.h"
#include "support/session.h"

#define N_ADDITIONS 200
#define N_REQUIRED  190 /* 95 % */
#define MAX_ANSWER  8   /* tokens: three digits, a space, the end */

typedef struct addition {
    char prompt[32];
    char answer[8];
    char got[64];
    rf_text_stream *stream;
} addition;

static addition additions[N_ADDITIONS];

static void ok(rf_status status, const rf_error *error)
{
    if (status != RF_OK)
        fail_msg("%s", error->message);
}

static void read_additions(void)
{
    char path[ORACLE_PATH_BYTES];
    source_path("tools/demo-model/heldout.txt", path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (int i = 0; i < N_ADDITIONS; i++)
        assert_int_equal(
            fscanf(file, "%31[^\t]\t%7[^\n]\n", additions[i].prompt, additions[i].answer), 2);
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
}

static void submit(session *s, addition *a)
{
    rf_error error;
    int32_t *tokens;
    rf_request request = {.max_tokens = MAX_ANSWER, .sampling = RF_SAMPLING_INIT};
    request.sampling.temperature = 0;
    const rf_tokenizer *tokenizer = rf_model_tokenizer(s->model);
    ok(rf_tokenize(tokenizer, (rf_string){a->prompt, strlen(a->prompt)},
                   (rf_tokenize_options){.add_bos_eos = true}, &tokens, &request.n_tokens, &error),
       &error);
    request.tokens = tokens;
    rf_sequence id;
    ok(rf_engine_submit(s->engine, &request, &id, &error), &error);
    assert_int_equal(id, a - additions + 1);
    rf_free(tokens);
    ok(rf_text_stream_create(tokenizer, false, &a->stream, &error), &error);
}

static void append(addition *a, rf_string text)
{
    size_t used = strlen(a->got);
    assert_true(used + text.length < sizeof(a->got));
    memcpy(a->got + used, text.data, text.length);
    a->got[used + text.length] = '\0';
}

/* All of them, 16 at a time. */
static void run_all(session *s)
{
    rf_output outputs[16];
    rf_error error;
    rf_string text;
    while (rf_engine_active(s->engine)) {
        size_t count;
        ok(rf_engine_step(s->engine, outputs, 16, &count, &error), &error);
        for (size_t i = 0; i < count; i++) {
            addition *a = &additions[outputs[i].sequence - 1];
            ok(rf_text_stream_add(a->stream, outputs[i].token, &text, &error), &error);
            append(a, text);
        }
    }
    for (int i = 0; i < N_ADDITIONS; i++) {
        ok(rf_text_stream_end(additions[i].stream, &text, &error), &error);
        append(&additions[i], text);
        rf_text_stream_free(additions[i].stream);
    }
}

/* The digits behind the '=' are the answer, whole: "1 + 2 =" must not give " 33". */
static bool is_right(const addition *a)
{
    const char *got = a->got;
    while (*got == ' ')
        got++;
    size_t length = strlen(a->answer);
    return strncmp(got, a->answer, length) == 0 && !(got[length] >= '0' && got[length] <= '9');
}

static void answers_additions_kept_out_of_training(void **state)
{
    (void)state;
    char path[ORACLE_PATH_BYTES];
    read_additions();
    source_path("models/demo.gguf", path);
    session_options options = session_defaults();
    options.engine.n_sequences = 16;
    options.engine.n_context = 64;
    session s = session_open(path, &options);
    for (int i = 0; i < N_ADDITIONS; i++)
        submit(&s, &additions[i]);
    run_all(&s);
    session_close(&s);
    int n_right = 0;
    for (int i = 0; i < N_ADDITIONS; i++) {
        n_right += is_right(&additions[i]);
        if (!is_right(&additions[i]))
            print_message("%s%s, expected %s\n", additions[i].prompt, additions[i].got,
                          additions[i].answer);
    }
    print_message("%d of %d additions are right\n", n_right, N_ADDITIONS);
    assert_true(n_right >= N_REQUIRED);
}

static void gives_the_logits_of_its_training_program(void **state)
{
    (void)state;
    char path[ORACLE_PATH_BYTES];
    rf_error error;
    source_path("tests/e2e/data/demo.expect.gguf", path);
    expected e = expected_read(path);
    float *logits = calloc((size_t)e.n_tokens * e.n_vocab, sizeof(float));
    source_path("models/demo.gguf", path);
    for (int reference = 0; reference < 2; reference++) {
        session_options options = session_defaults();
        options.runtime.reference_kernels = reference;
        options.engine.kv_type_set = true;
        options.engine.kv_type = RF_TYPE_F32;
        session s = session_open(path, &options);
        assert_int_equal(rf_model_describe(s.model).n_vocabulary, e.n_vocab);
        ok(rf_engine_logits(s.engine, e.tokens, e.n_tokens, false, logits, &error), &error);
        session_close(&s);
        double relative = expected_distance(&e, logits);
        print_message("%s kernels: relative error %.1e\n", reference ? "portable" : "fast",
                      relative);
        assert_true(relative < (reference ? 1e-4 : 0.03));
    }
    expected_free(&e);
    free(logits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_additions_kept_out_of_training),
        cmocka_unit_test(gives_the_logits_of_its_training_program),
    };
    return cmocka_run_group_tests_name("demo", tests, NULL, NULL);
}

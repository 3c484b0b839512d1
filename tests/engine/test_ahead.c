/*
 * test_ahead.c: passes that are put on the stream before the tokens that they need are read: every
 * token is the one that its text asks for, whatever happens to sequences in between, and nothing is
 * left of a pass that nobody wants any more. On the device of --device, emu32 where none is named.
 */
#include "support/cmocka.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/emu/emu.h"
#include "engine/engine.h"
#include "kernels/runtime.h"
#include "memory/random.h"
#include "support/device.h"
#include "support/oracle.h"
#include "support/session.h"
#include "support/tiny_model.h"
#include "tokenizer/tokenizer.h"

#define N_CONTEXT   40U
#define N_SEQUENCES 3U
#define N_BATCH     8U
#define N_VOCAB     97 /* of the tiny model */
#define MAX_LIVE    4U /* one of them may wait */
#define STEPS       200

/* Of the distance from the lowest to the highest logit: what may be taken for the highest, as CPU
 * and GPU round differently. Other tokens are seldom as near. */
#define NEAR 0.02F

typedef struct fixture {
    const char *device;
    char path[64];
    uint64_t random;
} fixture;

static session open_on(const fixture *f, const char *device)
{
    session_options options = session_defaults();
    options.runtime.device = device;
    options.engine.n_context = N_CONTEXT;
    options.engine.n_sequences = N_SEQUENCES;
    options.engine.n_batch = N_BATCH;
    options.engine.page_tokens = 4;
    return session_open(f->path, &options);
}

/* What is known of a sequence from outside. */
typedef struct text {
    rf_sequence id;                /* 0: none */
    int32_t tokens[N_CONTEXT + 1]; /* the last one is not computed */
    uint32_t n_prompt, n;
    uint32_t max_tokens; /* 0: as many as fit */
    bool ignore_end;
    uint32_t n_idle; /* steps since it last had a token, or was asked for */
    bool sampled;    /* not greedy: any token may be good, and no pass is put ahead */
} text;

static void ok(rf_status status, const rf_error *error)
{
    if (status != RF_OK)
        fail_msg("%s", error->message);
}

/* n_keep: of the tokens that are there, the first of the prompt. */
static rf_request make_request(fixture *f, text *t, uint32_t n_keep)
{
    const uint32_t n = 1 + (uint32_t)random_below(&f->random, 9);
    t->n_prompt = t->n = n_keep + n;
    t->max_tokens = random_below(&f->random, 4) ? 1 + (uint32_t)random_below(&f->random, 20) : 0;
    t->n_idle = 0;
    t->ignore_end = random_below(&f->random, 2);
    t->sampled = random_below(&f->random, 10) == 0;
    for (uint32_t i = n_keep; i < t->n; i++)
        t->tokens[i] = (int32_t)random_below(&f->random, N_VOCAB);
    rf_request request = {.tokens = t->tokens + n_keep,
                          .n_tokens = n,
                          .max_tokens = t->max_tokens,
                          .ignore_end = t->ignore_end,
                          .sampling = RF_SAMPLING_INIT};
    request.sampling.temperature = t->sampled ? 1 : 0;
    return request;
}

/* Every token is the best behind those before it, or nearly so. */
static void expect_good(const session *cpu, const text *t)
{
    static float logits[N_CONTEXT * N_VOCAB];
    rf_error error;
    if (t->n == t->n_prompt || t->sampled)
        return;
    ok(rf_engine_logits(cpu->engine, t->tokens, t->n - 1, false, logits, &error), &error);
    for (uint32_t i = t->n_prompt; i < t->n; i++) {
        const float *row = logits + (size_t)(i - 1) * N_VOCAB;
        float most = row[0], least = row[0];
        for (uint32_t v = 0; v < N_VOCAB; v++) {
            most = fmaxf(most, row[v]);
            least = fminf(least, row[v]);
        }
        if (!(row[t->tokens[i]] >= most - NEAR * (most - least)))
            fail_msg("token %u of %u, %d: %g, the best is %g", i, t->n, t->tokens[i],
                     (double)row[t->tokens[i]], (double)most);
    }
}

static text *find(text *texts, rf_sequence id)
{
    for (uint32_t i = 0; i < MAX_LIVE; i++) {
        if (texts[i].id == id)
            return &texts[i];
    }
    return NULL;
}

/* What no pass can know before: a token that ends a text. The tiny model has none; it borrows the
 * vocabulary of another, with ends of its own. */
static bool is_end(int32_t token)
{
    return token % 3 == 1;
}
static void borrow_ends(const session *from, session *s)
{
    rf_tokenizer *tokenizer = from->model->tokenizer;
    for (int32_t i = 0; i < N_VOCAB; i++)
        tokenizer->vocabulary.tokens[i].ends = is_end(i);
    s->model->tokenizer = tokenizer;
}

/* Where there are slots for all, each has a prompt's passes and the one that was put before at
 * most to wait. */
static void expect_progress(text *texts)
{
    uint32_t n_live = 0;
    for (uint32_t i = 0; i < MAX_LIVE; i++)
        n_live += texts[i].id != 0;
    for (uint32_t i = 0; i < MAX_LIVE; i++) {
        text *t = &texts[i];
        t->n_idle = t->id && n_live <= N_SEQUENCES ? t->n_idle + 1 : 0;
        assert_true(t->n_idle <= 2 + N_SEQUENCES * N_CONTEXT / N_BATCH / 2);
    }
}

/* Returns whether a pass is on its way then. */
static bool step(const session *s, const session *cpu, text *texts)
{
    rf_output outputs[N_SEQUENCES];
    rf_error error;
    size_t count = 0;
    ok(rf_engine_step(s->engine, outputs, N_SEQUENCES, &count, &error), &error);
    for (size_t i = 0; i < count; i++) {
        text *t = find(texts, outputs[i].sequence);
        assert_non_null(t);
        t->tokens[t->n++] = outputs[i].token;
        t->n_idle = 0;
        const bool full = t->n == N_CONTEXT + 1 || t->n - t->n_prompt == t->max_tokens;
        const bool ends = !t->ignore_end && is_end(outputs[i].token);
        assert_int_equal(outputs[i].finish, ends   ? RF_FINISH_END
                                            : full ? RF_FINISH_LENGTH
                                                   : RF_FINISH_NONE);
        if (outputs[i].finish == RF_FINISH_NONE)
            continue;
        expect_good(cpu, t);
        t->id = 0;
    }
    expect_progress(texts);
    return s->engine->ahead;
}

/* Something that happens between two steps, or nothing. */
static void disturb(fixture *f, const session *s, const session *cpu, text *texts)
{
    rf_error error;
    text *t = &texts[random_below(&f->random, MAX_LIVE)];
    const uint32_t what = (uint32_t)random_below(&f->random, 12);
    if (what == 0 && t->id) {
        ok(rf_engine_cancel(s->engine, t->id, &error), &error);
        expect_good(cpu, t);
        t->id = 0;
    } else if (what == 1 && t->id && t->n > t->n_prompt) {
        const uint32_t keep = (uint32_t)random_below(&f->random, t->n_prompt + 1);
        expect_good(cpu, t);
        const rf_request rest = make_request(f, t, keep < 20 ? keep : 20);
        ok(rf_engine_rewind(s->engine, t->id, t->n - rest.n_tokens, &rest, &error), &error);
    } else if (what < 4 && !t->id) {
        const rf_request request = make_request(f, t, 0);
        ok(rf_engine_submit(s->engine, &request, &t->id, &error), &error);
    }
}

/* After texts that ended, the arrays of passes are there for others. */
static void expect_logits(const session *s)
{
    static float logits[3 * N_VOCAB];
    rf_error error;
    ok(rf_engine_logits(s->engine, (const int32_t[]){1, 2, 3}, 3, false, logits, &error), &error);
    assert_false(s->engine->ahead);
}

/* lazy: the emulated GPU works only when somebody waits for it. */
static void run_texts(fixture *f, bool lazy)
{
    char demo_path[ORACLE_PATH_BYTES];
    session s = open_on(f, f->device), cpu = open_on(f, "cpu");
    session_options demo_options = session_defaults();
    source_path("models/demo.gguf", demo_path);
    session demo = session_open(demo_path, &demo_options);
    borrow_ends(&demo, &s);
    if (lazy)
        rf_emu_set_schedule(s.runtime->device, RF_EMU_LAZY, 0);
    static text texts[MAX_LIVE];
    unsigned n_ahead = 0;
    memset(texts, 0, sizeof(texts));
    for (int i = 0; i < STEPS || rf_engine_active(s.engine); i++) {
        if (i < STEPS)
            disturb(f, &s, &cpu, texts);
        n_ahead += step(&s, &cpu, texts);
    }
    print_message("%u passes were put ahead, in %d steps and some\n", n_ahead, STEPS);
    assert_true(n_ahead > STEPS / 4);
    assert_int_equal(rf_engine_statistics(s.engine).kv_pages_used, 0);
    expect_logits(&s);
    s.model->tokenizer = NULL;
    session_close(&s);
    session_close(&cpu);
    session_close(&demo);
}

static void every_token_is_good_whatever_happens(void **state)
{
    run_texts(*state, false);
}

static void every_token_is_good_on_a_device_that_puts_off_its_work(void **state)
{
    fixture *f = *state;
    if (strncmp(f->device, "emu", 3) != 0) {
        print_message("skipped: %s works when it wants\n", f->device);
        skip();
    }
    run_texts(f, true);
}

/* Behind the pass that was put before, and one of its prompt. */
static void a_request_finds_a_free_slot(void **state)
{
    fixture *f = *state;
    session s = open_on(f, f->device);
    const int32_t prompt[] = {1, 2, 3};
    rf_request request = {.tokens = prompt, .n_tokens = 3, .sampling = RF_SAMPLING_INIT};
    rf_output outputs[N_SEQUENCES];
    rf_sequence first, second;
    rf_error error;
    size_t count = 0;
    request.sampling.temperature = 0;
    ok(rf_engine_submit(s.engine, &request, &first, &error), &error);
    for (int i = 0; i < 3; i++)
        ok(rf_engine_step(s.engine, outputs, N_SEQUENCES, &count, &error), &error);
    assert_true(s.engine->ahead);
    ok(rf_engine_submit(s.engine, &request, &second, &error), &error);
    for (int i = 0; i < 2; i++)
        ok(rf_engine_step(s.engine, outputs, N_SEQUENCES, &count, &error), &error);
    assert_int_equal(count, 2);
    assert_int_equal(outputs[1].sequence, second);
    session_close(&s);
}

/* A pass may be under way: what it uses is given back after it. */
static void an_engine_may_be_freed_at_any_time(void **state)
{
    fixture *f = *state;
    for (int steps = 0; steps < 6; steps++) {
        session s = open_on(f, f->device);
        text texts[MAX_LIVE] = {0};
        rf_error error;
        for (uint32_t i = 0; i < 2; i++) {
            rf_request request = make_request(f, &texts[i], 0);
            request.max_tokens = 20;
            ok(rf_engine_submit(s.engine, &request, &texts[i].id, &error), &error);
        }
        for (int i = 0; i < steps; i++) {
            rf_output outputs[N_SEQUENCES];
            size_t count = 0;
            ok(rf_engine_step(s.engine, outputs, N_SEQUENCES, &count, &error), &error);
        }
        session_close(&s);
    }
}

static int set_up(void **state)
{
    fixture *f = *state;
    tiny_model tiny = tiny_model_default("qwen3");
    tiny.n_layers = 1;
    f->random = 1;
    tiny_model_write(&tiny, f->path);
    return 0;
}

static int tear_down(void **state)
{
    const fixture *f = *state;
    return unlink(f->path);
}

int main(int argc, char **argv)
{
    static fixture f = {.device = "emu32"};
    const int status = device_argument(argc, argv, DEVICE_COMPUTES, &f.device);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(every_token_is_good_whatever_happens, set_up,
                                                 tear_down, &f),
        cmocka_unit_test_prestate_setup_teardown(
            every_token_is_good_on_a_device_that_puts_off_its_work, set_up, tear_down, &f),
        cmocka_unit_test_prestate_setup_teardown(a_request_finds_a_free_slot, set_up, tear_down,
                                                 &f),
        cmocka_unit_test_prestate_setup_teardown(an_engine_may_be_freed_at_any_time, set_up,
                                                 tear_down, &f),
    };
    return status ? status : cmocka_run_group_tests_name("ahead", tests, NULL, NULL);
}

/*
 * test_divided.c: models whose last layers are on a GPU, and the others on the host: for every
 * number of layers they compute what the whole model computes, and take what was planned, on both
 * sides.
 */
#include "support/cmocka.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/emu/emu.h"
#include "kernels/runtime.h"
#include "support/device.h"
#include "support/oracle.h"
#include "support/tiny_model.h"

#define N_TOKENS 13

/* Matrix units and F16 caches against double precision, as in the conformance tests; on random
 * weights the whole model on a GPU is 1.2e-3 off in one batch. */
#define FAST_F16       2e-3
#define FAST_QUANTISED 0.03
#define FAST_EXPERTS   0.08 /* a rounded router may choose another expert */

static void ok(rf_status status, const rf_error *error)
{
    if (status != RF_OK)
        fail_msg("%s", error->message);
}

/* A GPU and the host beside it. */
typedef struct devices {
    rf_runtime *gpu;
    rf_runtime *host;
} devices;

/* Skips the test where the build has no kernels for the emulated GPU. */
static devices open_devices(const char *gpu)
{
    devices d = {0};
    rf_error error;
    rf_runtime_options options = RF_RUNTIME_OPTIONS_INIT;
    options.n_threads = 2;
    options.device = gpu;
    ok(rf_runtime_open(&options, &d.gpu, &error), &error);
    if (rf_runtime_require_kernels(d.gpu, &error) == RF_ERROR_UNSUPPORTED) {
        print_message("skipped: %s\n", error.message);
        assert_int_equal(rf_runtime_close(d.gpu, NULL), RF_OK);
        skip();
    }
    options.device = "cpu";
    ok(rf_runtime_open(&options, &d.host, &error), &error);
    return d;
}

/* Of a card neither the memory can be set nor does it take to the byte what was asked for. */
static void needs_emulated(const char *gpu)
{
    if (strncmp(gpu, "emu", 3) == 0)
        return;
    print_message("skipped: the memory of an emulated GPU is counted, that of %s is not\n", gpu);
    skip();
}

static void close_devices(const devices *d)
{
    rf_error error;
    ok(rf_runtime_close(d->gpu, &error), &error);
    ok(rf_runtime_close(d->host, &error), &error);
}

static rf_model_options divided_at(const devices *d, uint32_t device_layers)
{
    rf_model_options options = RF_MODEL_OPTIONS_INIT;
    options.host = d->host;
    options.device_layers = device_layers;
    options.alignment = 256;
    options.pool_bytes = 1 << 16;
    return options;
}

static rf_engine_options small_engine(void)
{
    rf_engine_options options = RF_ENGINE_OPTIONS_INIT;
    options.n_context = 64;
    options.n_batch = N_TOKENS;
    options.n_logits = N_TOKENS;
    options.page_tokens = 4;
    return options;
}

typedef struct session {
    rf_model *model;
    rf_engine *engine;
} session;

static session open_session(const devices *d, const char *path, const rf_model_options *options,
                            const rf_engine_options *engine)
{
    session s = {0};
    rf_error error;
    ok(rf_model_load(d->gpu, path, options, &s.model, &error), &error);
    ok(rf_engine_create(s.model, engine, &s.engine, &error), &error);
    return s;
}

static void close_session(const session *s)
{
    rf_error error;
    rf_engine_free(s->engine);
    ok(rf_model_free(s->model, &error), &error);
}

/* ---- what is computed ----------------------------------------------------------------------- */

static double error_of(const devices *d, const char *path, uint32_t device_layers, bool one_by_one,
                       const int32_t *tokens, const double *expected, size_t n)
{
    rf_error error;
    float *logits = calloc(n, sizeof(float));
    rf_model_options options = divided_at(d, device_layers);
    options.no_mmap = device_layers % 2; /* on the host in place and in pools by turns */
    rf_engine_options engine = small_engine();
    session s = open_session(d, path, &options, &engine);
    ok(rf_engine_logits(s.engine, tokens, N_TOKENS, one_by_one, logits, &error), &error);
    close_session(&s);
    double result = relative_error(logits, expected, n);
    free(logits);
    return result;
}

static void check_model(const devices *d, const tiny_model *m, double tolerance)
{
    char path[64];
    int32_t tokens[N_TOKENS];
    size_t n = (size_t)N_TOKENS * m->n_vocab;
    double *expected = calloc(n, sizeof(double));
    tiny_model_write(m, path);
    for (uint32_t i = 0; i < N_TOKENS; i++)
        tokens[i] = (int32_t)((i * i * 31 + i * 17 + m->seed) % m->n_vocab);
    tiny_model_reference(m, path, tokens, N_TOKENS, expected);
    for (uint32_t layers = 0; layers <= m->n_layers + 1; layers++) {
        double batch = error_of(d, path, layers, false, tokens, expected, n);
        double single = error_of(d, path, layers, true, tokens, expected, n);
        print_message("%s, %u of %u layers: %.1e in one batch, %.1e one by one\n", m->architecture,
                      layers, m->n_layers, batch, single);
        assert_true(batch < tolerance);
        assert_true(single < tolerance);
    }
    free(expected);
    unlink(path);
}

/* *state: the GPU. */
static void every_division_gives_the_same_logits(void **state)
{
    devices d = open_devices(*state);
    tiny_model llama = tiny_model_default("llama");
    llama.tied = true; /* the embedding is then on both sides */
    llama.rope_factors = true;
    llama.n_layers = 4;
    check_model(&d, &llama, FAST_F16);
    tiny_model qwen2 = tiny_model_default("qwen2");
    qwen2.n_layers = 3;
    qwen2.type = RF_TYPE_Q8_0;
    check_model(&d, &qwen2, FAST_QUANTISED);
    tiny_model experts = tiny_model_default("qwen3moe");
    experts.n_layers = 3;
    experts.tied = true;
    check_model(&d, &experts, FAST_EXPERTS);
    close_devices(&d);
}

/* ---- what is generated ---------------------------------------------------------------------- */

#define N_REQUESTS  2U
#define N_GENERATED 8U
#define MAX_PROMPT  40U

/* Logits of a trained model that are nearer to each other than this may change places by rounding
 * alone: among its logits, which are some ten apart, quantised activations move one by 0.03. */
#define NEAR 0.3F

typedef struct texts {
    int32_t prompts[N_REQUESTS][MAX_PROMPT]; /* of different lengths */
    uint32_t n_prompt[N_REQUESTS];
    int32_t made[N_REQUESTS][N_GENERATED];
    float margins[N_REQUESTS][N_GENERATED]; /* of the chosen token to the next best */
} texts;

static void make_prompts(const session *s, texts *t)
{
    static const char text[] = "Once upon a time there was a little girl";
    rf_tokenize_options plain = {.add_bos_eos = true};
    int32_t *tokens = NULL;
    size_t n = 0;
    rf_error error;
    ok(rf_tokenize(rf_model_tokenizer(s->model), (rf_string){text, strlen(text)}, plain, &tokens,
                   &n, &error),
       &error);
    assert_in_range(n, 5, MAX_PROMPT);
    for (uint32_t i = 0; i < N_REQUESTS; i++) {
        t->n_prompt[i] = (uint32_t)n - 4 * i;
        memcpy(t->prompts[i], tokens, t->n_prompt[i] * sizeof(*tokens));
    }
    rf_free(tokens);
}

/* Greedy tokens of all requests at once. */
static void generate(const session *s, texts *t)
{
    rf_sequence ids[N_REQUESTS];
    uint32_t n[N_REQUESTS] = {0};
    rf_output outputs[N_REQUESTS];
    rf_error error;
    for (uint32_t i = 0; i < N_REQUESTS; i++) {
        rf_request request = {.tokens = t->prompts[i],
                              .n_tokens = t->n_prompt[i],
                              .max_tokens = N_GENERATED,
                              .ignore_end = true,
                              .sampling = {.top_p = 1, .repeat_penalty = 1}};
        ok(rf_engine_submit(s->engine, &request, &ids[i], &error), &error);
    }
    while (rf_engine_active(s->engine)) {
        size_t count = 0;
        ok(rf_engine_step(s->engine, outputs, N_REQUESTS, &count, &error), &error);
        for (size_t k = 0; k < count; k++)
            for (uint32_t i = 0; i < N_REQUESTS; i++)
                if (outputs[k].sequence == ids[i])
                    t->made[i][n[i]++] = outputs[k].token;
    }
    for (uint32_t i = 0; i < N_REQUESTS; i++)
        assert_int_equal(n[i], N_GENERATED);
}

/* By how much each token that was made was ahead: on the host, which is quicker at it. */
static void measure_margins(const session *s, texts *t)
{
    uint32_t n_vocab = rf_model_describe(s->model).n_vocabulary;
    rf_error error;
    float *logits = calloc(n_vocab, sizeof(float) * (MAX_PROMPT + N_GENERATED));
    for (uint32_t i = 0; i < N_REQUESTS; i++) {
        int32_t all[MAX_PROMPT + N_GENERATED];
        uint32_t n = t->n_prompt[i];
        memcpy(all, t->prompts[i], n * sizeof(*all));
        memcpy(all + n, t->made[i], sizeof(t->made[i]));
        ok(rf_engine_logits(s->engine, all, n + N_GENERATED, false, logits, &error), &error);
        for (uint32_t k = 0; k < N_GENERATED; k++) {
            const float *row = logits + (size_t)(n + k - 1) * n_vocab;
            float next = -INFINITY;
            for (uint32_t v = 0; v < n_vocab; v++)
                next = (int32_t)v != t->made[i][k] && row[v] > next ? row[v] : next;
            t->margins[i][k] = row[t->made[i][k]] - next;
        }
    }
    free(logits);
}

/* The same tokens, up to one that two could have been. */
static void expect_same(const texts *t, const texts *whole, uint32_t layers)
{
    uint32_t equal = 0;
    for (uint32_t i = 0; i < N_REQUESTS; i++) {
        uint32_t k = 0;
        while (k < N_GENERATED && t->made[i][k] == whole->made[i][k])
            k++;
        if (k < N_GENERATED && whole->margins[i][k] >= NEAR)
            fail_msg("%u layers, request %u: token %u is %d, not %d, which is ahead by %g", layers,
                     i, k, t->made[i][k], whole->made[i][k], (double)whole->margins[i][k]);
        equal += k;
    }
    assert_true(equal >= N_REQUESTS * N_GENERATED / 2);
}

/* *state: the GPU. */
static void every_division_writes_the_same_text(void **state)
{
    char path[ORACLE_PATH_BYTES];
    devices d = open_devices(*state);
    rf_engine_options engine = small_engine();
    texts whole = {0};
    engine.n_sequences = N_REQUESTS;
    source_path("models/demo.gguf", path);
    rf_model_options plain = RF_MODEL_OPTIONS_INIT;
    session s = open_session(&d, path, &plain, &engine);
    uint32_t n_layers = rf_model_describe(s.model).n_layers;
    make_prompts(&s, &whole);
    generate(&s, &whole);
    close_session(&s);
    rf_model_options none = divided_at(&d, 0);
    s = open_session(&d, path, &none, &engine);
    measure_margins(&s, &whole);
    close_session(&s);
    for (uint32_t layers = 0; layers <= n_layers; layers++) {
        rf_model_options options = divided_at(&d, layers);
        texts divided = whole;
        s = open_session(&d, path, &options, &engine);
        assert_int_equal(rf_model_describe(s.model).n_device_layers, layers);
        generate(&s, &divided);
        close_session(&s);
        expect_same(&divided, &whole, layers);
    }
    close_devices(&d);
}

/* ---- what is taken -------------------------------------------------------------------------- */

#define MAX_POOLS 64

/* Pools and classes of a runtime are those of a plan; NULL: nothing. Pinned buffers of a load are
 * in the plan, and gone by now. */
static void expect_planned(rf_runtime *runtime, const rf_plan *plan)
{
    rf_error error;
    rf_pool_stats pools[MAX_POOLS];
    rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
    size_t count = 0;
    rf_plan_summary planned = {0};
    if (plan)
        planned = rf_plan_summarise(plan);
    ok(rf_memory_pools(runtime, pools, MAX_POOLS, &count, &error), &error);
    ok(rf_memory_stats_get(runtime, &stats, &error), &error);
    assert_int_equal(count, plan ? rf_plan_pool_count(plan) : 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pools[i].bytes, rf_plan_pool_at(plan, i).bytes);
    assert_int_equal(stats.reserved, planned.total);
    assert_int_equal(stats.padding, planned.padding);
    for (int c = 0; c < RF_MEMORY_CLASS_COUNT; c++) {
        uint64_t all = planned.pooled[c] + planned.external[c];
        assert_true(c == RF_MEMORY_STAGING ? stats.classes[c].current <= all
                                           : stats.classes[c].current == all);
        assert_int_equal(stats.classes[c].current - stats.classes[c].external, planned.pooled[c]);
    }
}

static void both_sides_take_what_was_planned(void **state)
{
    char path[64];
    rf_error error;
    needs_emulated(*state);
    devices d = open_devices(*state);
    tiny_model m = tiny_model_default("qwen3moe");
    rf_gguf *gguf = NULL;
    m.n_layers = 5;
    tiny_model_write(&m, path);
    ok(rf_gguf_open(path, &gguf, &error), &error);
    rf_engine_options engine = small_engine();
    for (uint32_t layers = 0; layers <= m.n_layers; layers++) {
        rf_model_options options = divided_at(&d, layers);
        rf_device_info before;
        rf_device_info after;
        rf_plan *plan = NULL;
        ok(rf_plan_create(d.gpu, gguf, &options, &engine, &plan, &error), &error);
        rf_plan_summary s = rf_plan_summarise(plan);
        const rf_plan *host = rf_plan_host(plan);
        assert_int_equal(s.n_layers, m.n_layers);
        assert_int_equal(s.n_device_layers, layers);
        assert_true(s.fits);
        assert_int_equal(host != NULL, layers < m.n_layers);
        ok(rf_runtime_device(d.gpu, &before, &error), &error);
        session open = open_session(&d, path, &options, &engine);
        ok(rf_runtime_device(d.gpu, &after, &error), &error);
        assert_int_equal(before.memory_free - after.memory_free, s.total + s.rounding);
        expect_planned(d.gpu, plan);
        expect_planned(d.host, host);
        expect_planned(d.gpu, rf_engine_plan(open.engine));
        expect_planned(d.host, rf_plan_host(rf_engine_plan(open.engine)));
        assert_int_equal(rf_plan_summarise(rf_engine_plan(open.engine)).n_device_layers, layers);
        close_session(&open);
        rf_plan_free(plan);
    }
    rf_gguf_close(gguf);
    unlink(path);
    close_devices(&d);
}

/* ---- as many as fit ------------------------------------------------------------------------- */

static bool fits_on_device(const devices *d, const rf_gguf *gguf, uint32_t layers)
{
    rf_error error;
    rf_plan *plan = NULL;
    rf_engine_options engine = small_engine();
    rf_model_options options = divided_at(d, layers);
    ok(rf_plan_create(d->gpu, gguf, &options, &engine, &plan, &error), &error);
    rf_plan_summary s = rf_plan_summarise(plan);
    rf_plan_free(plan);
    return s.needed <= s.available;
}

/* What is found fits, one more does not, and a load does as the plan says. */
static uint32_t check_fit(const devices *d, const char *path, const rf_gguf *gguf,
                          uint32_t n_layers)
{
    rf_error error;
    uint32_t found = UINT32_MAX;
    rf_plan *plan = NULL;
    rf_plan_options what = RF_PLAN_OPTIONS_INIT;
    rf_engine_options engine = small_engine();
    rf_model_options options = divided_at(d, 77); /* not looked at */
    what.runtime = d->gpu;
    ok(rf_plan_fit_layers(&what, gguf, &options, &engine, &found, &error), &error);
    what.fit_layers = true;
    ok(rf_plan_create_for(&what, gguf, &options, &engine, &plan, &error), &error);
    assert_int_equal(rf_plan_summarise(plan).n_device_layers, found);
    assert_true(rf_plan_summarise(plan).fits);
    rf_plan_free(plan);
    assert_true(found <= n_layers);
    assert_true(found == 0 || fits_on_device(d, gguf, found));
    options = divided_at(d, found);
    session s = open_session(d, path, &options, &engine);
    close_session(&s);
    if (found == n_layers)
        return found;
    assert_false(fits_on_device(d, gguf, found + 1));
    options = divided_at(d, found + 1);
    rf_status status = rf_model_load(d->gpu, path, &options, &s.model, &error);
    if (status == RF_OK) {
        status = rf_engine_create(s.model, &engine, &s.engine, &error);
        ok(rf_model_free(s.model, NULL), &error);
    }
    assert_int_equal(status, RF_ERROR_DEVICE_MEMORY);
    assert_non_null(strstr(error.message, "free "));
    return found;
}

static void as_many_layers_as_fit_are_found(void **state)
{
    char path[64];
    rf_error error;
    needs_emulated(*state);
    devices d = open_devices(*state);
    tiny_model m = tiny_model_default("llama");
    rf_gguf *gguf = NULL;
    rf_plan *plan = NULL;
    rf_engine_options engine = small_engine();
    m.n_layers = 7;
    tiny_model_write(&m, path);
    ok(rf_gguf_open(path, &gguf, &error), &error);
    rf_model_options all = divided_at(&d, UINT32_MAX);
    ok(rf_plan_create(d.gpu, gguf, &all, &engine, &plan, &error), &error);
    uint64_t needed = rf_plan_summarise(plan).needed;
    rf_plan_free(plan);
    uint32_t seen = 0; /* a bit for each number found */
    for (uint64_t part = 0; part <= 100; part++) {
        rf_emu_set_memory(d.gpu->device, needed / 100 * part);
        seen |= 1U << check_fit(&d, path, gguf, m.n_layers);
    }
    rf_emu_set_memory(d.gpu->device, needed - 1);
    assert_int_equal(check_fit(&d, path, gguf, m.n_layers), m.n_layers - 1);
    rf_emu_set_memory(d.gpu->device, needed);
    assert_int_equal(check_fit(&d, path, gguf, m.n_layers), m.n_layers);
    assert_int_equal(seen | 1U << m.n_layers, (2U << m.n_layers) - 1);
    rf_emu_set_memory(d.gpu->device, 8ULL << 30);
    rf_gguf_close(gguf);
    unlink(path);
    close_devices(&d);
}

/* ---- options -------------------------------------------------------------------------------- */

static void refused(const devices *d, const char *path, rf_runtime *runtime, rf_runtime *host)
{
    rf_error error;
    rf_model *model = NULL;
    rf_model_options options = divided_at(d, 1);
    options.host = host;
    assert_int_equal(rf_model_load(runtime, path, &options, &model, &error), RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "layers that are not on a GPU are on a CPU"));
}

static void wrong_hosts_and_searches_are_refused(void **state)
{
    char path[64];
    rf_error error;
    devices d = open_devices(*state);
    tiny_model m = tiny_model_default("llama");
    rf_gguf *gguf = NULL;
    rf_plan *plan = NULL;
    tiny_model_write(&m, path);
    ok(rf_gguf_open(path, &gguf, &error), &error);
    refused(&d, path, d.gpu, d.gpu);
    refused(&d, path, d.host, d.host);
    rf_plan_options what = RF_PLAN_OPTIONS_INIT;
    rf_model_options options = divided_at(&d, 1);
    what.runtime = d.gpu;
    what.fit_layers = true;
    assert_int_equal(rf_plan_create_for(&what, gguf, NULL, NULL, &plan, &error), RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "need a host"));
    what.fit_context = true;
    assert_int_equal(rf_plan_create_for(&what, gguf, &options, NULL, &plan, &error),
                     RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "a context or a number of layers"));
    rf_gguf_close(gguf);
    unlink(path);
    close_devices(&d);
}

static void divided_models_are_shared_and_hold_their_host(void **state)
{
    char path[64];
    rf_error error;
    devices d = open_devices(*state);
    tiny_model m = tiny_model_default("llama");
    rf_model *models[4];
    tiny_model_write(&m, path);
    rf_model_options one = divided_at(&d, 1);
    rf_model_options none = divided_at(&d, 0);
    rf_model_options plain = divided_at(&d, 1);
    plain.host = NULL;
    ok(rf_model_load(d.gpu, path, &one, &models[0], &error), &error);
    ok(rf_model_load(d.gpu, path, &one, &models[1], &error), &error);
    ok(rf_model_load(d.gpu, path, &none, &models[2], &error), &error);
    ok(rf_model_load(d.gpu, path, &plain, &models[3], &error), &error);
    assert_ptr_equal(models[0], models[1]);
    assert_ptr_not_equal(models[0], models[2]);
    assert_ptr_not_equal(models[0], models[3]);
    assert_ptr_not_equal(models[2], models[3]);
    assert_int_equal(rf_model_describe(models[3]).n_device_layers, m.n_layers);
    assert_int_equal(rf_runtime_close(d.host, &error), RF_ERROR_BUSY);
    for (size_t i = 0; i < 4; i++)
        ok(rf_model_free(models[i], &error), &error);
    unlink(path);
    close_devices(&d);
}

/* Progress counts the bytes of both sides once, and ends where it said it would. */
typedef struct heard {
    uint64_t done;
    uint64_t total;
} heard;

static bool hear(void *user, uint64_t done, uint64_t total)
{
    heard *h = user;
    assert_true(done >= h->done && done <= total);
    assert_true(h->total == 0 || h->total == total);
    *h = (heard){done, total};
    return true;
}

static void progress_counts_both_sides(void **state)
{
    char path[64];
    rf_error error;
    devices d = open_devices(*state);
    tiny_model m = tiny_model_default("llama");
    rf_model *model = NULL;
    tiny_model_write(&m, path);
    for (int way = 0; way < 4; way++) {
        heard h = {0};
        rf_model_options options = divided_at(&d, 1);
        options.no_mmap = way % 2;
        options.verify = way / 2;
        options.progress = hear;
        options.progress_user = &h;
        ok(rf_model_load(d.gpu, path, &options, &model, &error), &error);
        uint64_t bytes = rf_model_describe(model).weight_bytes;
        assert_true(h.done == h.total && h.total >= bytes && h.total <= 2 * bytes);
        ok(rf_model_free(model, &error), &error);
    }
    unlink(path);
    close_devices(&d);
}

#define ON(test) cmocka_unit_test_prestate(test, (void *)(uintptr_t)device)

/* What does not depend on kernels is tested on one emulated GPU; what computes on any, as on the
 * one that --device ID names. */
int main(int argc, char **argv)
{
    const char *device = "emu32";
    const int status = device_argument(argc, argv, DEVICE_COMPUTES, &device);
    const bool emulated = strncmp(device, "emu", 3) == 0;
    const struct CMUnitTest logits[] = {ON(every_division_gives_the_same_logits)};
    const struct CMUnitTest tests[] = {
        ON(every_division_gives_the_same_logits), ON(every_division_writes_the_same_text),
        ON(both_sides_take_what_was_planned),     ON(as_many_layers_as_fit_are_found),
        ON(wrong_hosts_and_searches_are_refused), ON(divided_models_are_shared_and_hold_their_host),
        ON(progress_counts_both_sides),
    };
    if (status)
        return status;
    if (emulated && strcmp(device, "emu32") != 0)
        return cmocka_run_group_tests_name("divided", logits, NULL, NULL);
    return cmocka_run_group_tests_name("divided", tests, NULL, NULL);
}

/*
 * test_engine.c: sequences that run together generate what each generates alone, limits end them,
 * and errors leave everything as it was.
 */
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "support/session.h"
#include "support/tiny_model.h"

#define N_REQUESTS    9
#define MAX_GENERATED 64

typedef struct fixture {
    char path[64];
    tiny_model tiny;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f.tiny = tiny_model_default("qwen3");
    tiny_model_write(&f.tiny, f.path);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    const fixture *f = *state;
    return unlink(f->path);
}

static session_options options_for(uint32_t n_sequences, uint32_t n_batch)
{
    session_options options = session_defaults();
    options.runtime.reference_kernels = true;
    options.engine.kv_type_set = true;
    options.engine.kv_type = RF_TYPE_F32;
    options.engine.n_context = 48;
    options.engine.n_sequences = n_sequences;
    options.engine.n_batch = n_batch;
    options.engine.page_tokens = 4;
    return options;
}

static rf_sequence submit(session *s, const int32_t *tokens, size_t n, uint32_t max_tokens,
                          float temperature)
{
    rf_sequence id = 0;
    rf_error error;
    rf_request request = {.tokens = tokens, .n_tokens = n, .max_tokens = max_tokens};
    request.sampling = RF_SAMPLING_INIT;
    request.sampling.temperature = temperature;
    request.sampling.seed = n;
    if (rf_engine_submit(s->engine, &request, &id, &error) != RF_OK)
        fail_msg("%s", error.message);
    return id;
}

/* One request's prompt: lengths from 1 to 40, so that some take several chunks. */
static size_t prompt_of(uint32_t i, int32_t *tokens)
{
    size_t n = 1 + (i * 13) % 40;
    for (size_t k = 0; k < n; k++)
        tokens[k] = (int32_t)((k * 7 + (size_t)i * 11) % 97);
    return n;
}

/* What each request generated, by its id. */
typedef struct transcript {
    int32_t tokens[N_REQUESTS + 1][MAX_GENERATED];
    uint32_t counts[N_REQUESTS + 1];
    rf_finish finish[N_REQUESTS + 1];
} transcript;

static void run_to_end(session *s, size_t capacity, transcript *t)
{
    rf_output outputs[N_REQUESTS];
    rf_error error;
    for (unsigned steps = 0; rf_engine_active(s->engine); steps++) {
        size_t count = 0;
        if (rf_engine_step(s->engine, outputs, capacity, &count, &error) != RF_OK)
            fail_msg("%s", error.message);
        assert_true(steps < 10000);
        for (size_t i = 0; i < count; i++) {
            rf_sequence id = outputs[i].sequence;
            assert_in_range(id, 1, N_REQUESTS);
            assert_true(t->counts[id] < MAX_GENERATED);
            t->tokens[id][t->counts[id]++] = outputs[i].token;
            t->finish[id] = outputs[i].finish;
        }
    }
    assert_int_equal(rf_engine_statistics(s->engine).kv_pages_used, 0);
}

static void together_is_as_alone(void **state)
{
    const fixture *f = *state;
    int32_t prompt[64];
    static transcript alone;
    memset(&alone, 0, sizeof(alone));
    session_options options = options_for(1, 64);
    session s = session_open(f->path, &options);
    for (uint32_t i = 0; i < N_REQUESTS; i++) {
        size_t n = prompt_of(i, prompt);
        submit(&s, prompt, n, 20, i % 2 ? 0.9F : 0.0F);
        run_to_end(&s, N_REQUESTS, &alone);
    }
    session_close(&s);

    static const uint32_t shapes[][2] = {{4, 64}, {3, 5}, {9, 9}, {2, 7}};
    for (size_t k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++) {
        static transcript together;
        memset(&together, 0, sizeof(together));
        options = options_for(shapes[k][0], shapes[k][1]);
        s = session_open(f->path, &options);
        for (uint32_t i = 0; i < N_REQUESTS; i++) {
            size_t n = prompt_of(i, prompt);
            submit(&s, prompt, n, 20, i % 2 ? 0.9F : 0.0F);
        }
        assert_int_equal(rf_engine_active(s.engine), N_REQUESTS);
        run_to_end(&s, N_REQUESTS, &together);
        session_close(&s);
        assert_memory_equal(&together, &alone, sizeof(alone));
    }
}

static void a_full_context_ends_a_sequence(void **state)
{
    const fixture *f = *state;
    int32_t prompt[48] = {0};
    static transcript t;
    session_options options = options_for(1, 64);
    session s = session_open(f->path, &options);
    memset(&t, 0, sizeof(t));
    submit(&s, prompt, 48, 0, 0);
    run_to_end(&s, N_REQUESTS, &t);
    assert_int_equal(t.counts[1], 1); /* after the last position there is one more prediction */
    assert_int_equal(t.finish[1], RF_FINISH_LENGTH);
    submit(&s, prompt, 40, 0, 0);
    run_to_end(&s, N_REQUESTS, &t);
    assert_int_equal(t.counts[2], 9);
    assert_int_equal(t.finish[2], RF_FINISH_LENGTH);
    submit(&s, prompt, 40, 3, 0);
    run_to_end(&s, N_REQUESTS, &t);
    assert_int_equal(t.counts[3], 3);
    assert_int_equal(t.finish[3], RF_FINISH_LENGTH);
    session_close(&s);
}

static void bad_requests_are_refused_by_name(void **state)
{
    const fixture *f = *state;
    session_options options = options_for(2, 16);
    session s = session_open(f->path, &options);
    rf_error error;
    rf_sequence id = 0;
    int32_t tokens[49] = {0};
    rf_request request = {.tokens = tokens, .n_tokens = 0, .sampling = RF_SAMPLING_INIT};
    assert_int_equal(rf_engine_submit(s.engine, &request, &id, &error), RF_ERROR_ARGUMENT);
    request.n_tokens = 49;
    assert_int_equal(rf_engine_submit(s.engine, &request, &id, &error), RF_ERROR_FULL);
    assert_non_null(strstr(error.message, "49"));
    assert_non_null(strstr(error.message, "48"));
    request.n_tokens = 3;
    tokens[1] = 97;
    assert_int_equal(rf_engine_submit(s.engine, &request, &id, &error), RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "token 1 of the prompt is 97"));
    tokens[1] = -1;
    assert_int_equal(rf_engine_submit(s.engine, &request, &id, &error), RF_ERROR_ARGUMENT);
    tokens[1] = 0;
    request.sampling.top_p = 2;
    assert_int_equal(rf_engine_submit(s.engine, &request, &id, &error), RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "top_p"));
    assert_int_equal(id, 0);
    assert_int_equal(rf_engine_active(s.engine), 0);

    rf_output outputs[2];
    size_t count = 77;
    assert_int_equal(rf_engine_step(s.engine, outputs, 1, &count, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(count, 77);
    assert_int_equal(rf_engine_step(s.engine, outputs, 2, &count, &error), RF_OK);
    assert_int_equal(count, 0);
    session_close(&s);
}

static void cancelling_frees_memory_at_once(void **state)
{
    const fixture *f = *state;
    session_options options = options_for(2, 16);
    session s = session_open(f->path, &options);
    int32_t prompt[40] = {1, 2, 3};
    rf_sequence ids[5];
    rf_output outputs[2];
    size_t count;
    for (int i = 0; i < 5; i++)
        ids[i] = submit(&s, prompt, 40, 0, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rf_engine_step(s.engine, outputs, 2, &count, NULL), RF_OK);
    assert_int_equal(rf_engine_cancel(s.engine, ids[0], NULL), RF_OK); /* running */
    assert_int_equal(rf_engine_cancel(s.engine, ids[4], NULL), RF_OK); /* last in the queue */
    assert_int_equal(rf_engine_cancel(s.engine, ids[2], NULL), RF_OK); /* first in the queue */
    assert_int_equal(rf_engine_cancel(s.engine, ids[2], NULL), RF_ERROR_NOT_FOUND);
    assert_int_equal(rf_engine_active(s.engine), 2);
    rf_sequence late = submit(&s, prompt, 5, 2, 0); /* the queue's end is still its end */
    unsigned seen_late = 0;
    while (rf_engine_active(s.engine)) {
        assert_int_equal(rf_engine_step(s.engine, outputs, 2, &count, NULL), RF_OK);
        for (size_t i = 0; i < count; i++) {
            assert_true(outputs[i].sequence == ids[1] || outputs[i].sequence == ids[3] ||
                        outputs[i].sequence == late);
            seen_late += outputs[i].sequence == late;
        }
    }
    assert_int_equal(seen_late, 2);
    assert_int_equal(rf_engine_statistics(s.engine).kv_pages_used, 0);

    float logits[97];
    submit(&s, prompt, 5, 2, 0);
    assert_int_equal(rf_engine_logits(s.engine, prompt, 1, false, logits, NULL), RF_ERROR_BUSY);
    session_close(&s); /* frees what still waits */
}

/* Byte for byte, pools and classes. */
static void the_plan_is_what_a_load_takes(void **state)
{
    const fixture *f = *state;
    for (int no_mmap = 0; no_mmap < 2; no_mmap++) {
        session_options options = options_for(3, 32);
        options.model.no_mmap = no_mmap;
        options.model.pool_bytes = no_mmap ? 65536 : 0;
        session s = session_open(f->path, &options);
        rf_gguf *gguf = NULL;
        rf_plan *plan = NULL;
        rf_error error;
        assert_int_equal(rf_gguf_open(f->path, &gguf, &error), RF_OK);
        if (rf_plan_create(s.runtime, gguf, &options.model, &options.engine, &plan, &error) !=
            RF_OK)
            fail_msg("%s", error.message);
        rf_plan_summary summary = rf_plan_summarise(plan);
        rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
        assert_int_equal(rf_memory_stats_get(s.runtime, &stats, &error), RF_OK);
        assert_int_equal(stats.pools, rf_plan_pool_count(plan));
        assert_int_equal(stats.driver_allocations, rf_plan_pool_count(plan));
        assert_int_equal(stats.reserved, summary.total);
        assert_int_equal(stats.padding, summary.padding);
        assert_int_equal(stats.free, 0);
        for (int c = 0; c < RF_MEMORY_CLASS_COUNT; c++) {
            assert_int_equal(stats.classes[c].current, summary.pooled[c] + summary.external[c]);
            assert_int_equal(stats.classes[c].external, summary.external[c]);
        }
        const rf_plan *own = rf_engine_plan(s.engine);
        assert_int_equal(rf_plan_summarise(own).total, summary.total);
        assert_int_equal(rf_plan_item_count(own), rf_plan_item_count(plan));
        for (size_t i = 0; i < rf_plan_item_count(plan); i++) {
            rf_plan_item a = rf_plan_item_at(plan, i);
            rf_plan_item b = rf_plan_item_at(own, i);
            assert_string_equal(a.label, b.label);
            assert_int_equal(a.pool, b.pool);
            assert_int_equal(a.offset, b.offset);
        }
        rf_plan_free(plan);
        rf_gguf_close(gguf);
        session_close(&s);
    }
}

/* Neither on the host nor on the device: an allocation, had one been tried, would have failed. */
static void a_step_allocates_nothing(void **state)
{
    const fixture *f = *state;
    session_options options = options_for(3, 16);
    session s = session_open(f->path, &options);
    int32_t prompt[64];
    rf_output outputs[3];
    size_t count;
    for (uint32_t i = 0; i < 5; i++)
        submit(&s, prompt, prompt_of(i, prompt), 0, 0.9F);
    rf_memory_stats before = {.version = RF_MEMORY_STATS_VERSION};
    rf_memory_stats after = {.version = RF_MEMORY_STATS_VERSION};
    assert_int_equal(rf_memory_stats_get(s.runtime, &before, NULL), RF_OK);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    while (rf_engine_active(s.engine)) {
        rf_error error;
        if (rf_engine_step(s.engine, outputs, 3, &count, &error) != RF_OK)
            fail_msg("%s", error.message);
    }
    assert_false(rf_fault_fired(RF_FAULT_HOST_ALLOC));
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    assert_int_equal(rf_memory_stats_get(s.runtime, &after, NULL), RF_OK);
    assert_int_equal(after.driver_allocations, before.driver_allocations);
    assert_int_equal(after.classes[RF_MEMORY_KV].total, before.classes[RF_MEMORY_KV].total);
    session_close(&s);
}

static void nothing_closes_under_its_users(void **state)
{
    const fixture *f = *state;
    session_options options = options_for(1, 16);
    session s = session_open(f->path, &options);
    rf_error error;
    assert_int_equal(rf_runtime_close(s.runtime, &error), RF_ERROR_BUSY);
    assert_non_null(strstr(error.message, "1 models are loaded on device cpu: "));
    assert_non_null(strstr(error.message, "pool 'engine' of ")); /* and what they hold, by labels */
    assert_non_null(strstr(error.message, "live: '"));
    assert_int_equal(rf_model_free(s.model, &error), RF_ERROR_BUSY);
    session_close(&s);
}

static void options_out_of_range_are_refused(void **state)
{
    const fixture *f = *state;
    session_options good = options_for(1, 16);
    session s = session_open(f->path, &good);
    rf_engine *engine = NULL;
    rf_error error;
    rf_engine_options options = RF_ENGINE_OPTIONS_INIT;
    options.page_tokens = 3;
    assert_int_equal(rf_engine_create(s.model, &options, &engine, &error), RF_ERROR_ARGUMENT);
    options.page_tokens = 0;
    options.n_sequences = UINT32_MAX;
    assert_int_equal(rf_engine_create(s.model, &options, &engine, &error), RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "n_sequences"));
    options.n_sequences = 0;
    options.kv_type_set = true;
    options.kv_type = RF_TYPE_Q4_K;
    assert_int_not_equal(rf_engine_create(s.model, &options, &engine, &error), RF_OK);
    options.kv_type_set = false;
    options.n_sequences = 8;
    options.n_context = 1U << 30; /* terabytes: more than there is */
    assert_int_equal(rf_engine_create(s.model, &options, &engine, &error), RF_ERROR_DEVICE_MEMORY);
    options.size = 100000;
    assert_int_equal(rf_engine_create(s.model, &options, &engine, &error), RF_ERROR_ARGUMENT);
    assert_null(engine);
    session_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(together_is_as_alone),
        cmocka_unit_test(a_full_context_ends_a_sequence),
        cmocka_unit_test(bad_requests_are_refused_by_name),
        cmocka_unit_test(cancelling_frees_memory_at_once),
        cmocka_unit_test(the_plan_is_what_a_load_takes),
        cmocka_unit_test(a_step_allocates_nothing),
        cmocka_unit_test(nothing_closes_under_its_users),
        cmocka_unit_test(options_out_of_range_are_refused),
    };
    return cmocka_run_group_tests_name("engine", tests, set_up, tear_down);
}

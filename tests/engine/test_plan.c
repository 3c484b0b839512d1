/*
 * test_plan.c: plans as a user asks for them: for a device that is not here, for the largest
 * context that fits, and what a load then takes of a device's memory.
 */
#include "support/cmocka.h"

#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "kernels/target.h"
#include "support/session.h"
#include "support/tiny_model.h"

typedef struct fixture {
    char path[64];
    rf_gguf *gguf;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    tiny_model m = tiny_model_default("llama");
    m.n_context = 3000;
    tiny_model_write(&m, f.path);
    assert_int_equal(rf_gguf_open(f.path, &f.gguf, NULL), RF_OK);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    rf_gguf_close(f->gguf);
    return unlink(f->path);
}

static rf_plan_options absent_gpu(uint64_t bytes)
{
    rf_plan_options options = RF_PLAN_OPTIONS_INIT;
    options.memory_bytes = bytes;
    return options;
}

static rf_engine_options engine_of(uint32_t n_context, uint32_t n_sequences, uint32_t page_tokens,
                                   rf_type kv_type)
{
    rf_engine_options options = RF_ENGINE_OPTIONS_INIT;
    options.n_context = n_context;
    options.n_sequences = n_sequences;
    options.page_tokens = page_tokens;
    options.kv_type_set = true;
    options.kv_type = kv_type;
    return options;
}

/* A small alignment, so that pools end anywhere. */
static rf_model_options model_options(void)
{
    rf_model_options options = RF_MODEL_OPTIONS_INIT;
    options.alignment = 256;
    options.pool_bytes = 1 << 20;
    return options;
}

static rf_plan_summary summary_of(const fixture *f, const rf_plan_options *options,
                                  const rf_engine_options *engine)
{
    rf_error error;
    rf_plan *plan = NULL;
    rf_model_options model = model_options();
    if (rf_plan_create_for(options, f->gguf, &model, engine, &plan, &error) != RF_OK)
        fail_msg("%s", error.message);
    rf_plan_summary summary = rf_plan_summarise(plan);
    rf_plan_free(plan);
    return summary;
}

/* False where a context is too long for any plan. */
static bool can_be_planned(const fixture *f, const rf_plan_options *options,
                           const rf_engine_options *engine)
{
    rf_plan *plan = NULL;
    rf_status status = rf_plan_create_for(options, f->gguf, NULL, engine, &plan, NULL);
    rf_plan_free(plan);
    return status == RF_OK;
}

/* ---- a device that is not here -------------------------------------------------------------- */

static void a_device_that_is_not_here_is_planned_like_a_gpu(void **state)
{
    const fixture *f = *state;
    rf_error error;
    rf_plan *plan = NULL;
    rf_plan_options options = absent_gpu(24ULL << 30);
    assert_int_equal(rf_plan_create_for(&options, f->gguf, NULL, NULL, &plan, &error), RF_OK);
    rf_plan_summary s = rf_plan_summarise(plan);
    uint64_t reserved = 0;
    for (size_t i = 0; i < rf_plan_pool_count(plan); i++) {
        rf_plan_pool pool = rf_plan_pool_at(plan, i);
        assert_int_equal((pool.bytes + pool.rounding) % RF_TARGET_GRANULARITY, 0);
        reserved += pool.bytes + pool.rounding;
    }
    assert_true(s.absent && s.fits);
    assert_int_equal(s.capacity, 24ULL << 30);
    assert_int_equal(s.available, 24ULL << 30);
    assert_int_equal(s.driver, RF_TARGET_DRIVER_BYTES);
    assert_int_equal(s.needed, reserved + s.driver);
    assert_true(s.pooled[RF_MEMORY_WEIGHTS] > 0); /* not used in place */
    assert_int_equal(s.external[RF_MEMORY_WEIGHTS], 0);
    assert_true(s.external[RF_MEMORY_STAGING] > 0);
    rf_plan_free(plan);
}

static void a_plan_is_for_one_device(void **state)
{
    const fixture *f = *state;
    rf_error error;
    rf_plan *plan = NULL;
    rf_runtime *runtime = NULL;
    rf_plan_options options = RF_PLAN_OPTIONS_INIT;
    assert_int_equal(rf_plan_create_for(&options, f->gguf, NULL, NULL, &plan, &error),
                     RF_ERROR_ARGUMENT);
    assert_int_equal(rf_plan_create_for(NULL, f->gguf, NULL, NULL, &plan, &error),
                     RF_ERROR_ARGUMENT);
    assert_int_equal(rf_runtime_open(CPU_RUNTIME, &runtime, NULL), RF_OK);
    options.runtime = runtime;
    options.memory_bytes = 1;
    assert_int_equal(rf_plan_create_for(&options, f->gguf, NULL, NULL, &plan, &error),
                     RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "memory_bytes"));
    assert_null(plan);
    assert_int_equal(rf_runtime_close(runtime, NULL), RF_OK);
}

/* ---- what a load takes ---------------------------------------------------------------------- */

/* Of the device's own figure of what is free, to the byte, with pools that end inside a page. */
static void a_load_takes_what_was_planned_rounding_included(void **state)
{
    const fixture *f = *state;
    rf_runtime_options runtime_options = RF_RUNTIME_OPTIONS_INIT;
    rf_runtime *runtime = NULL;
    rf_model *model = NULL;
    rf_plan *plan = NULL;
    rf_device_info before;
    rf_device_info after;
    rf_error error;
    rf_model_options options = model_options();
    options.pool_bytes = 1 << 16;
    runtime_options.device = "emu32";
    assert_int_equal(rf_runtime_open(&runtime_options, &runtime, NULL), RF_OK);
    assert_int_equal(rf_plan_create(runtime, f->gguf, &options, NULL, &plan, &error), RF_OK);
    assert_int_equal(rf_runtime_device(runtime, &before, NULL), RF_OK);
    assert_int_equal(rf_plan_summarise(plan).available, before.memory_free);
    assert_int_equal(rf_plan_summarise(plan).capacity, before.memory_total);
    assert_int_equal(rf_plan_summarise(plan).driver, 0);
    assert_int_equal(rf_model_load(runtime, f->path, &options, &model, &error), RF_OK);
    assert_int_equal(rf_runtime_device(runtime, &after, NULL), RF_OK);
    uint64_t planned = 0;
    uint64_t rounding = 0;
    for (size_t i = 0; i < rf_plan_pool_count(plan); i++) {
        rf_plan_pool pool = rf_plan_pool_at(plan, i);
        if (pool.memory_class != RF_MEMORY_WEIGHTS)
            continue;
        planned += pool.bytes + pool.rounding;
        rounding += pool.rounding;
    }
    assert_true(rounding > 0);
    assert_int_equal(before.memory_free - after.memory_free, planned);
    rf_plan_free(plan);
    assert_int_equal(rf_model_free(model, NULL), RF_OK);
    assert_int_equal(rf_runtime_close(runtime, NULL), RF_OK);
}

/* ---- fitting -------------------------------------------------------------------------------- */

/* What is found fits, and a page more does not, or is more than was asked for; the plan is the one
 * that is made when its context is asked for. */
static void check_fit(const fixture *f, uint64_t memory, rf_engine_options engine, uint32_t most)
{
    rf_plan_options fitting = absent_gpu(memory);
    rf_plan_options plain = absent_gpu(memory);
    fitting.fit_context = true;
    rf_plan_summary found = summary_of(f, &fitting, &engine);
    uint32_t page = engine.page_tokens;
    engine.n_context = found.n_context;
    rf_plan_summary same = summary_of(f, &plain, &engine);
    assert_int_equal(same.needed, found.needed);
    assert_int_equal(same.fits, found.fits);
    assert_true(found.n_context <= most);
    assert_true(found.n_context % page == 0 || found.n_context == most);
    if (!found.fits) {
        assert_int_equal(found.n_context, page < most ? page : most);
        return;
    }
    if (found.n_context == most)
        return;
    engine.n_context += page;
    assert_false(can_be_planned(f, &plain, &engine) && summary_of(f, &plain, &engine).fits);
}

static void what_is_found_fits_and_a_page_more_does_not(void **state)
{
    const fixture *f = *state;
    static const rf_type types[] = {RF_TYPE_F16, RF_TYPE_F32};
    unsigned tried = 0;
    for (uint32_t page = 1; page <= 256; page *= 4) {
        for (uint32_t sequences = 1; sequences <= 64; sequences *= 8) {
            for (uint64_t megabytes = 0; megabytes <= 160; megabytes += 7) {
                rf_engine_options engine = engine_of(0, sequences, page, types[tried % 2]);
                uint64_t memory = RF_TARGET_DRIVER_BYTES + (megabytes << 20) + 12345;
                uint32_t most = 3000;
                if (tried % 3 == 0)
                    engine.n_context = most = 1 + tried * 37;
                check_fit(f, memory, engine, most);
                tried++;
            }
        }
    }
}

static void contexts_beyond_every_limit_do_not_fit(void **state)
{
    const fixture *f = *state;
    rf_engine_options engine = engine_of(UINT32_MAX, 4096, 1, RF_TYPE_F32);
    rf_plan_options plain = absent_gpu(6ULL << 40);
    check_fit(f, plain.memory_bytes, engine, UINT32_MAX);
    assert_false(can_be_planned(f, &plain, &engine));
}

static void wrong_options_are_errors_where_a_context_is_looked_for(void **state)
{
    const fixture *f = *state;
    rf_error error;
    rf_plan *plan = NULL;
    rf_plan_options fitting = absent_gpu(1ULL << 40);
    rf_engine_options engine = engine_of(0, 1, 3, RF_TYPE_F16);
    fitting.fit_context = true;
    assert_int_equal(rf_plan_create_for(&fitting, f->gguf, NULL, &engine, &plan, &error),
                     RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "pages of 3 tokens"));
    assert_null(plan);
}

static void every_failed_allocation_is_survived(void **state)
{
    const fixture *f = *state;
    rf_plan_options fitting = absent_gpu(RF_TARGET_DRIVER_BYTES + (40ULL << 20));
    rf_engine_options engine = engine_of(0, 64, 16, RF_TYPE_F16);
    uint64_t before = rf_host_live_count();
    unsigned n = 0;
    fitting.fit_context = true;
    for (;;) {
        rf_error error;
        rf_plan *plan = NULL;
        rf_fault_arm(RF_FAULT_HOST_ALLOC, ++n);
        rf_status status = rf_plan_create_for(&fitting, f->gguf, NULL, &engine, &plan, &error);
        bool fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        rf_plan_free(plan);
        assert_int_equal(rf_host_live_count(), before);
        if (!fired) {
            assert_int_equal(status, RF_OK);
            break;
        }
        assert_int_equal(status, RF_ERROR_HOST_MEMORY);
        assert_null(plan);
    }
    assert_true(n > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_that_is_not_here_is_planned_like_a_gpu),
        cmocka_unit_test(a_plan_is_for_one_device),
        cmocka_unit_test(a_load_takes_what_was_planned_rounding_included),
        cmocka_unit_test(what_is_found_fits_and_a_page_more_does_not),
        cmocka_unit_test(contexts_beyond_every_limit_do_not_fit),
        cmocka_unit_test(wrong_options_are_errors_where_a_context_is_looked_for),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("plan", tests, set_up, tear_down);
}

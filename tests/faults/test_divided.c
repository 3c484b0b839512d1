/*
 * test_divided.c: the life of a model that is divided between a GPU and the host (load, create,
 * generate, close), in which the Nth call of one kind fails, on the device or on the host, for N =
 * 1, 2, … until none fires. After each: an error with a text came back, both sides have what they
 * had before, and the next life succeeds.
 */
#include "support/cmocka.h"

#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "support/emu_runtime.h"
#include "support/faults.h"
#include "support/tiny_model.h"

typedef struct fixture {
    char path[64];
    emu_runtime r;
    rf_runtime *host;
} fixture;

static rf_status generate(rf_engine *engine, rf_error *error)
{
    rf_request request = {.tokens = (const int32_t[]){1, 2, 3}, .n_tokens = 3, .max_tokens = 4};
    request.sampling = RF_SAMPLING_INIT;
    request.ignore_end = true;
    rf_sequence id;
    rf_output output;
    size_t count;
    rf_status status = rf_engine_submit(engine, &request, &id, error);
    while (status == RF_OK && rf_engine_active(engine))
        status = rf_engine_step(engine, &output, 1, &count, error);
    return status;
}

/* with_text: generates as well, which takes long on an emulated GPU. */
static rf_status live(fixture *f, bool no_mmap, bool with_text, rf_error *error)
{
    rf_model_options options = RF_MODEL_OPTIONS_INIT;
    rf_engine_options engine_options = RF_ENGINE_OPTIONS_INIT;
    rf_model *model = NULL;
    rf_engine *engine = NULL;
    options.host = f->host;
    options.device_layers = 1;
    options.no_mmap = no_mmap;
    options.n_readers = 2;
    options.staging_bytes = 128 << 10;
    engine_options.n_context = 16;
    rf_status status = rf_model_load(&f->r.runtime, f->path, &options, &model, error);
    if (status == RF_OK)
        status = rf_engine_create(model, &engine_options, &engine, error);
    if (status == RF_OK && with_text)
        status = generate(engine, error);
    rf_engine_free(engine);
    (void)rf_model_free(model, NULL); /* fails where the device was told to refuse that */
    return status;
}

static void expect_empty(rf_memory *memory)
{
    rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
    assert_int_equal(rf_memory_statistics(memory, &stats, NULL), RF_OK);
    assert_int_equal(stats.reserved, 0);
    assert_int_equal(stats.pools, 0);
    for (int c = 0; c < RF_MEMORY_CLASS_COUNT; c++)
        assert_int_equal(stats.classes[c].current, 0);
}

/* Nothing on either side but the kernels that are loaded. */
static void expect_clean(fixture *f)
{
    rf_emu_live live = rf_emu_count_live(f->r.emu);
    rf_emu_live kernels = {.modules = live.modules};
    assert_memory_equal(&live, &kernels, sizeof(live));
    expect_empty(f->r.runtime.memory);
    expect_empty(f->host->memory);
    assert_int_equal(f->r.runtime.n_models, 0);
    assert_int_equal(f->host->n_models, 0);
}

/* With kernels, unlike the one of other tests; a life before the first fault loads them. */
static int set_up(void **state)
{
    static fixture f;
    rf_error error;
    rf_runtime_options options = RF_RUNTIME_OPTIONS_INIT;
    tiny_model m = tiny_model_default("qwen3moe");
    m.tied = true;
    tiny_model_write(&m, f.path);
    emu_runtime_open(&f.r);
    emu_runtime_add_kernels(&f.r);
    options.device = "cpu";
    options.n_threads = 2;
    assert_int_equal(rf_runtime_open(&options, &f.host, &error), RF_OK);
    *state = &f;
    if (!f.r.runtime.programs) /* the tests are skipped */
        return 0;
    for (int way = 0; way < 2; way++) {
        if (live(&f, way, true, &error) != RF_OK)
            fail_msg("without a fault: %s", error.message);
        expect_clean(&f);
    }
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    emu_runtime_close(&f->r);
    assert_int_equal(rf_runtime_close(f->host, NULL), RF_OK);
    return unlink(f->path);
}

static void every_failed_device_call_is_survived(void **state)
{
    fixture *f = *state;
    emu_runtime_require_kernels(&f->r);
    uint64_t host = rf_host_live_count();
    unsigned faults = 0;
    for (int call = 0; call < RF_FAULT_ANY; call++) {
        for (uint64_t n = 1;; n++) {
            rf_error error = {0};
            rf_fault_device_arm(f->r.device, (rf_fault_call)call, n);
            rf_status status = live(f, false, true, &error);
            bool fired = rf_fault_device_fired(f->r.device);
            rf_fault_device_arm(f->r.device, RF_FAULT_ANY, 0);
            expect_clean(f);
            assert_int_equal(rf_host_live_count(), host);
            if (!fired)
                break;
            faults++;
            if (status != RF_OK) { /* else it was in what is given back, and has nobody to tell */
                assert_int_equal(status, RF_ERROR_DEVICE);
                assert_true(strlen(error.message) > 10);
            }
        }
    }
    assert_int_equal(live(f, false, true, NULL), RF_OK);
    faults_tried(faults, "device calls");
    assert_true(faults > 50);
}

static void every_failed_host_call_is_survived(void **state)
{
    fixture *f = *state;
    emu_runtime_require_kernels(&f->r);
    uint64_t host = rf_host_live_count();
    unsigned faults = 0;
    for (int site = 0; site < RF_FAULT_SITE_COUNT; site++) {
        for (uint64_t n = 1;; n++) {
            rf_error error = {0};
            rf_fault_arm((rf_fault_site)site, n);
            rf_status status = live(f, n % 2, false, &error);
            bool fired = rf_fault_fired((rf_fault_site)site);
            rf_fault_arm((rf_fault_site)site, 0);
            expect_clean(f);
            assert_int_equal(rf_host_live_count(), host);
            if (!fired)
                break;
            faults++;
            if (status != RF_OK)
                assert_true(strlen(error.message) > 10);
        }
    }
    assert_int_equal(live(f, true, true, NULL), RF_OK);
    faults_tried(faults, "host calls");
    assert_true(faults > 50);
}

/* Other programs take memory of the device: fewer layers are on it, and each number can be loaded.
 */
static void less_free_memory_is_fewer_layers(void **state)
{
    fixture *f = *state;
    emu_runtime_require_kernels(&f->r);
    rf_error error;
    rf_gguf *gguf = NULL;
    rf_plan *plan = NULL;
    rf_plan_options what = RF_PLAN_OPTIONS_INIT;
    rf_model_options options = RF_MODEL_OPTIONS_INIT;
    what.runtime = &f->r.runtime;
    options.host = f->host;
    options.device_layers = UINT32_MAX;
    assert_int_equal(rf_gguf_open(f->path, &gguf, &error), RF_OK);
    assert_int_equal(rf_plan_create(&f->r.runtime, gguf, &options, NULL, &plan, &error), RF_OK);
    rf_plan_summary s = rf_plan_summarise(plan);
    rf_plan_free(plan);
    uint32_t last = s.n_layers;
    for (uint64_t part = 0; part <= 50; part++) {
        uint32_t found = UINT32_MAX;
        rf_model *model = NULL;
        rf_engine *engine = NULL;
        rf_fault_device_shrink(f->r.device, s.available - s.needed / 50 * (50 - part));
        assert_int_equal(rf_plan_fit_layers(&what, gguf, &options, NULL, &found, &error), RF_OK);
        assert_true(found <= last && found < s.n_layers);
        last = found;
        options.device_layers = found;
        assert_int_equal(rf_model_load(&f->r.runtime, f->path, &options, &model, &error), RF_OK);
        assert_int_equal(rf_engine_create(model, NULL, &engine, &error), RF_OK);
        rf_engine_free(engine);
        assert_int_equal(rf_model_free(model, &error), RF_OK);
    }
    assert_int_equal(last, 0);
    rf_fault_device_shrink(f->r.device, 0);
    rf_gguf_close(gguf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failed_device_call_is_survived),
        cmocka_unit_test(every_failed_host_call_is_survived),
        cmocka_unit_test(less_free_memory_is_fewer_layers),
    };
    return cmocka_run_group_tests_name("divided", tests, set_up, tear_down);
}

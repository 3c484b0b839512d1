/*
 * test_load.c: a whole life (open, load, create, generate, close) in which the Nth call of one kind
 * fails, for N = 1, 2, … until none fires. After each: an error with a text came back, nothing is
 * leaked on the host or the device, and the next life succeeds.
 */
#include "support/cmocka.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "support/emu_runtime.h"
#include "support/faults.h"
#include "support/session.h"
#include "support/tiny_model.h"

typedef struct fixture {
    char path[64];
} fixture;

static int set_up(void **state)
{
    static fixture f;
    tiny_model m = tiny_model_default("qwen3moe");
    tiny_model_write(&m, f.path);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    const fixture *f = *state;
    return unlink(f->path);
}

static rf_status generate(rf_engine *engine, rf_error *error)
{
    rf_request request = {.tokens = (const int32_t[]){1, 2, 3}, .n_tokens = 3, .max_tokens = 3};
    request.sampling = RF_SAMPLING_INIT;
    rf_sequence id;
    rf_output output;
    size_t count;
    rf_status status = rf_engine_submit(engine, &request, &id, error);
    while (status == RF_OK && rf_engine_active(engine))
        status = rf_engine_step(engine, &output, 1, &count, error);
    return status;
}

/* On an open runtime, whose account must be empty before and after. */
static rf_status live(rf_runtime *runtime, const char *path, bool no_mmap, rf_error *error)
{
    rf_model_options options = RF_MODEL_OPTIONS_INIT;
    rf_model *model = NULL;
    rf_engine *engine = NULL;
    options.no_mmap = no_mmap;
    rf_status status = rf_model_load(runtime, path, &options, &model, error);
    if (status == RF_OK)
        status = rf_engine_create(model, NULL, &engine, error);
    if (status == RF_OK)
        status = generate(engine, error);
    rf_engine_free(engine);
    assert_int_equal(rf_model_free(model, NULL), RF_OK);
    return status;
}

static unsigned fail_each(rf_runtime *runtime, const char *path, rf_fault_site site, bool no_mmap)
{
    for (unsigned n = 1;; n++) {
        rf_error error = {0};
        rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
        uint64_t live_before = rf_host_live_count();
        rf_fault_arm(site, n);
        rf_status status = live(runtime, path, no_mmap, &error);
        bool fired = rf_fault_fired(site);
        rf_fault_arm(site, 0);
        assert_int_equal(rf_host_live_count(), live_before);
        assert_int_equal(rf_memory_stats_get(runtime, &stats, NULL), RF_OK);
        assert_int_equal(stats.reserved, 0);
        assert_int_equal(stats.pools, 0);
        for (int c = 0; c < RF_MEMORY_CLASS_COUNT; c++)
            assert_int_equal(stats.classes[c].current, 0);
        if (!fired) {
            if (status != RF_OK)
                fail_msg("without a fault: %s", error.message);
            return n - 1;
        }
        if (status == RF_OK) /* a failed allocation that was survived is fine: a cache, say */
            continue;
        assert_int_equal(error.status, status);
        assert_true(strlen(error.message) > 10);
        assert_int_equal(live(runtime, path, no_mmap, &error), RF_OK);
    }
}

static void every_fault_is_survived(void **state)
{
    const fixture *f = *state;
    static const struct {
        rf_fault_site site;
        const char *name;
    } sites[] = {{RF_FAULT_HOST_ALLOC, "host allocations"},
                 {RF_FAULT_FILE_OPEN, "file opens"},
                 {RF_FAULT_FILE_READ, "file reads"},
                 {RF_FAULT_FILE_MAP, "file mappings"},
                 {RF_FAULT_THREAD_CREATE, "thread starts"}};
    rf_runtime *runtime = NULL;
    assert_int_equal(rf_runtime_open(CPU_RUNTIME, &runtime, NULL), RF_OK);
    /* The account keeps its table of blocks once it has grown: let it grow before the baseline. */
    assert_int_equal(live(runtime, f->path, false, NULL), RF_OK);
    for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++) {
        unsigned mapped = fail_each(runtime, f->path, sites[i].site, false);
        unsigned read = fail_each(runtime, f->path, sites[i].site, true);
        faults_tried(mapped + read, sites[i].name);
        assert_true(mapped + read > 0);
    }
    assert_int_equal(rf_runtime_close(runtime, NULL), RF_OK);
}

/* ---- a failing device ------------------------------------------------------------------------ */

/* Loads and frees on an emulated GPU, with every tensor verified. */
static rf_status load_on(emu_runtime *r, const char *path, rf_error *error)
{
    rf_model_options options = RF_MODEL_OPTIONS_INIT;
    rf_model *model = NULL;
    options.verify = true;
    options.read_mode = RF_READ_DIRECT;
    options.n_readers = 3;
    options.staging_bytes = 128 << 10;
    rf_status status = rf_model_load(&r->runtime, path, &options, &model, error);
    if (status == RF_OK)
        status = rf_model_free(model, error);
    return status;
}

/* The nth device call fails, for every n: nothing stays on the device, and the next load works. */
static void lineage_3_a_failed_load_leaves_no_pool(void **state)
{
    const fixture *f = *state;
    emu_runtime r;
    emu_runtime_open(&r);
    uint64_t host = rf_host_live_count();
    unsigned faults = 0;
    for (int call = 0; call < RF_FAULT_ANY; call++) {
        for (uint64_t n = 1;; n++) {
            rf_error error = {0};
            rf_fault_device_arm(r.device, (rf_fault_call)call, n);
            rf_status status = load_on(&r, f->path, &error);
            bool fired = rf_fault_device_fired(r.device);
            rf_fault_device_arm(r.device, RF_FAULT_ANY, 0);
            emu_runtime_expect_empty(&r);
            assert_int_equal(r.runtime.n_models, 0);
            assert_int_equal(rf_host_live_count(), host);
            if (!fired)
                break;
            faults++;
            /* No call of the device is one that a load can do without. */
            assert_int_equal(status, RF_ERROR_DEVICE);
            assert_true(strlen(error.message) > 10);
            assert_int_equal(load_on(&r, f->path, NULL), RF_OK);
        }
    }
    faults_tried(faults, "device calls");
    assert_true(faults > 100);
    emu_runtime_close(&r);
}

/* The same on the host's side of such a load. */
static void a_load_to_a_gpu_survives_every_host_fault(void **state)
{
    const fixture *f = *state;
    emu_runtime r;
    emu_runtime_open(&r);
    uint64_t host = rf_host_live_count();
    unsigned faults = 0;
    for (int site = 0; site < RF_FAULT_SITE_COUNT; site++) {
        for (uint64_t n = 1;; n++) {
            rf_error error = {0};
            rf_fault_arm((rf_fault_site)site, n);
            rf_status status = load_on(&r, f->path, &error);
            bool fired = rf_fault_fired((rf_fault_site)site);
            rf_fault_arm((rf_fault_site)site, 0);
            emu_runtime_expect_empty(&r);
            assert_int_equal(rf_host_live_count(), host);
            if (!fired)
                break;
            faults++;
            if (status != RF_OK)
                assert_true(strlen(error.message) > 10);
            assert_int_equal(load_on(&r, f->path, NULL), RF_OK);
        }
    }
    faults_tried(faults, "host calls");
    assert_true(faults > 20);
    emu_runtime_close(&r);
}

/* ---- free memory ----------------------------------------------------------------------------- */

/* Pools are as large as what is placed in them, and are measured against the free memory before the
 * first is asked for: with one byte too little, the driver is asked for none. */
static void lineage_12_pools_are_measured_against_free_memory(void **state)
{
    const fixture *f = *state;
    emu_runtime r;
    rf_model *model = NULL;
    rf_error error = {0};
    rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
    emu_runtime_open(&r);
    assert_int_equal(rf_model_load(&r.runtime, f->path, NULL, &model, NULL), RF_OK);
    assert_int_equal(rf_memory_statistics(r.runtime.memory, &stats, NULL), RF_OK);
    uint64_t needed = stats.reserved;
    assert_int_equal(needed, stats.live + stats.padding); /* no constant, and nothing to spare */
    assert_int_equal(rf_emu_count_live(r.emu).bytes, needed);
    assert_int_equal(rf_model_free(model, NULL), RF_OK);

    uint64_t asked = rf_fault_device_calls(r.device, RF_FAULT_ALLOC);
    char free_text[64];
    for (uint64_t missing = 1; missing <= needed; missing *= 3) {
        rf_emu_set_memory(r.emu, needed - missing);
        assert_int_equal(rf_model_load(&r.runtime, f->path, NULL, &model, &error),
                         RF_ERROR_DEVICE_MEMORY);
        snprintf(free_text, sizeof(free_text), "free %" PRIu64, needed - missing);
        assert_non_null(strstr(error.message, "asked "));
        assert_non_null(strstr(error.message, free_text));
        assert_int_equal(rf_fault_device_calls(r.device, RF_FAULT_ALLOC), asked);
    }
    rf_emu_set_memory(r.emu, needed);
    assert_int_equal(rf_model_load(&r.runtime, f->path, NULL, &model, NULL), RF_OK);
    assert_int_equal(rf_model_free(model, NULL), RF_OK);
    emu_runtime_close(&r);
}

/* ---- cancellation ---------------------------------------------------------------------------- */

typedef struct cancel {
    uint64_t at; /* bytes */
    uint64_t total;
} cancel;

static bool cancel_from(void *user, uint64_t done, uint64_t total)
{
    cancel *c = user;
    assert_true(done <= total);
    c->total = total;
    return done < c->at;
}

/* Loads with a cancellation from that many bytes on; how many there are. */
static uint64_t cancel_load(rf_runtime *runtime, const char *path, bool no_mmap, uint64_t at)
{
    uint64_t live_before = rf_host_live_count();
    cancel c = {.at = at};
    rf_model_options options = RF_MODEL_OPTIONS_INIT;
    options.no_mmap = no_mmap;
    options.verify = no_mmap;
    options.staging_bytes = 128 << 10;
    options.progress = cancel_from;
    options.progress_user = &c;
    rf_model *model = NULL;
    rf_status status = rf_model_load(runtime, path, &options, &model, NULL);
    assert_int_equal(status, at <= c.total ? RF_ERROR_CANCELLED : RF_OK);
    assert_int_equal(rf_model_free(model, NULL), RF_OK);
    assert_int_equal(rf_host_live_count(), live_before);
    return c.total;
}

static void a_load_is_cancelled_at_any_moment(void **state)
{
    const fixture *f = *state;
    rf_runtime *runtime = NULL;
    emu_runtime r;
    assert_int_equal(rf_runtime_open(CPU_RUNTIME, &runtime, NULL), RF_OK);
    emu_runtime_open(&r);
    for (int way = 0; way < 3; way++) { /* mapped, into pools, to a GPU */
        rf_runtime *on = way == 2 ? &r.runtime : runtime;
        uint64_t total = cancel_load(on, f->path, way != 0, UINT64_MAX);
        for (uint64_t part = 0; part <= 30; part++)
            cancel_load(on, f->path, way != 0, total / 30 * part);
        cancel_load(on, f->path, way != 0, total);
    }
    emu_runtime_close(&r);
    assert_int_equal(rf_runtime_close(runtime, NULL), RF_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_is_survived),
        cmocka_unit_test(lineage_3_a_failed_load_leaves_no_pool),
        cmocka_unit_test(a_load_to_a_gpu_survives_every_host_fault),
        cmocka_unit_test(lineage_12_pools_are_measured_against_free_memory),
        cmocka_unit_test(a_load_is_cancelled_at_any_moment),
    };
    return cmocka_run_group_tests_name("load", tests, set_up, tear_down);
}

/* emu_runtime.c: putting a runtime together from a device that the registry does not know. */
#include "support/emu_runtime.h"

#include "kernels/gpu/gpu.h"
#include "support/cmocka.h"

void emu_runtime_open(emu_runtime *r)
{
    *r = (emu_runtime){0};
    assert_int_equal(rf_emu_open(32, &r->emu, NULL), RF_OK);
    assert_int_equal(rf_fault_device_wrap(r->emu, &r->device, NULL), RF_OK);
    assert_int_equal(r->device->ops->facts(r->device, &r->runtime.facts, NULL), RF_OK);
    assert_int_equal(rf_memory_open(r->device, &r->runtime.memory, NULL), RF_OK);
    assert_int_equal(rf_threads_create(1, &r->runtime.threads, NULL), RF_OK);
    r->runtime.device = r->device;
    pthread_mutex_init(&r->runtime.lock, NULL);
}

void emu_runtime_add_kernels(emu_runtime *r)
{
    rf_error error;
    rf_runtime *runtime = &r->runtime;
    runtime->kernels = rf_kernels_for_gpu();
    rf_status opened =
        rf_gpu_programs_open(runtime->device, &runtime->facts, &runtime->programs, &error);
    if (opened != RF_OK && opened != RF_ERROR_UNSUPPORTED)
        fail_msg("%s", error.message);
}

void emu_runtime_require_kernels(const emu_runtime *r)
{
    if (r->runtime.programs)
        return;
    print_message("skipped: there are no kernels for the emulated GPU\n");
    skip();
}

void emu_runtime_close(emu_runtime *r)
{
    assert_int_equal(rf_gpu_programs_close(r->runtime.programs, NULL), RF_OK);
    emu_runtime_expect_empty(r);
    assert_int_equal(r->runtime.n_models, 0);
    assert_int_equal(rf_memory_close(r->runtime.memory, NULL), RF_OK);
    rf_threads_free(r->runtime.threads);
    pthread_mutex_destroy(&r->runtime.lock);
    rf_fault_device_close(r->device);
    assert_int_equal(r->emu->ops->close(r->emu, NULL), RF_OK);
}

void emu_runtime_expect_empty(emu_runtime *r)
{
    rf_emu_live none = {0};
    rf_emu_live live = rf_emu_count_live(r->emu);
    rf_memory_stats stats = {.version = RF_MEMORY_STATS_VERSION};
    assert_memory_equal(&live, &none, sizeof(live));
    assert_int_equal(rf_memory_statistics(r->runtime.memory, &stats, NULL), RF_OK);
    assert_int_equal(stats.reserved, 0);
    assert_int_equal(stats.pools, 0);
    for (int c = 0; c < RF_MEMORY_CLASS_COUNT; c++)
        assert_int_equal(stats.classes[c].current, 0);
}

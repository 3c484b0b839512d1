/* test_loads.c: a thousand loads, and the process is no larger than after the first few. */
#include "support/cmocka.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"
#include "support/emu_runtime.h"
#include "support/session.h"
#include "support/tiny_model.h"

enum { LOADS = 1000, WARM_UP = 50 };

/* What the C library may keep by then: it does not give every page back. */
#define SLACK_BYTES (2U << 20)

/* Sanitizers hold freed memory back. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_TELLS false
#else
#define MEMORY_TELLS true
#endif

/* Bytes of memory that the process has in use: the second number of /proc/self/statm (man 5 proc).
 */
static uint64_t resident_bytes(void)
{
    uint64_t size = 0;
    uint64_t resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%" SCNu64 " %" SCNu64, &size, &resident), 2);
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void load_once(rf_runtime *runtime, const char *path, const rf_model_options *options)
{
    rf_error error;
    rf_model *model = NULL;
    if (rf_model_load(runtime, path, options, &model, &error) != RF_OK)
        fail_msg("%s", error.message);
    assert_int_equal(rf_model_free(model, NULL), RF_OK);
}

static void load_many(rf_runtime *runtime, const rf_model_options *options, const char *how)
{
    char path[64];
    tiny_model m = tiny_model_default("llama");
    tiny_model_write(&m, path);
    uint64_t live = rf_host_live_count();
    for (int i = 0; i < WARM_UP; i++)
        load_once(runtime, path, options);
    uint64_t before = resident_bytes();
    for (int i = WARM_UP; i < LOADS; i++)
        load_once(runtime, path, options);
    uint64_t after = resident_bytes();
    print_message("%d loads %s: %" PRIu64 " KiB resident after %d, %" PRIu64 " KiB at the end\n",
                  LOADS, how, before >> 10, WARM_UP, after >> 10);
    assert_int_equal(rf_host_live_count(), live);
    if (MEMORY_TELLS)
        assert_true(after <= before + SLACK_BYTES);
    assert_int_equal(unlink(path), 0);
}

static void a_thousand_loads_leave_memory_flat(void **state)
{
    (void)state;
    rf_runtime *cpu = NULL;
    rf_model_options options = RF_MODEL_OPTIONS_INIT;
    assert_int_equal(rf_runtime_open(CPU_RUNTIME, &cpu, NULL), RF_OK);
    load_many(cpu, &options, "in place");
    options.no_mmap = true;
    options.n_readers = 2;
    load_many(cpu, &options, "into pools");
    assert_int_equal(rf_runtime_close(cpu, NULL), RF_OK);
}

static void a_thousand_loads_to_a_gpu_leave_memory_flat(void **state)
{
    (void)state;
    emu_runtime r;
    rf_model_options options = RF_MODEL_OPTIONS_INIT;
    options.n_readers = 2;
    options.verify = true;
    emu_runtime_open(&r);
    load_many(&r.runtime, &options, "to an emulated GPU");
    emu_runtime_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_loads_leave_memory_flat),
        cmocka_unit_test(a_thousand_loads_to_a_gpu_leave_memory_flat),
    };
    return cmocka_run_group_tests_name("loads", tests, NULL, NULL);
}

/* test_cpu.c: the CPU as a device: facts, memory, copies, events, and what it has not. */
#include "support/cmocka.h"

#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "device/device.h"

static int open_cpu(void **state)
{
    rf_device *device = NULL;
    assert_int_equal(rf_device_open("cpu", &device, NULL), RF_OK);
    *state = device;
    return 0;
}

static int close_cpu(void **state)
{
    rf_device_close(*state, NULL);
    return 0;
}

static void facts_are_this_machines(void **state)
{
    rf_device *cpu = *state;
    rf_device_facts facts;
    assert_int_equal(cpu->ops->facts(cpu, &facts, NULL), RF_OK);
    assert_string_equal(cpu->ops->backend, "cpu");
    assert_string_equal(facts.info.id, "cpu");
    assert_true(strlen(facts.info.name) > 0 && facts.info.name[0] != ' ');
    assert_memory_equal(facts.info.architecture, "x86-64", 6);
    assert_true(facts.info.compute_units >= 1);
    assert_int_equal(facts.info.warp_size, 1);
    assert_true(facts.unified && facts.allocation_alignment >= 4096);
    assert_int_equal(facts.allocation_granularity, 4096);
    assert_true(facts.info.memory_free > 0 && facts.info.memory_free <= facts.info.memory_total);
    assert_true(strlen(facts.info.memory_source) > 0);
}

static void memory_is_aligned_zeroed_and_given_back(void **state)
{
    rf_device *cpu = *state;
    uint64_t before = rf_host_live_count();
    for (uint64_t alignment = 1; alignment <= 1ULL << 30; alignment <<= 3) {
        rf_address address;
        rf_error error;
        assert_int_equal(cpu->ops->alloc(cpu, 3U << 20, alignment, &address, NULL), RF_OK);
        assert_int_equal(address % alignment, 0);
        char *bytes = (char *)(uintptr_t)address;
        assert_true(bytes[0] == 0 && bytes[(3U << 20) - 1] == 0);
        memset(bytes, 1, 3U << 20);
        /* What alloc gave is what free takes, once, and nothing in between. */
        assert_int_equal(cpu->ops->free(cpu, address + 4096, &error), RF_ERROR_ARGUMENT);
        assert_int_equal(cpu->ops->pinned_free(cpu, bytes, &error), RF_ERROR_ARGUMENT);
        assert_int_equal(cpu->ops->free(cpu, address, NULL), RF_OK);
        assert_int_equal(cpu->ops->free(cpu, address, &error), RF_ERROR_ARGUMENT);
        assert_non_null(strstr(error.message, "is not allocated"));
    }
    assert_int_equal(rf_host_live_count(), before);
}

static void pinned_memory_is_memory_apart(void **state)
{
    rf_device *cpu = *state;
    void *memory = NULL;
    rf_error error;
    assert_int_equal(cpu->ops->pinned_alloc(cpu, 100000, &memory, NULL), RF_OK);
    assert_int_equal((uintptr_t)memory % 4096, 0);
    memset(memory, 1, 100000);
    assert_int_equal(cpu->ops->free(cpu, (uintptr_t)memory, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(cpu->ops->pinned_free(cpu, memory, NULL), RF_OK);
    assert_int_equal(cpu->ops->pinned_alloc(cpu, 0, &memory, &error), RF_ERROR_ARGUMENT);
}

static void more_than_there_is_is_refused(void **state)
{
    rf_device *cpu = *state;
    rf_device_memory memory;
    rf_address address = 1;
    rf_error error;
    assert_int_equal(cpu->ops->memory(cpu, &memory, NULL), RF_OK);
    assert_int_equal(cpu->ops->alloc(cpu, memory.total + 1, 4096, &address, &error),
                     RF_ERROR_DEVICE_MEMORY);
    assert_non_null(strstr(error.message, "asked "));
    assert_non_null(strstr(error.message, "free "));
    assert_int_equal(cpu->ops->alloc(cpu, UINT64_MAX, 4096, &address, &error), RF_ERROR_OVERFLOW);
    assert_int_equal(cpu->ops->alloc(cpu, 0, 4096, &address, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(cpu->ops->alloc(cpu, 4096, 3000, &address, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(cpu->ops->alloc(cpu, 4096, 1ULL << 63, &address, &error),
                     RF_ERROR_DEVICE_MEMORY);
    assert_int_equal(address, 1);
}

/* The two things an allocation needs: a record, and the pages. */
static void every_failed_allocation_is_reported(void **state)
{
    rf_device *cpu = *state;
    uint64_t before = rf_host_live_count();
    const rf_status expected[] = {RF_ERROR_HOST_MEMORY, RF_ERROR_DEVICE_MEMORY, RF_OK};
    for (uint64_t n = 1; n <= 3; n++) {
        rf_address address = 0;
        rf_error error;
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        rf_status status = cpu->ops->alloc(cpu, 5000, 4096, &address, &error);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        assert_int_equal(status, expected[n - 1]);
        if (status == RF_OK)
            assert_int_equal(cpu->ops->free(cpu, address, NULL), RF_OK);
        assert_int_equal(rf_host_live_count(), before);
    }
}

static void copies_and_fills_are_done_at_once(void **state)
{
    rf_device *cpu = *state;
    rf_address address;
    rf_error error;
    char out[64];
    const char text[64] = "copied to the device, on it, and back";
    assert_int_equal(cpu->ops->alloc(cpu, 4096, 4096, &address, NULL), RF_OK);
    assert_int_equal(
        cpu->ops->copy(cpu, NULL, RF_COPY_TO_DEVICE, address, (uintptr_t)text, 64, NULL), RF_OK);
    assert_int_equal(cpu->ops->copy(cpu, NULL, RF_COPY_ON_DEVICE, address + 32, address, 64, NULL),
                     RF_OK);
    assert_int_equal(
        cpu->ops->copy(cpu, NULL, RF_COPY_FROM_DEVICE, (uintptr_t)out, address + 32, 64, NULL),
        RF_OK);
    assert_memory_equal(out, text, 64);
    assert_int_equal(cpu->ops->fill(cpu, NULL, address, 7, 4096, NULL), RF_OK);
    assert_int_equal(((char *)(uintptr_t)address)[4095], 7);
    /* Defect 1: addresses that pass the end of the address space. */
    assert_int_equal(
        cpu->ops->copy(cpu, NULL, RF_COPY_ON_DEVICE, address, UINT64_MAX - 3, 64, &error),
        RF_ERROR_RANGE);
    assert_int_equal(cpu->ops->copy(cpu, NULL, RF_COPY_TO_DEVICE, 0, address, 64, &error),
                     RF_ERROR_RANGE);
    assert_int_equal(cpu->ops->fill(cpu, NULL, UINT64_MAX, 0, 64, &error), RF_ERROR_RANGE);
    assert_int_equal(cpu->ops->copy(cpu, NULL, RF_COPY_TO_DEVICE, 0, 0, 0, NULL), RF_OK);
    assert_int_equal(cpu->ops->fill(cpu, NULL, 0, 0, 0, NULL), RF_OK);
    assert_int_equal(cpu->ops->free(cpu, address, NULL), RF_OK);
}

static void events_carry_time(void **state)
{
    rf_device *cpu = *state;
    rf_stream *stream = NULL;
    rf_event *begin = NULL;
    rf_event *end = NULL;
    uint64_t took = UINT64_MAX;
    bool done = false;
    rf_error error;
    assert_int_equal(cpu->ops->stream_create(cpu, &stream, NULL), RF_OK);
    assert_int_equal(cpu->ops->event_create(cpu, &begin, NULL), RF_OK);
    assert_int_equal(cpu->ops->event_create(cpu, &end, NULL), RF_OK);
    assert_int_equal(cpu->ops->event_record(cpu, begin, stream, NULL), RF_OK);
    assert_int_equal(cpu->ops->event_elapsed(cpu, begin, end, &took, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(took, UINT64_MAX);
    assert_int_equal(cpu->ops->stream_wait(cpu, stream, begin, NULL), RF_OK);
    assert_int_equal(cpu->ops->event_record(cpu, end, NULL, NULL), RF_OK);
    assert_int_equal(cpu->ops->event_sync(cpu, end, NULL), RF_OK);
    assert_int_equal(cpu->ops->event_done(cpu, end, &done, NULL), RF_OK);
    assert_true(done);
    assert_int_equal(cpu->ops->event_elapsed(cpu, begin, end, &took, NULL), RF_OK);
    assert_true(took < 60ULL * 1000000000U);
    assert_int_equal(cpu->ops->stream_sync(cpu, stream, NULL), RF_OK);
    assert_int_equal(cpu->ops->sync(cpu, NULL), RF_OK);
    assert_int_equal(cpu->ops->event_destroy(cpu, end, NULL), RF_OK);
    assert_int_equal(cpu->ops->event_destroy(cpu, begin, NULL), RF_OK);
    assert_int_equal(cpu->ops->stream_destroy(cpu, stream, NULL), RF_OK);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    assert_int_equal(cpu->ops->stream_create(cpu, &stream, &error), RF_ERROR_HOST_MEMORY);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    assert_int_equal(cpu->ops->event_create(cpu, &begin, &error), RF_ERROR_HOST_MEMORY);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
}

static void what_a_cpu_has_not_it_says(void **state)
{
    rf_device *cpu = *state;
    const rf_device_ops *ops = cpu->ops;
    rf_error error;
    assert_int_equal(ops->module_load(cpu, "", 0, NULL, &error), RF_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "device cpu has no modules"));
    assert_int_equal(ops->module_unload(cpu, NULL, &error), RF_ERROR_UNSUPPORTED);
    assert_int_equal(ops->module_function(cpu, NULL, "f", NULL, &error), RF_ERROR_UNSUPPORTED);
    assert_int_equal(ops->launch(cpu, NULL, NULL, NULL, &error), RF_ERROR_UNSUPPORTED);
    assert_int_equal(ops->graph_begin(cpu, NULL, &error), RF_ERROR_UNSUPPORTED);
    assert_int_equal(ops->graph_end(cpu, NULL, NULL, &error), RF_ERROR_UNSUPPORTED);
    assert_int_equal(ops->graph_replay(cpu, NULL, NULL, &error), RF_ERROR_UNSUPPORTED);
    assert_int_equal(ops->graph_destroy(cpu, NULL, &error), RF_ERROR_UNSUPPORTED);
}

static void count_line(void *user, rf_log_level level, const char *line)
{
    int *lines = user;
    *lines += level == RF_LOG_WARNING && strstr(line, "not given back") != NULL;
}

static void memory_left_behind_is_freed_and_told(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    int lines = 0;
    rf_device *cpu = NULL;
    rf_address address;
    void *memory;
    assert_int_equal(rf_device_open("cpu", &cpu, NULL), RF_OK);
    assert_int_equal(cpu->ops->alloc(cpu, 5000, 4096, &address, NULL), RF_OK);
    assert_int_equal(cpu->ops->pinned_alloc(cpu, 5000, &memory, NULL), RF_OK);
    rf_log_set(count_line, &lines, RF_LOG_WARNING);
    assert_int_equal(rf_device_close(cpu, NULL), RF_ERROR_INTERNAL);
    rf_log_set(NULL, NULL, RF_LOG_WARNING);
    assert_int_equal(lines, 2);
    assert_int_equal(rf_host_live_count(), before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_cpu, close_cpu)
    const struct CMUnitTest tests[] = {
        TEST(facts_are_this_machines),
        TEST(memory_is_aligned_zeroed_and_given_back),
        TEST(pinned_memory_is_memory_apart),
        TEST(more_than_there_is_is_refused),
        TEST(every_failed_allocation_is_reported),
        TEST(copies_and_fills_are_done_at_once),
        TEST(events_carry_time),
        TEST(what_a_cpu_has_not_it_says),
        cmocka_unit_test(memory_left_behind_is_freed_and_told),
    };
    return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}

/* test_measure.c: the halves of a load, measured by themselves: all bytes are moved, by as many
 * threads and buffers as asked, and nothing is left behind, whichever call fails. */
#include "support/cmocka.h"

#include <string.h>

#include "base/fault.h"
#include "base/memory.h"
#include "memory/measure.h"
#include "memory/staging_fixture.h"
#include "support/emu_runtime.h"

static void reading_is_of_whole_files(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    cargo *c = cargo_pack_random("/tmp", 3 << 20, 1);
    cargo *d = cargo_pack_random("/tmp", 1 << 20, 2);
    rf_file *const files[] = {c->file, d->file};
    for (uint32_t n = 1; n <= 4; n++) {
        rf_staging_config config = {.read_mode = n % 2 ? RF_READ_BUFFERED : RF_READ_DIRECT,
                                    .n_readers = n,
                                    .n_buffers = n,
                                    .buffer_bytes = 256 << 10,
                                    .unified =
                                        n > 2}; /* of no account: buffers are what is filled */
        rf_transfer_measurement m = {0};
        rf_error error;
        if (rf_memory_measure_read(r.runtime.memory, files, 2, &config, &m, &error) != RF_OK)
            fail_msg("%s", error.message);
        assert_int_equal(m.bytes, c->n_bytes + d->n_bytes);
        assert_true(m.nanoseconds > 0);
        assert_int_equal(m.n_readers, n);
        assert_int_equal(m.staging_buffers, n);
        assert_int_equal(m.staging_bytes, n * (256 << 10));
        assert_true(m.read_mode == RF_READ_BUFFERED || n % 2 == 0);
    }
    cargo_free(c);
    cargo_free(d);
    emu_runtime_close(&r);
}

static void copies_are_whole_buffers(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    rf_staging_config config = {.n_buffers = 3, .buffer_bytes = 128 << 10};
    for (uint64_t bytes = 1; bytes < 2000000; bytes = bytes * 3 + 1) {
        rf_transfer_measurement m = {0};
        uint64_t before = rf_fault_device_calls(r.device, RF_FAULT_COPY);
        rf_error error;
        if (rf_memory_measure_copy(r.runtime.memory, bytes, &config, &m, &error) != RF_OK)
            fail_msg("%s", error.message);
        assert_true(m.bytes >= bytes && m.bytes - bytes < config.buffer_bytes);
        assert_int_equal(m.staging_bytes, 3 * (128 << 10));
        /* And one round of every buffer that is not timed. */
        assert_int_equal(rf_fault_device_calls(r.device, RF_FAULT_COPY) - before,
                         3 + m.bytes / config.buffer_bytes);
    }
    emu_runtime_close(&r);
}

/* On a GPU by copies, which read and write; where memory is the host's by all threads, which read.
 */
static void memory_is_copied_or_read(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    rf_emu_set_memory(r.emu, 64 << 20); /* of which an eighth is moved */
    for (int unified = 0; unified < 2; unified++) {
        rf_memory_measurement m = {0};
        rf_error error;
        rf_runtime *runtime = NULL;
        rf_runtime_options options = RF_RUNTIME_OPTIONS_INIT;
        options.device = "cpu";
        options.n_threads = 2;
        assert_int_equal(rf_runtime_open(&options, &runtime, &error), RF_OK);
        if (rf_measure_memory(unified ? runtime : &r.runtime, &m, &error) != RF_OK)
            fail_msg("%s", error.message);
        assert_int_equal(m.copied, !unified);
        assert_int_equal(m.n_threads, unified ? 2 : 0);
        assert_true(m.n_runs >= 3 && m.nanoseconds > 0);
        assert_true(m.slowest_nanoseconds >= m.nanoseconds);
        assert_true(m.bytes >= (unified ? 1U << 20 : 2U << 20));
        assert_int_equal(rf_runtime_close(runtime, &error), RF_OK);
    }
    emu_runtime_expect_empty(&r);
    emu_runtime_close(&r);
}

static void limits_are_named(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    cargo *c = cargo_pack_random("/tmp", 1 << 16, 3);
    rf_transfer_measurement m = {.bytes = 7};
    rf_error error;
    rf_staging_config config = {.n_readers = 65};
    assert_int_equal(rf_memory_measure_read(r.runtime.memory, &c->file, 1, &config, &m, &error),
                     RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "n_readers is 65"));
    config = (rf_staging_config){.n_buffers = 257};
    assert_int_equal(rf_memory_measure_copy(r.runtime.memory, 1, &config, &m, &error),
                     RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "staging_buffers is 257"));
    assert_int_equal(m.bytes, 7);
    cargo_free(c);
    emu_runtime_close(&r);
}

/* All measurements, the nth call of something failing; whether that fired. */
static bool survive(emu_runtime *r, const cargo *c)
{
    rf_staging_config config = {
        .read_mode = RF_READ_DIRECT, .n_readers = 2, .n_buffers = 2, .buffer_bytes = 128 << 10};
    rf_transfer_measurement m = {.bytes = 7};
    rf_error error = {0};
    uint64_t host = rf_host_live_count();
    rf_status status = rf_memory_measure_read(r->runtime.memory, &c->file, 1, &config, &m, &error);
    if (status == RF_OK)
        status = rf_memory_measure_copy(r->runtime.memory, 600000, &config, &m, &error);
    else
        assert_int_equal(m.bytes, 7);
    rf_memory_measurement speed = {.bytes = 7};
    if (status == RF_OK)
        status = rf_memory_measure_speed(r->runtime.memory, r->runtime.threads, &speed, &error);
    if (status != RF_OK)
        assert_int_equal(speed.bytes, 7);
    bool fired = rf_fault_device_fired(r->device);
    for (int site = 0; site < RF_FAULT_SITE_COUNT; site++) {
        fired = fired || rf_fault_fired((rf_fault_site)site);
        rf_fault_arm((rf_fault_site)site, 0);
    }
    rf_fault_device_arm(r->device, RF_FAULT_ANY, 0);
    assert_int_equal(rf_host_live_count(), host);
    emu_runtime_expect_empty(r);
    if (!fired)
        assert_int_equal(status, RF_OK);
    if (status != RF_OK)
        assert_true(error.status == status && strlen(error.message) > 10);
    return fired;
}

static void every_failing_call_is_survived(void **state)
{
    (void)state;
    emu_runtime r;
    emu_runtime_open(&r);
    rf_emu_set_memory(r.emu, 64 << 20); /* so that little is moved */
    cargo *c = cargo_pack_random("/tmp", 1 << 20, 4);
    unsigned faults = 0;
    for (uint64_t n = 1;; n++, faults++) {
        rf_fault_device_arm(r.device, RF_FAULT_ANY, n);
        if (!survive(&r, c))
            break;
    }
    for (int site = 0; site < RF_FAULT_SITE_COUNT; site++) {
        for (uint64_t n = 1;; n++, faults++) {
            rf_fault_arm((rf_fault_site)site, n);
            if (!survive(&r, c))
                break;
        }
    }
    print_message("%u faults survived\n", faults);
    assert_true(faults > 40);
    cargo_free(c);
    emu_runtime_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_is_of_whole_files),
        cmocka_unit_test(copies_are_whole_buffers),
        cmocka_unit_test(memory_is_copied_or_read),
        cmocka_unit_test(limits_are_named),
        cmocka_unit_test(every_failing_call_is_survived),
    };
    return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}

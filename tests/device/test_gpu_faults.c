/*
 * test_gpu_faults.c: every call of a driver fails once, in a use of everything that a device does.
 * Each time the operation reports the driver's number and words, and when all is given back nothing
 * is left alive (defects 3 and 6).
 */
#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "device/gpu_fixture.h"

/* What a use of the device holds; given back in any state. */
typedef struct holdings {
    rf_device *gpu;
    rf_address memory;
    rf_address unaligned;
    void *pinned;
    rf_stream *stream;
    rf_event *begin;
    rf_event *end;
    rf_module *module;
    rf_graph *graph;
} holdings;

static rf_status move_bytes(holdings *h, rf_error *error)
{
    rf_device *gpu = h->gpu;
    const rf_device_ops *ops = gpu->ops;
    uintptr_t pinned = (uintptr_t)h->pinned;
    bool done;
    uint64_t took;
    RF_TRY(ops->event_record(gpu, h->begin, h->stream, error));
    RF_TRY(ops->copy(gpu, h->stream, RF_COPY_TO_DEVICE, h->memory, pinned, 4096, error));
    RF_TRY(ops->copy(gpu, h->stream, RF_COPY_ON_DEVICE, h->unaligned, h->memory, 100, error));
    RF_TRY(ops->fill(gpu, h->stream, h->memory, 1, 4096, error));
    RF_TRY(ops->copy(gpu, h->stream, RF_COPY_FROM_DEVICE, pinned, h->memory, 4096, error));
    RF_TRY(ops->event_record(gpu, h->end, h->stream, error));
    RF_TRY(ops->stream_wait(gpu, h->stream, h->end, error));
    RF_TRY(ops->event_sync(gpu, h->end, error));
    RF_TRY(ops->event_done(gpu, h->end, &done, error));
    RF_TRY(ops->event_elapsed(gpu, h->begin, h->end, &took, error));
    RF_TRY(ops->stream_sync(gpu, h->stream, error));
    return ops->sync(gpu, error);
}

static rf_status run_code(holdings *h, rf_error *error)
{
    rf_device *gpu = h->gpu;
    const rf_device_ops *ops = gpu->ops;
    rf_function *function = NULL;
    uint32_t count = 10;
    void *arguments[] = {&h->memory, &count};
    rf_launch launch = {
        .blocks = {1, 1, 1}, .threads = {1, 1, 1}, .arguments = arguments, .n_arguments = 2};
    RF_TRY(ops->module_load(gpu, "code", 4, &h->module, error));
    RF_TRY(ops->module_function(gpu, h->module, "add_one", &function, error));
    RF_TRY(ops->launch(gpu, h->stream, function, &launch, error));
    RF_TRY(ops->graph_begin(gpu, h->stream, error));
    RF_TRY(ops->launch(gpu, h->stream, function, &launch, error));
    RF_TRY(ops->graph_end(gpu, h->stream, &h->graph, error));
    return ops->graph_replay(gpu, h->stream, h->graph, error);
}

static rf_status give_back(holdings *h, rf_error *error)
{
    rf_device *gpu = h->gpu;
    const rf_device_ops *ops = gpu->ops;
    RF_TRY(ops->graph_destroy(gpu, h->graph, error));
    h->graph = NULL;
    RF_TRY(ops->module_unload(gpu, h->module, error));
    h->module = NULL;
    RF_TRY(ops->event_destroy(gpu, h->begin, error));
    h->begin = NULL;
    RF_TRY(ops->event_destroy(gpu, h->end, error));
    h->end = NULL;
    RF_TRY(ops->stream_destroy(gpu, h->stream, error));
    h->stream = NULL;
    if (h->pinned)
        RF_TRY(ops->pinned_free(gpu, h->pinned, error));
    h->pinned = NULL;
    if (h->unaligned)
        RF_TRY(ops->free(gpu, h->unaligned, error));
    h->unaligned = 0;
    if (h->memory)
        RF_TRY(ops->free(gpu, h->memory, error));
    h->memory = 0;
    return RF_OK;
}

static rf_status use(holdings *h, rf_error *error)
{
    rf_device *gpu = h->gpu;
    const rf_device_ops *ops = gpu->ops;
    rf_device_facts facts;
    RF_TRY(ops->facts(gpu, &facts, error));
    RF_TRY(ops->alloc(gpu, 8192, 4096, &h->memory, error));
    fake.misalignment = 256;
    rf_status status = ops->alloc(gpu, 8192, 4096, &h->unaligned, error);
    fake.misalignment = 0;
    RF_TRY(status);
    RF_TRY(ops->pinned_alloc(gpu, 8192, &h->pinned, error));
    RF_TRY(ops->stream_create(gpu, &h->stream, error));
    RF_TRY(ops->event_create(gpu, &h->begin, error));
    RF_TRY(ops->event_create(gpu, &h->end, error));
    RF_TRY(move_bytes(h, error));
    RF_TRY(run_code(h, error));
    return give_back(h, error);
}

/* Fails the nth call; false when there was no such call. */
static bool try_fault(rf_device *gpu, uint64_t n, int code)
{
    holdings h = {.gpu = gpu};
    rf_error error = {0};
    fake.fail_code = code;
    fake_fail(n);
    rf_status status = use(&h, &error);
    fake.fail_call = 0;
    if (!fake.failed) {
        assert_int_equal(status, RF_OK);
        return false;
    }
    if (status == RF_OK || error.status != status || error.driver_code != code)
        fail_msg("%s failed with %d and came back as %d, %d: %s", fake.failed, code, status,
                 error.driver_code, error.message);
    assert_non_null(strstr(error.message, code == 719 ? "FAKE_LAUNCH_FAILURE" : "a fake error"));
    assert_non_null(strstr(error.message, gpu->id));
    assert_int_equal(give_back(&h, &error), RF_OK);
    return true;
}

static void check_all(const char *id)
{
    /* An error of launching, out of memory, a wrong value, and one that nobody knows. */
    static const int codes[] = {719, 2, 1, 12345};
    uint64_t before = rf_host_live_count();
    uint64_t n = 0;
    for (size_t c = 0; c < sizeof(codes) / sizeof(codes[0]); c++) {
        bool fired = true;
        for (uint64_t call = 1; fired; call++) {
            rf_device *gpu = NULL;
            assert_int_equal(rf_device_open(id, &gpu, NULL), RF_OK);
            fired = try_fault(gpu, call, codes[c]);
            rf_device_close(gpu, NULL);
            for (int i = 0; i < FAKE_KIND_COUNT; i++)
                assert_int_equal(fake.live[i], 0);
            assert_int_equal(rf_host_live_count(), before);
            n += fired;
        }
    }
    assert_true(n > 240);
    print_message("%s: %u faults tried, nothing leaked\n", id, (unsigned)n);
}

static void every_call_of_hip_may_fail(void **state)
{
    (void)state;
    check_all("hip:1");
}

static void every_call_of_cuda_may_fail(void **state)
{
    (void)state;
    check_all("cuda:1");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_fake, tear_down_fake)
    const struct CMUnitTest tests[] = {
        TEST(every_call_of_hip_may_fail),
        TEST(every_call_of_cuda_may_fail),
    };
    return cmocka_run_group_tests_name("gpu-faults", tests, NULL, NULL);
}

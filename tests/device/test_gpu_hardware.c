/*
 * test_gpu_hardware.c: the drivers of this machine. One that is not installed is skipped; one that
 * is there without a device has to say so cleanly; on every device that there is, or the one named
 * by --device ID, everything that a device does is done for real.
 */
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "device/backend.h"
#include "support/device.h"

#define SIZE ((uint64_t)8 << 20)

/* A kernel for NVIDIA's cards: p[i] += 1 for each of n bytes, one thread a byte, through dynamic
 * shared memory. */
static const char ptx[] = ".version 7.0\n"
                          ".target sm_75\n"
                          ".address_size 64\n"
                          ".extern .shared .align 16 .b8 shared[];\n"
                          ".visible .entry add_one(.param .u64 p, .param .u32 n)\n"
                          "{\n"
                          "  .reg .pred %q;\n"
                          "  .reg .b32 %r<8>;\n"
                          "  .reg .b64 %d<4>;\n"
                          "  ld.param.u64 %d0, [p];\n"
                          "  ld.param.u32 %r0, [n];\n"
                          "  mov.u32 %r1, %ctaid.x;\n"
                          "  mov.u32 %r2, %ntid.x;\n"
                          "  mov.u32 %r3, %tid.x;\n"
                          "  mad.lo.s32 %r4, %r1, %r2, %r3;\n"
                          "  setp.ge.u32 %q, %r4, %r0;\n"
                          "  @%q ret;\n"
                          "  cvta.to.global.u64 %d0, %d0;\n"
                          "  cvt.u64.u32 %d1, %r4;\n"
                          "  add.s64 %d2, %d0, %d1;\n"
                          "  ld.global.u8 %r5, [%d2];\n"
                          "  add.s32 %r5, %r5, 1;\n"
                          "  mov.u32 %r6, shared;\n"
                          "  add.s32 %r6, %r6, %r3;\n"
                          "  st.shared.u8 [%r6], %r5;\n"
                          "  ld.shared.u8 %r7, [%r6];\n"
                          "  st.global.u8 [%d2], %r7;\n"
                          "  ret;\n"
                          "}\n";

/* For Hopper cards: p[i] += the number of blocks in the thread's cluster, which is 1 where none was
 * asked for, behind a barrier of that cluster. */
static const char ptx_90[] = ".version 7.8\n"
                             ".target sm_90\n"
                             ".address_size 64\n"
                             ".visible .entry add_cluster(.param .u64 p, .param .u32 n)\n"
                             "{\n"
                             "  .reg .pred %q;\n"
                             "  .reg .b32 %r<8>;\n"
                             "  .reg .b64 %d<4>;\n"
                             "  ld.param.u64 %d0, [p];\n"
                             "  ld.param.u32 %r0, [n];\n"
                             "  barrier.cluster.arrive;\n"
                             "  barrier.cluster.wait;\n"
                             "  mov.u32 %r1, %ctaid.x;\n"
                             "  mov.u32 %r2, %ntid.x;\n"
                             "  mov.u32 %r3, %tid.x;\n"
                             "  mad.lo.s32 %r4, %r1, %r2, %r3;\n"
                             "  setp.ge.u32 %q, %r4, %r0;\n"
                             "  @%q ret;\n"
                             "  cvta.to.global.u64 %d0, %d0;\n"
                             "  cvt.u64.u32 %d1, %r4;\n"
                             "  add.s64 %d2, %d0, %d1;\n"
                             "  mov.u32 %r6, %cluster_nctarank;\n"
                             "  ld.global.u8 %r5, [%d2];\n"
                             "  add.s32 %r5, %r5, %r6;\n"
                             "  st.global.u8 [%d2], %r5;\n"
                             "  ret;\n"
                             "}\n";

/* Fails the test with the library's words. */
static void check_ok(rf_status status, const rf_error *error, int line)
{
    if (status != RF_OK)
        fail_msg("line %d: %s", line, error->message);
}

#define OK(call) check_ok(call, &error, __LINE__)

/* ---- on one device -------------------------------------------------------------------------- */

static void check_facts(rf_device *gpu)
{
    rf_device_facts facts;
    rf_device_memory memory;
    rf_error error;
    OK(gpu->ops->facts(gpu, &facts, &error));
    OK(gpu->ops->memory(gpu, &memory, &error));
    print_message("%s: %s, %s, %u units, warp of %u, %llu of %llu MiB free (%s)\n", facts.info.id,
                  facts.info.name, facts.info.architecture, facts.info.compute_units,
                  facts.info.warp_size, (unsigned long long)(facts.info.memory_free >> 20),
                  (unsigned long long)(facts.info.memory_total >> 20), facts.info.memory_source);
    assert_true(facts.info.name[0] && facts.info.architecture[0]);
    assert_true(facts.info.compute_units > 0);
    assert_true(facts.info.warp_size == 32 || facts.info.warp_size == 64);
    assert_true(facts.info.memory_free <= facts.info.memory_total);
    assert_true(memory.driver.total > 0);
    assert_int_equal(facts.info.driver_memory.total, memory.driver.total);
    assert_false(facts.unified);
    print_message("%s\n", facts.info.driver);
    assert_non_null(strchr(facts.info.driver, '('));
    assert_true(strpbrk(facts.info.driver, "123456789") != NULL);
}

static void check_bytes(const unsigned char *bytes, uint64_t count, unsigned char expected)
{
    for (uint64_t i = 0; i < count; i++)
        if (bytes[i] != expected)
            fail_msg("byte %llu is %u, expected %u", (unsigned long long)i, bytes[i], expected);
}

/* Bytes through pinned memory at odd offsets, on two streams that an event orders. */
static void check_copies(rf_device *gpu)
{
    const rf_device_ops *ops = gpu->ops;
    rf_error error;
    rf_address a = 0;
    rf_address b = 0;
    void *pinned = NULL;
    rf_stream *streams[2] = {NULL, NULL};
    rf_event *events[2] = {NULL, NULL};
    uint64_t took = 0;
    bool done = false;
    OK(ops->alloc(gpu, SIZE, 4096, &a, &error));
    OK(ops->alloc(gpu, SIZE + 1, 1ULL << 22, &b, &error));
    assert_int_equal(a % 4096, 0);
    assert_int_equal(b % (1ULL << 22), 0);
    OK(ops->pinned_alloc(gpu, 2 * SIZE, &pinned, &error));
    unsigned char *in = pinned;
    unsigned char *out = in + SIZE;
    for (uint64_t i = 0; i < SIZE; i++)
        in[i] = (unsigned char)(i * 31 >> 3);
    for (int i = 0; i < 2; i++) {
        OK(ops->stream_create(gpu, &streams[i], &error));
        OK(ops->event_create(gpu, &events[i], &error));
    }
    OK(ops->event_record(gpu, events[0], streams[0], &error));
    OK(ops->copy(gpu, streams[0], RF_COPY_TO_DEVICE, a + 3, (uintptr_t)in + 3, SIZE - 3, &error));
    OK(ops->copy(gpu, streams[0], RF_COPY_ON_DEVICE, b + 1, a + 3, SIZE - 3, &error));
    OK(ops->event_record(gpu, events[1], streams[0], &error));
    OK(ops->stream_wait(gpu, streams[1], events[1], &error));
    OK(ops->copy(gpu, streams[1], RF_COPY_FROM_DEVICE, (uintptr_t)out, b + 1, SIZE - 3, &error));
    OK(ops->event_sync(gpu, events[1], &error));
    OK(ops->event_done(gpu, events[1], &done, &error));
    assert_true(done);
    OK(ops->event_elapsed(gpu, events[0], events[1], &took, &error));
    assert_true(took > 0);
    OK(ops->stream_sync(gpu, streams[1], &error));
    assert_memory_equal(out, in + 3, SIZE - 3);
    OK(ops->fill(gpu, NULL, a + 4097, 0x5A, 1001, &error));
    OK(ops->copy(gpu, NULL, RF_COPY_FROM_DEVICE, (uintptr_t)out, a + 4097, 1001, &error));
    OK(ops->sync(gpu, &error));
    check_bytes(out, 1001, 0x5A);
    for (int i = 0; i < 2; i++) {
        OK(ops->event_destroy(gpu, events[i], &error));
        OK(ops->stream_destroy(gpu, streams[i], &error));
    }
    OK(ops->pinned_free(gpu, pinned, &error));
    OK(ops->free(gpu, b, &error));
    OK(ops->free(gpu, a, &error));
}

/* Memory that is taken is missing from what is free, by all who say so, and comes back. */
static void check_memory_words(rf_device *gpu)
{
    const uint64_t bytes = (uint64_t)256 << 20;
    rf_device_memory before;
    rf_device_memory taken;
    rf_device_memory after;
    rf_address address = 0;
    rf_error error;
    OK(gpu->ops->memory(gpu, &before, &error));
    OK(gpu->ops->alloc(gpu, bytes, 4096, &address, &error));
    OK(gpu->ops->memory(gpu, &taken, &error));
    OK(gpu->ops->free(gpu, address, &error));
    OK(gpu->ops->memory(gpu, &after, &error));
    /* Others use the device too: half is enough to tell. */
    assert_true(before.driver.free >= taken.driver.free + bytes / 2);
    assert_true(after.driver.free >= taken.driver.free + bytes / 2);
    assert_true(before.free <= before.driver.free && before.total > 0);
    if (before.vram.total)
        assert_true(before.vram.free <= before.vram.total);
}

/* Both ways at once, on two streams; nothing else waits for them than their events. */
static void check_two_ways(rf_device *gpu)
{
    enum { ROUNDS = 20 };
    const rf_device_ops *ops = gpu->ops;
    rf_error error;
    rf_address there = 0;
    rf_address here = 0;
    void *pinned = NULL;
    rf_stream *streams[2] = {NULL, NULL};
    rf_event *events[2] = {NULL, NULL};
    OK(ops->alloc(gpu, SIZE, 4096, &there, &error));
    OK(ops->alloc(gpu, SIZE, 4096, &here, &error));
    OK(ops->pinned_alloc(gpu, 2 * SIZE, &pinned, &error));
    unsigned char *in = pinned;
    unsigned char *out = in + SIZE;
    for (int i = 0; i < 2; i++) {
        OK(ops->stream_create(gpu, &streams[i], &error));
        OK(ops->event_create(gpu, &events[i], &error));
    }
    OK(ops->fill(gpu, NULL, here, 0x77, SIZE, &error));
    OK(ops->sync(gpu, &error));
    memset(in, 0x33, SIZE);
    for (int i = 0; i < ROUNDS; i++) {
        OK(ops->copy(gpu, streams[0], RF_COPY_TO_DEVICE, there, (uintptr_t)in, SIZE, &error));
        OK(ops->copy(gpu, streams[1], RF_COPY_FROM_DEVICE, (uintptr_t)out, here, SIZE, &error));
    }
    int pending = 0;
    for (int i = 0; i < 2; i++) {
        bool done = true;
        OK(ops->event_record(gpu, events[i], streams[i], &error));
        OK(ops->event_done(gpu, events[i], &done, &error));
        pending += !done;
        OK(ops->event_sync(gpu, events[i], &error));
        OK(ops->event_done(gpu, events[i], &done, &error));
        assert_true(done);
    }
    print_message("%d of 2 events were not done when first asked\n", pending);
    assert_true(pending > 0); /* 160 MiB a stream: copies do not wait */
    check_bytes(out, SIZE, 0x77);
    OK(ops->copy(gpu, NULL, RF_COPY_FROM_DEVICE, (uintptr_t)out, there, SIZE, &error));
    OK(ops->sync(gpu, &error));
    check_bytes(out, SIZE, 0x33);
    for (int i = 0; i < 2; i++) {
        OK(ops->event_destroy(gpu, events[i], &error));
        OK(ops->stream_destroy(gpu, streams[i], &error));
    }
    OK(ops->pinned_free(gpu, pinned, &error));
    OK(ops->free(gpu, here, &error));
    OK(ops->free(gpu, there, &error));
}

/* Sizes and offsets above 4 GiB, where there is so much memory. */
static void check_large(rf_device *gpu)
{
    const uint64_t bytes = ((uint64_t)5 << 30) + 3;
    const uint64_t offsets[] = {0, ((uint64_t)1 << 32) - 1, (uint64_t)1 << 32, bytes - 1};
    rf_device_memory memory;
    rf_address address = 0;
    rf_address other = 0;
    rf_error error;
    OK(gpu->ops->memory(gpu, &memory, &error));
    if (memory.free < 3 * bytes)
        return;
    OK(gpu->ops->alloc(gpu, bytes, 4096, &address, &error));
    OK(gpu->ops->alloc(gpu, bytes, 4096, &other, &error));
    OK(gpu->ops->fill(gpu, NULL, address, 1, bytes, &error));
    for (size_t i = 0; i < 4; i++)
        OK(gpu->ops->fill(gpu, NULL, address + offsets[i], (uint8_t)(i + 2), 1, &error));
    OK(gpu->ops->copy(gpu, NULL, RF_COPY_ON_DEVICE, other, address, bytes, &error));
    for (size_t i = 0; i < 4; i++) {
        unsigned char byte = 0;
        OK(gpu->ops->copy(gpu, NULL, RF_COPY_FROM_DEVICE, (uintptr_t)&byte, other + offsets[i], 1,
                          &error));
        OK(gpu->ops->sync(gpu, &error));
        assert_int_equal(byte, i + 2);
    }
    OK(gpu->ops->free(gpu, other, &error));
    OK(gpu->ops->free(gpu, address, &error));
}

/* More than there is; and the device lives on. */
static void check_out_of_memory(rf_device *gpu)
{
    rf_device_memory memory;
    rf_address address = 0;
    rf_error error;
    OK(gpu->ops->memory(gpu, &memory, &error));
    assert_int_equal(gpu->ops->alloc(gpu, memory.driver.total + SIZE, 4096, &address, &error),
                     RF_ERROR_DEVICE_MEMORY);
    print_message("%s\n", error.message);
    assert_int_equal(error.driver_code, 2);
    assert_non_null(strstr(error.message, "free "));
    OK(gpu->ops->alloc(gpu, SIZE, 4096, &address, &error));
    OK(gpu->ops->free(gpu, address, &error));
    assert_int_equal(gpu->ops->free(gpu, address, &error), RF_ERROR_ARGUMENT);
}

/* A launch with 64 KiB of dynamic shared memory, and a graph of five, replayed twice. */
static void check_launches(rf_device *gpu, rf_module *module)
{
    const rf_device_ops *ops = gpu->ops;
    uint32_t count = 100000;
    rf_address address = 0;
    rf_stream *stream = NULL;
    rf_function *function = NULL;
    rf_graph *graph = NULL;
    rf_error error;
    void *arguments[] = {&address, &count};
    rf_launch launch = {.blocks = {(count + 255) / 256, 1, 1},
                        .threads = {256, 1, 1},
                        .shared_bytes = 64 << 10,
                        .arguments = arguments,
                        .n_arguments = 2};
    unsigned char *bytes = test_malloc(count);
    OK(ops->alloc(gpu, count, 4096, &address, &error));
    OK(ops->stream_create(gpu, &stream, &error));
    OK(ops->module_function(gpu, module, "add_one", &function, &error));
    OK(ops->fill(gpu, stream, address, 1, count, &error));
    OK(ops->launch(gpu, stream, function, &launch, &error));
    OK(ops->graph_begin(gpu, stream, &error));
    for (int i = 0; i < 5; i++)
        OK(ops->launch(gpu, stream, function, &launch, &error));
    OK(ops->graph_end(gpu, stream, &graph, &error));
    OK(ops->graph_replay(gpu, stream, graph, &error));
    OK(ops->graph_replay(gpu, stream, graph, &error));
    OK(ops->copy(gpu, stream, RF_COPY_FROM_DEVICE, (uintptr_t)bytes, address, count, &error));
    OK(ops->stream_sync(gpu, stream, &error));
    check_bytes(bytes, count, 12);
    launch.threads[0] = 1U << 20;
    assert_int_not_equal(ops->launch(gpu, stream, function, &launch, &error), RF_OK);
    print_message("%s\n", error.message);
    OK(ops->graph_destroy(gpu, graph, &error));
    OK(ops->stream_destroy(gpu, stream, &error));
    OK(ops->free(gpu, address, &error));
    test_free(bytes);
}

/* Code that only this architecture has. */
static void check_hopper(rf_device *gpu)
{
    const rf_device_ops *ops = gpu->ops;
    uint32_t count = 100000;
    rf_address address = 0;
    rf_module *module = NULL;
    rf_function *function = NULL;
    rf_error error;
    void *arguments[] = {&address, &count};
    rf_launch launch = {.blocks = {(count + 127) / 128, 1, 1},
                        .threads = {128, 1, 1},
                        .arguments = arguments,
                        .n_arguments = 2};
    unsigned char *bytes = test_malloc(count);
    OK(ops->module_load(gpu, ptx_90, sizeof(ptx_90) - 1, &module, &error));
    OK(ops->module_function(gpu, module, "add_cluster", &function, &error));
    OK(ops->alloc(gpu, count, 4096, &address, &error));
    OK(ops->fill(gpu, NULL, address, 41, count, &error));
    OK(ops->launch(gpu, NULL, function, &launch, &error));
    OK(ops->copy(gpu, NULL, RF_COPY_FROM_DEVICE, (uintptr_t)bytes, address, count, &error));
    OK(ops->sync(gpu, &error));
    check_bytes(bytes, count, 42);
    OK(ops->free(gpu, address, &error));
    OK(ops->module_unload(gpu, module, &error));
    test_free(bytes);
}

static void check_modules(rf_device *gpu)
{
    rf_module *module = NULL;
    rf_function *function = NULL;
    rf_error error;
    static const char bad[] = ".version 7.0\n.target sm_75\nnonsense\n";
    assert_int_equal(gpu->ops->module_load(gpu, bad, sizeof(bad) - 1, &module, &error),
                     RF_ERROR_UNSUPPORTED);
    print_message("%s\n", error.message);
    OK(gpu->ops->module_load(gpu, ptx, sizeof(ptx) - 1, &module, &error));
    assert_int_equal(gpu->ops->module_function(gpu, module, "no_such", &function, &error),
                     RF_ERROR_NOT_FOUND);
    check_launches(gpu, module);
    OK(gpu->ops->module_unload(gpu, module, &error));
    rf_device_facts facts;
    OK(gpu->ops->facts(gpu, &facts, &error));
    if (strncmp(facts.info.architecture, "sm_9", 4) == 0)
        check_hopper(gpu);
}

/* The self-test that users have, graphs of copies and fills included. */
static void print_report(void *user, const rf_check_report *report)
{
    (void)user;
    print_message("  %-26s %-15s %s\n", report->name, rf_check_result_name(report->result),
                  report->detail);
}

static void check_by_itself(const char *id)
{
    rf_check_options options = RF_CHECK_OPTIONS_INIT;
    rf_check_summary summary;
    rf_error error;
    options.report = print_report;
    OK(rf_device_check(id, &options, &summary, &error));
    assert_int_equal(summary.results[RF_CHECK_FAILED], 0);
    assert_int_equal(summary.results[RF_CHECK_NOT_AVAILABLE], 0);
}

/* What is left behind is named when the device is closed, and freed: it opens again with as much.
 */
static void check_leak_report(const char *id)
{
    rf_device *gpu = NULL;
    rf_address address = 0;
    rf_error error;
    OK(rf_device_open(id, &gpu, &error));
    OK(gpu->ops->alloc(gpu, SIZE, 4096, &address, &error));
    assert_int_equal(rf_device_close(gpu, &error), RF_ERROR_INTERNAL);
    print_message("%s\n", error.message);
    assert_non_null(strstr(error.message, "8388608 bytes of device memory at 0x"));
}

/* ---- all devices of a driver, or one --------------------------------------------------------- */

static void check_device(const char *id)
{
    rf_device *gpu = NULL;
    rf_error error;
    OK(rf_device_open(id, &gpu, &error));
    check_facts(gpu);
    check_memory_words(gpu);
    check_copies(gpu);
    check_two_ways(gpu);
    check_large(gpu);
    check_out_of_memory(gpu);
    if (strcmp(gpu->ops->backend, rf_backend_cuda.name) == 0)
        check_modules(gpu);
    OK(rf_device_close(gpu, &error));
    check_by_itself(id);
    check_leak_report(id);
}

static void check_driver(const rf_backend *backend)
{
    uint32_t count = 0;
    rf_error error;
    OK(backend->count(&count, &error));
    for (uint32_t i = 0; i < count; i++) {
        char id[RF_DEVICE_ID_BYTES];
        backend->id(i, id);
        check_device(id);
    }
    if (count > 0)
        return;
    assert_int_equal(backend->why_none(&error), RF_ERROR_NOT_FOUND);
    if (strstr(error.message, "is installed")) {
        print_message("skipped: %s\n", error.message);
        skip();
    }
    print_message("%s\n", error.message);
    assert_non_null(strstr(error.message, "finds no device"));
}

static void the_hip_driver_of_this_machine_works(void **state)
{
    (void)state;
    check_driver(&rf_backend_hip);
}

static void the_cuda_driver_of_this_machine_works(void **state)
{
    (void)state;
    check_driver(&rf_backend_cuda);
}

/* *state: its id. */
static void the_device_that_was_named_works(void **state)
{
    const char *id = *state;
    if (strncmp(id, "hip", 3) != 0 && strncmp(id, "cuda", 4) != 0) {
        print_message("skipped: %s has no driver\n", id);
        skip();
    }
    check_device(id);
}

int main(int argc, char **argv)
{
    const char *id = NULL;
    const int status = device_argument(argc, argv, DEVICE_OPENS, &id);
    const struct CMUnitTest one[] = {
        cmocka_unit_test_prestate(the_device_that_was_named_works, (void *)(uintptr_t)id),
    };
    const struct CMUnitTest all[] = {
        cmocka_unit_test(the_hip_driver_of_this_machine_works),
        cmocka_unit_test(the_cuda_driver_of_this_machine_works),
    };
    if (status)
        return status;
    return id ? cmocka_run_group_tests_name("gpu-hardware", one, NULL, NULL)
              : cmocka_run_group_tests_name("gpu-hardware", all, NULL, NULL);
}

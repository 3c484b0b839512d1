/* test_gpu_operations.c: everything that an open GPU does, through HIP's and CUDA's entry points of
 * the fake driver: each test runs once for either. */
#include "support/cmocka.h"

#include <pthread.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "device/gpu_fixture.h"

static rf_device *open_device(void **state)
{
    rf_device *device = NULL;
    assert_int_equal(rf_device_open(*state, &device, NULL), RF_OK);
    return device;
}

static int set_up_hip(void **state)
{
    static char id[] = "hip:1";
    set_up_fake(state);
    *state = id;
    return 0;
}

static int set_up_cuda(void **state)
{
    static char id[] = "cuda:1";
    set_up_fake(state);
    *state = id;
    return 0;
}

/* ---- memory --------------------------------------------------------------------------------- */

static void memory_is_aligned_as_asked(void **state)
{
    rf_device *gpu = open_device(state);
    uint64_t before = rf_host_live_count();
    for (uint64_t alignment = 1; alignment <= 1U << 16; alignment <<= 1) {
        rf_address address = 0;
        /* An address that is no multiple of more than 256, as a driver may give. */
        fake.misalignment = alignment % 512 ? 0 : 256;
        assert_int_equal(gpu->ops->alloc(gpu, 10000, alignment, &address, NULL), RF_OK);
        assert_int_equal(address % alignment, 0);
        assert_int_equal(fake.live[FAKE_MEMORY], 1);
        memset((void *)(uintptr_t)address, 1,
               10000); /* the sanitizer sees that all of it is ours */
        assert_int_equal(gpu->ops->free(gpu, address, NULL), RF_OK);
        assert_int_equal(fake.live[FAKE_MEMORY], 0);
    }
    assert_int_equal(rf_host_live_count(), before);
    rf_device_close(gpu, NULL);
}

static void what_is_aligned_by_itself_takes_no_more(void **state)
{
    rf_device *gpu = open_device(state);
    rf_address address = 0;
    assert_int_equal(gpu->ops->alloc(gpu, 10000, 4096, &address, NULL), RF_OK);
    assert_int_equal(fake.bytes, 10000);
    assert_int_equal(gpu->ops->free(gpu, address, NULL), RF_OK);
    rf_device_close(gpu, NULL);
}

static void free_takes_what_alloc_gave(void **state)
{
    rf_device *gpu = open_device(state);
    rf_address address = 0;
    void *pinned = NULL;
    rf_error error;
    assert_int_equal(gpu->ops->alloc(gpu, 4096, 256, &address, NULL), RF_OK);
    assert_int_equal(gpu->ops->pinned_alloc(gpu, 4096, &pinned, NULL), RF_OK);
    memset(pinned, 1, 4096);
    assert_int_equal(gpu->ops->free(gpu, address + 256, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(gpu->ops->free(gpu, (uintptr_t)pinned, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(gpu->ops->pinned_free(gpu, (void *)(uintptr_t)address, &error),
                     RF_ERROR_ARGUMENT);
    assert_int_equal(gpu->ops->free(gpu, address, NULL), RF_OK);
    assert_int_equal(gpu->ops->pinned_free(gpu, pinned, NULL), RF_OK);
    assert_int_equal(gpu->ops->free(gpu, address, &error), RF_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "is not allocated"));
    rf_device_close(gpu, NULL);
}

static void running_out_says_what_was_asked_and_free(void **state)
{
    rf_device *gpu = open_device(state);
    rf_address address = 1;
    void *pinned = NULL;
    rf_error error;
    fake.memory_used = 1000000;
    assert_int_equal(gpu->ops->alloc(gpu, 1U << 30, 4096, &address, &error),
                     RF_ERROR_DEVICE_MEMORY);
    assert_int_equal(error.driver_code, 2);
    assert_non_null(strstr(error.message, ": asked 1073741824 bytes, free 1072741824 (driver): "));
    assert_non_null(strstr(error.message, "FAKE_ERROR: a fake error (2)"));
    assert_non_null(strstr(error.message, *state));
    assert_int_equal(gpu->ops->pinned_alloc(gpu, 1U << 30, &pinned, &error), RF_ERROR_HOST_MEMORY);
    assert_int_equal(error.status, RF_ERROR_HOST_MEMORY);
    assert_non_null(strstr(error.message, "asked 1073741824 bytes of pinned memory"));
    assert_int_equal(gpu->ops->alloc(gpu, UINT64_MAX, 4096, &address, &error), RF_ERROR_OVERFLOW);
    assert_int_equal(gpu->ops->alloc(gpu, 0, 4096, &address, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(gpu->ops->alloc(gpu, 4096, 3000, &address, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(address, 1);
    assert_int_equal(gpu->ops->alloc(gpu, 4096, 4096, &address, &error), RF_OK); /* it lives on */
    assert_int_equal(gpu->ops->free(gpu, address, NULL), RF_OK);
    rf_device_close(gpu, NULL);
}

static void host_memory_may_run_out(void **state)
{
    rf_device *gpu = open_device(state);
    uint64_t before = rf_host_live_count();
    rf_address address = 0;
    void *pinned = NULL;
    rf_module *module = NULL;
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    assert_int_equal(gpu->ops->alloc(gpu, 4096, 4096, &address, NULL), RF_ERROR_HOST_MEMORY);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    assert_int_equal(gpu->ops->pinned_alloc(gpu, 4096, &pinned, NULL), RF_ERROR_HOST_MEMORY);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    assert_int_equal(gpu->ops->module_load(gpu, "code", 5, &module, NULL), RF_ERROR_HOST_MEMORY);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    assert_int_equal(rf_host_live_count(), before);
    rf_device_close(gpu, NULL);
}

static void count_line(void *user, rf_log_level level, const char *line)
{
    int *lines = user;
    *lines += level == RF_LOG_WARNING && strstr(line, "not given back") != NULL;
}

static void memory_left_behind_is_freed_and_told(void **state)
{
    uint64_t before = rf_host_live_count();
    rf_device *gpu = open_device(state);
    rf_address address = 0;
    void *pinned = NULL;
    int lines = 0;
    assert_int_equal(gpu->ops->alloc(gpu, 4096, 4096, &address, NULL), RF_OK);
    assert_int_equal(gpu->ops->pinned_alloc(gpu, 4096, &pinned, NULL), RF_OK);
    rf_log_set(count_line, &lines, RF_LOG_WARNING);
    assert_int_equal(rf_device_close(gpu, NULL), RF_ERROR_INTERNAL);
    rf_log_set(NULL, NULL, RF_LOG_WARNING);
    assert_int_equal(lines, 2);
    assert_int_equal(rf_host_live_count(), before);
}

/* ---- copies, streams, events ---------------------------------------------------------------- */

static void bytes_go_there_and_back(void **state)
{
    rf_device *gpu = open_device(state);
    const rf_device_ops *ops = gpu->ops;
    rf_stream *stream = NULL;
    rf_address a = 0;
    char out[64];
    const char text[64] = "to the device, on it, and back";
    rf_error error;
    assert_int_equal(ops->alloc(gpu, 4096, 4096, &a, NULL), RF_OK);
    assert_int_equal(ops->stream_create(gpu, &stream, NULL), RF_OK);
    assert_int_equal(ops->copy(gpu, stream, RF_COPY_TO_DEVICE, a, (uintptr_t)text, 64, NULL),
                     RF_OK);
    assert_int_equal(ops->copy(gpu, stream, RF_COPY_ON_DEVICE, a + 100, a, 64, NULL), RF_OK);
    assert_int_equal(ops->copy(gpu, stream, RF_COPY_FROM_DEVICE, (uintptr_t)out, a + 100, 64, NULL),
                     RF_OK);
    assert_int_equal(ops->stream_sync(gpu, stream, NULL), RF_OK);
    assert_memory_equal(out, text, 64);
    assert_int_equal(ops->fill(gpu, NULL, a, 0xAB, 4096, NULL), RF_OK);
    assert_int_equal(ops->copy(gpu, NULL, RF_COPY_FROM_DEVICE, (uintptr_t)out, a + 4032, 64, NULL),
                     RF_OK);
    assert_int_equal((unsigned char)out[63], 0xAB);
    /* Defect 1: addresses that pass the end of the address space; nothing at all is fine. */
    assert_int_equal(ops->copy(gpu, NULL, RF_COPY_ON_DEVICE, a, UINT64_MAX - 3, 64, &error),
                     RF_ERROR_RANGE);
    assert_int_equal(ops->copy(gpu, NULL, RF_COPY_ON_DEVICE, 0, a, 64, &error), RF_ERROR_RANGE);
    assert_int_equal(ops->fill(gpu, NULL, UINT64_MAX, 0, 2, &error), RF_ERROR_RANGE);
    assert_int_equal(ops->copy(gpu, NULL, (rf_copy_kind)7, a, a, 64, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(ops->copy(gpu, NULL, RF_COPY_TO_DEVICE, 0, 0, 0, NULL), RF_OK);
    assert_int_equal(ops->fill(gpu, NULL, 0, 0, 0, NULL), RF_OK);
    assert_int_equal(ops->stream_destroy(gpu, stream, NULL), RF_OK);
    assert_int_equal(ops->free(gpu, a, NULL), RF_OK);
    rf_device_close(gpu, NULL);
}

static void events_order_and_time_work(void **state)
{
    rf_device *gpu = open_device(state);
    const rf_device_ops *ops = gpu->ops;
    rf_stream *stream = NULL;
    rf_event *begin = NULL;
    rf_event *end = NULL;
    uint64_t took = 7;
    bool done = false;
    rf_error error;
    assert_int_equal(ops->stream_create(gpu, &stream, NULL), RF_OK);
    assert_int_equal(ops->event_create(gpu, &begin, NULL), RF_OK);
    assert_int_equal(ops->event_create(gpu, &end, NULL), RF_OK);
    assert_int_equal(ops->event_record(gpu, begin, stream, NULL), RF_OK);
    assert_int_equal(ops->event_elapsed(gpu, begin, end, &took, &error), RF_ERROR_DEVICE);
    assert_int_equal(took, 7);
    assert_int_equal(ops->stream_wait(gpu, stream, begin, NULL), RF_OK);
    assert_int_equal(ops->event_record(gpu, end, NULL, NULL), RF_OK);
    fake.busy = true;
    assert_int_equal(ops->event_done(gpu, end, &done, NULL), RF_OK);
    assert_false(done);
    fake.busy = false;
    assert_int_equal(ops->event_done(gpu, end, &done, NULL), RF_OK);
    assert_true(done);
    assert_int_equal(ops->event_sync(gpu, end, NULL), RF_OK);
    assert_int_equal(ops->event_elapsed(gpu, begin, end, &took, NULL), RF_OK);
    assert_int_equal(took, 1500000);
    fake.milliseconds = -1;
    assert_int_equal(ops->event_elapsed(gpu, begin, end, &took, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(took, 1500000);
    assert_int_equal(ops->event_destroy(gpu, end, NULL), RF_OK);
    assert_int_equal(ops->event_destroy(gpu, begin, NULL), RF_OK);
    assert_int_equal(ops->stream_destroy(gpu, stream, NULL), RF_OK);
    assert_int_equal(ops->sync(gpu, NULL), RF_OK);
    rf_device_close(gpu, NULL);
}

static void nothing_is_destroyed_twice(void **state)
{
    rf_device *gpu = open_device(state);
    assert_int_equal(gpu->ops->stream_destroy(gpu, NULL, NULL), RF_OK);
    assert_int_equal(gpu->ops->event_destroy(gpu, NULL, NULL), RF_OK);
    assert_int_equal(gpu->ops->module_unload(gpu, NULL, NULL), RF_OK);
    assert_int_equal(gpu->ops->graph_destroy(gpu, NULL, NULL), RF_OK);
    rf_device_close(gpu, NULL);
}

/* ---- code and graphs ------------------------------------------------------------------------ */

static void functions_get_their_arguments(void **state)
{
    rf_device *gpu = open_device(state);
    const rf_device_ops *ops = gpu->ops;
    rf_module *module = NULL;
    rf_function *function = NULL;
    rf_address address = 0;
    uint32_t count = 10;
    void *arguments[] = {&address, &count};
    rf_launch launch = {.blocks = {1, 2, 3},
                        .threads = {4, 5, 6},
                        .shared_bytes = 60000,
                        .arguments = arguments,
                        .n_arguments = 2};
    rf_error error;
    assert_int_equal(ops->alloc(gpu, 4096, 4096, &address, NULL), RF_OK);
    assert_int_equal(ops->fill(gpu, NULL, address, 4, 4096, NULL), RF_OK);
    assert_int_equal(ops->module_load(gpu, "codeX", 4, &module, NULL), RF_OK);
    assert_int_equal(ops->module_function(gpu, module, "add_two", &function, &error),
                     RF_ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "find the function add_two"));
    assert_int_equal(ops->module_function(gpu, module, "add_one", &function, NULL), RF_OK);
    assert_int_equal(fake.dynamic_shared, strcmp(ops->backend, "cuda") == 0 ? 232448 - 1024 : 0);
    assert_int_equal(ops->launch(gpu, NULL, function, &launch, NULL), RF_OK);
    assert_int_equal(fake.most_shared, 60000);
    assert_int_equal(((char *)(uintptr_t)address)[9], 5);
    assert_int_equal(((char *)(uintptr_t)address)[10], 4);
    launch.arguments = NULL;
    assert_int_equal(ops->launch(gpu, NULL, function, &launch, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(ops->module_unload(gpu, module, NULL), RF_OK);
    assert_int_equal(ops->free(gpu, address, NULL), RF_OK);
    rf_device_close(gpu, NULL);
}

/* A function that takes an address and a count, and adds 1 to so many bytes there. */
static rf_function *load_add_one(rf_device *gpu, rf_module **module)
{
    rf_function *function = NULL;
    assert_int_equal(gpu->ops->module_load(gpu, "code", 4, module, NULL), RF_OK);
    assert_int_equal(gpu->ops->module_function(gpu, *module, "add_one", &function, NULL), RF_OK);
    return function;
}

/* Blocks that run together, on hardware that has such; and kernels that overlap. */
static void check_launches(rf_device *gpu, bool clusters, bool overlap)
{
    const rf_device_ops *ops = gpu->ops;
    rf_module *module = NULL;
    rf_function *function = NULL;
    rf_address address = 0;
    uint32_t count = 10;
    void *arguments[] = {&address, &count};
    rf_launch launch = {.blocks = {4, 1, 1},
                        .threads = {32, 1, 1},
                        .arguments = arguments,
                        .n_arguments = 2,
                        .cluster = 2,
                        .overlap = true};
    assert_int_equal(ops->alloc(gpu, 4096, 4096, &address, NULL), RF_OK);
    function = load_add_one(gpu, &module);
    assert_int_equal(ops->launch(gpu, NULL, function, &launch, NULL),
                     clusters ? RF_OK : RF_ERROR_UNSUPPORTED);
    assert_int_equal(fake.launches, clusters ? 1 : 0);
    assert_int_equal(fake.cluster, clusters ? 2 : 0);
    launch.cluster = 1; /* is none */
    assert_int_equal(ops->launch(gpu, NULL, function, &launch, NULL), RF_OK);
    assert_int_equal(fake.launches, clusters ? 2 : 1);
    assert_int_equal(fake.cluster, 0);
    assert_int_equal(fake.overlap, overlap);
    assert_int_equal(ops->module_unload(gpu, module, NULL), RF_OK);
    assert_int_equal(ops->free(gpu, address, NULL), RF_OK);
}

static void clusters_are_for_cuda_alone(void **state)
{
    rf_device *gpu = open_device(state);
    const bool cuda = strcmp(gpu->ops->backend, "cuda") == 0;
    check_launches(gpu, cuda, cuda);
    rf_device_close(gpu, NULL);
}

/* Before 11.8 there are no launches with attributes, before 12.0 no descriptions of rows. */
static void an_old_cuda_driver_does_without(void **state)
{
    const rf_row_boxes boxes = {
        .address = 4096, .row_bytes = 64, .n_rows = 1, .box_rows = 1, .box_bytes = 16};
    rf_row_boxes_code code;
    rf_error error;
    use_fake(&rf_gpu_cuda, "fake-driver-11");
    rf_device *gpu = open_device(state);
    check_launches(gpu, false, false);
    assert_int_equal(gpu->ops->describe_rows(gpu, &boxes, &code, &error), RF_ERROR_UNSUPPORTED);
    rf_device_close(gpu, NULL);
}

static void rows_are_described_for_copies_of_boxes(void **state)
{
    rf_device *gpu = open_device(state);
    rf_row_boxes boxes = {
        .address = 4096, .row_bytes = 2304, .n_rows = 77, .box_rows = 64, .box_bytes = 144};
    rf_row_boxes_code code = {0};
    uint64_t seen[6];
    rf_error error;
    if (strcmp(gpu->ops->backend, "cuda") != 0) {
        assert_int_equal(gpu->ops->describe_rows(gpu, &boxes, &code, &error), RF_ERROR_UNSUPPORTED);
        rf_device_close(gpu, NULL);
        return;
    }
    assert_int_equal(gpu->ops->describe_rows(gpu, &boxes, &code, &error), RF_OK);
    memcpy(seen, code.bytes, sizeof(seen));
    assert_int_equal(seen[0], 4096);
    assert_int_equal(seen[1], 1152); /* elements of 16 bits */
    assert_int_equal(seen[2], 77);
    assert_int_equal(seen[3], 2304);
    assert_int_equal(seen[4], 72);
    assert_int_equal(seen[5], 64);
    boxes.row_bytes = 2300;
    assert_int_not_equal(gpu->ops->describe_rows(gpu, &boxes, &code, &error), RF_OK);
    assert_non_null(strstr(error.message, "77 rows of 2300 bytes in boxes of 64 x 144"));
    rf_device_close(gpu, NULL);
}

static void bad_code_is_refused_in_the_drivers_words(void **state)
{
    rf_device *gpu = open_device(state);
    rf_module *module = NULL;
    rf_error error;
    assert_int_equal(gpu->ops->module_load(gpu, "a bad idea", 10, &module, &error),
                     RF_ERROR_UNSUPPORTED);
    assert_int_equal(error.driver_code, 218);
    assert_non_null(strstr(error.message, "load 10 bytes of code"));
    if (strcmp(gpu->ops->backend, "cuda") == 0) /* HIP does not compile on loading */
        assert_non_null(strstr(error.message, "line 1: a bad idea that is all"));
    assert_null(strchr(error.message, '\n'));
    assert_int_equal(gpu->ops->module_load(gpu, NULL, 10, &module, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(gpu->ops->module_load(gpu, "code", 0, &module, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(gpu->ops->module_load(gpu, "code", UINT64_MAX, &module, &error),
                     RF_ERROR_OVERFLOW);
    assert_null(module);
    rf_device_close(gpu, NULL);
}

static void a_graph_is_recorded_and_replayed(void **state)
{
    rf_device *gpu = open_device(state);
    const rf_device_ops *ops = gpu->ops;
    rf_stream *stream = NULL;
    rf_module *module = NULL;
    rf_function *function = NULL;
    rf_graph *graph = NULL;
    rf_launch launch = {.blocks = {1, 1, 1}, .threads = {1, 1, 1}};
    rf_error error;
    assert_int_equal(ops->stream_create(gpu, &stream, NULL), RF_OK);
    function = load_add_one(gpu, &module);
    assert_int_equal(ops->graph_end(gpu, stream, &graph, &error), RF_ERROR_ARGUMENT);
    assert_int_equal(ops->graph_begin(gpu, stream, NULL), RF_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ops->launch(gpu, stream, function, &launch, NULL), RF_OK);
    assert_int_equal(ops->graph_end(gpu, stream, &graph, NULL), RF_OK);
    assert_int_equal(fake.launches, 0);
    assert_int_equal(ops->graph_replay(gpu, stream, graph, NULL), RF_OK);
    assert_int_equal(ops->graph_replay(gpu, stream, graph, NULL), RF_OK);
    assert_int_equal(fake.launches, 6);
    assert_int_equal(ops->graph_destroy(gpu, graph, NULL), RF_OK);
    graph = NULL;
    assert_int_equal(ops->graph_begin(gpu, stream, NULL), RF_OK);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 1);
    assert_int_equal(ops->graph_end(gpu, stream, &graph, &error), RF_ERROR_HOST_MEMORY);
    rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
    assert_null(graph);
    assert_int_equal(ops->module_unload(gpu, module, NULL), RF_OK);
    assert_int_equal(ops->stream_destroy(gpu, stream, NULL), RF_OK);
    rf_device_close(gpu, NULL);
}

/* ---- threads -------------------------------------------------------------------------------- */

typedef struct worker {
    pthread_t thread;
    rf_device *devices[2];
    rf_status status;
} worker;

/* Goes between two devices; the fake driver notices work on the wrong one. */
static rf_status alternate(worker *w)
{
    for (int i = 0; i < 50; i++) {
        rf_device *gpu = w->devices[i % 2];
        rf_stream *stream = NULL;
        rf_address address = 0;
        RF_TRY(gpu->ops->alloc(gpu, 1000, 256, &address, NULL));
        RF_TRY(gpu->ops->stream_create(gpu, &stream, NULL));
        RF_TRY(gpu->ops->fill(gpu, stream, address, 1, 1000, NULL));
        RF_TRY(gpu->ops->stream_sync(gpu, stream, NULL));
        RF_TRY(gpu->ops->stream_destroy(gpu, stream, NULL));
        RF_TRY(gpu->ops->free(gpu, address, NULL));
    }
    return RF_OK;
}

static void *work(void *argument)
{
    worker *w = argument;
    w->status = alternate(w);
    return NULL;
}

static void threads_use_several_devices(void **state)
{
    enum { COUNT = 8 };
    worker workers[COUNT];
    rf_device *one = open_device(state);
    rf_device *other = NULL;
    assert_int_equal(rf_device_open(one->ops->backend, &other, NULL), RF_OK);
    assert_ptr_not_equal(one, other);
    for (int i = 0; i < COUNT; i++) {
        workers[i] = (worker){.devices = {one, other}, .status = RF_ERROR_INTERNAL};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].status, RF_OK);
    }
    rf_device_close(other, NULL);
    rf_device_close(one, NULL);
}

int main(void)
{
#define TEST(name)                                                                                 \
    {"hip: " #name, name, set_up_hip, tear_down_fake, NULL},                                       \
    {                                                                                              \
        "cuda: " #name, name, set_up_cuda, tear_down_fake, NULL                                    \
    }
    const struct CMUnitTest tests[] = {
        TEST(memory_is_aligned_as_asked),
        TEST(what_is_aligned_by_itself_takes_no_more),
        TEST(free_takes_what_alloc_gave),
        TEST(running_out_says_what_was_asked_and_free),
        TEST(host_memory_may_run_out),
        TEST(memory_left_behind_is_freed_and_told),
        TEST(bytes_go_there_and_back),
        TEST(events_order_and_time_work),
        TEST(nothing_is_destroyed_twice),
        TEST(functions_get_their_arguments),
        TEST(clusters_are_for_cuda_alone),
        TEST(an_old_cuda_driver_does_without),
        TEST(rows_are_described_for_copies_of_boxes),
        TEST(bad_code_is_refused_in_the_drivers_words),
        TEST(a_graph_is_recorded_and_replayed),
        TEST(threads_use_several_devices),
    };
    return cmocka_run_group_tests_name("gpu-operations", tests, NULL, NULL);
}

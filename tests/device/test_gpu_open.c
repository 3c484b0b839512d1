/* test_gpu_open.c: finding and opening GPUs: which libraries, what is wrong with them, ids, many
 * threads at once, and what the runtime says of a device without kernels. */
#include "support/cmocka.h"

#include <pthread.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "device/backend.h"
#include "device/gpu_fixture.h"
#include "kernels/gpu/images.h"

typedef struct listener {
    const char *text;
    int heard;
} listener;

static void listen(void *user, rf_log_level level, const char *line)
{
    listener *l = user;
    l->heard += level == RF_LOG_WARNING && strstr(line, l->text) != NULL;
}

static const char *const no_names[] = {NULL};

/* ---- ids and facts -------------------------------------------------------------------------- */

static void every_device_is_listed(void **state)
{
    (void)state;
    rf_device_info infos[8];
    size_t count = 0;
    static const char *const ids[] = {"cpu", "hip:0", "hip:1", "cuda:0", "cuda:1"};
    assert_int_equal(rf_device_list(infos, 8, &count, NULL), RF_OK);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(infos[i].id, ids[i]);
    assert_string_equal(infos[1].name, "Fake GPU");
    assert_string_equal(infos[1].architecture, "gfx1100");
    assert_int_equal(infos[1].compute_units, 48);
    assert_int_equal(infos[1].warp_size, 32);
    assert_int_equal(infos[1].memory_total, 1U << 30);
    assert_int_equal(infos[1].memory_free, 1U << 30);
    assert_string_equal(infos[1].memory_source, "driver");
    assert_string_equal(infos[3].architecture, "sm_90");
    assert_int_equal(infos[3].compute_units, 12);
}

static void a_device_says_what_it_is(void **state)
{
    (void)state;
    rf_device *hip = NULL;
    rf_device *cuda = NULL;
    rf_device *again = NULL;
    rf_device_facts facts;
    assert_int_equal(rf_device_open("hip", &hip, NULL), RF_OK);
    assert_int_equal(rf_device_open("cuda:1", &cuda, NULL), RF_OK);
    assert_int_equal(rf_device_open("hip:0", &again, NULL), RF_OK);
    assert_ptr_equal(hip, again);
    assert_string_equal(hip->id, "hip:0");
    assert_string_equal(hip->ops->backend, "hip");
    assert_string_equal(cuda->ops->backend, "cuda");
    assert_int_equal(cuda->ops->facts(cuda, &facts, NULL), RF_OK);
    assert_false(facts.unified);
    assert_int_equal(facts.allocation_alignment, 256);
    assert_int_equal(facts.allocation_granularity, 2 << 20);
    assert_string_equal(facts.info.id, "cuda:1");
    rf_device_close(again, NULL);
    rf_device_close(cuda, NULL);
    rf_device_close(hip, NULL);
}

static void a_board_without_a_name_gets_one(void **state)
{
    (void)state;
    rf_device *hip = NULL;
    rf_device_facts facts;
    fake.name = "";
    assert_int_equal(rf_device_open("hip", &hip, NULL), RF_OK);
    assert_int_equal(hip->ops->facts(hip, &facts, NULL), RF_OK);
    assert_string_equal(facts.info.name, "hip GPU gfx1100");
    rf_device_close(hip, NULL);
}

/* A runtime for which no device was named. */
static void expect_default(const char *id, bool reference)
{
    rf_runtime_options options = RF_RUNTIME_OPTIONS_INIT;
    rf_runtime *runtime = NULL;
    rf_device_info info;
    rf_error error;
    options.reference_kernels = reference;
    if (rf_runtime_open(&options, &runtime, &error) != RF_OK)
        fail_msg("%s", error.message);
    assert_int_equal(rf_runtime_device(runtime, &info, NULL), RF_OK);
    assert_string_equal(info.id, id);
    assert_non_null(rf_runtime_kernels(runtime));
    assert_int_equal(rf_runtime_close(runtime, NULL), RF_OK);
}

/* CUDA's architecture is a number, which some build may have kernels for; HIP's is any text. */
static void a_gpu_without_kernels_is_not_chosen(void **state)
{
    (void)state;
    listener l = {.text = "device hip:0 (Fake GPU) is not used: there are no kernels for gfx000 in "
                          "this build; there are for: "};
    rf_gpu_library_close(&rf_gpu_cuda);
    rf_gpu_cuda.names = no_names;
    fake.architecture = "gfx000";
    rf_log_set(listen, &l, RF_LOG_WARNING);
    expect_default("cpu", false);
    assert_int_equal(l.heard, 1);
    assert_int_equal(fake.live[FAKE_CONTEXT], 0);
    l.text = "(rebuild with -Dgpu_targets=native or all)";
    expect_default("cpu", false);
    assert_int_equal(l.heard, 2);
    l = (listener){.text = ""};
    uint64_t calls = fake.calls;
    expect_default("cpu", true); /* which needs no kernels of a GPU, and asks no driver */
    rf_log_set(NULL, NULL, RF_LOG_WARNING);
    assert_int_equal(l.heard, 0);
    assert_int_equal(fake.calls, calls);
}

/* An architecture of an AMD card that the build has kernels for; NULL where there is none. */
static const char *built_architecture(void)
{
    for (const rf_gpu_packed_image *image = rf_gpu_packed_images; image->unit; image++) {
        if (strncmp(image->architecture, "gfx", 3) == 0 && !strchr(image->architecture, '-'))
            return image->architecture;
    }
    return NULL;
}

static void a_gpu_with_kernels_is_chosen(void **state)
{
    (void)state;
    rf_gpu_library_close(&rf_gpu_cuda);
    rf_gpu_cuda.names = no_names;
    fake.architecture = built_architecture();
    if (!fake.architecture) {
        print_message("skipped: the build has no kernels for AMD cards\n");
        skip();
    }
    expect_default("hip:0", false);
    expect_default("cpu", true);
    fake.fail_name = "hipSetDevice"; /* it does not open: the CPU does */
    listener l = {.text = "open device hip:1: "};
    rf_log_set(listen, &l, RF_LOG_WARNING);
    expect_default("cpu", false);
    rf_log_set(NULL, NULL, RF_LOG_WARNING);
    fake.fail_name = NULL;
    assert_int_equal(l.heard, 1);
}

static void a_runtime_opens_on_a_gpu(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    rf_runtime_options options = RF_RUNTIME_OPTIONS_INIT;
    rf_runtime *runtime = NULL;
    rf_device_info info;
    options.device = "cuda:1";
    assert_int_equal(rf_runtime_open(&options, &runtime, NULL), RF_OK);
    assert_int_equal(rf_runtime_device(runtime, &info, NULL), RF_OK);
    assert_string_equal(info.id, "cuda:1");
    assert_int_equal(rf_runtime_close(runtime, NULL), RF_OK);
    assert_int_equal(rf_host_live_count(), before);
}

/* ---- libraries ------------------------------------------------------------------------------ */

/* A library that is there and does not do: opening by name says why, listing logs it, and the
 * other backend's devices are there. */
static void check_unusable(const char *id, const char *reason)
{
    rf_device *device = NULL;
    rf_error error;
    rf_device_info infos[8];
    size_t count = 0;
    listener l = {.text = reason};
    assert_int_equal(rf_device_open(id, &device, &error), RF_ERROR_DEVICE);
    if (!strstr(error.message, reason))
        fail_msg("'%s' does not say '%s'", error.message, reason);
    assert_non_null(strstr(error.message, id));
    rf_log_set(listen, &l, RF_LOG_WARNING);
    assert_int_equal(rf_device_list(infos, 8, &count, NULL), RF_OK);
    rf_log_set(NULL, NULL, RF_LOG_WARNING);
    assert_int_equal(count, 3);
    assert_int_equal(l.heard, 1);
}

static void missing_symbols_are_named(void **state)
{
    (void)state;
    use_fake(&rf_gpu_cuda, "fake-driver-partial");
    check_unusable("cuda:0", "it lacks cuEventQuery, cuGraphLaunch");
    use_fake(&rf_gpu_cuda, "fake-driver");
    use_fake(&rf_gpu_hip, "fake-driver-partial");
    check_unusable("hip", "it lacks hipMemsetD8Async, hipGraphLaunch");
}

static void an_old_library_is_refused(void **state)
{
    (void)state;
    fake.hip_version = 40321420;
    check_unusable("hip:1", "version 40321420, needed is 50000000 or later");
    fake.hip_version = 60300000;
    use_fake(&rf_gpu_cuda, "fake-driver"); /* what was opened is not looked at again */
    fake.cuda_version = 11030;
    check_unusable("cuda:1", "version 11030, needed is 11040 or later");
}

static void a_library_that_fails_says_so(void **state)
{
    (void)state;
    fake.fail_name = "cuInit";
    check_unusable("cuda", "count devices: FAKE_LAUNCH_FAILURE: the fake driver was told to fail "
                           "(719)");
    use_fake(&rf_gpu_hip, "fake-driver");
    fake.fail_name = "hipRuntimeGetVersion";
    check_unusable("hip",
                   "ask its version: FAKE_LAUNCH_FAILURE: the fake driver was told to fail (719)");
}

static void something_else_is_no_driver(void **state)
{
    (void)state;
    static const char *const names[] = {"/proc/self/cmdline", NULL};
    rf_gpu_library_close(&rf_gpu_cuda);
    rf_gpu_cuda.names = names;
    check_unusable("cuda:0", "cannot load /proc/self/cmdline: ");
}

static void no_library_is_no_device(void **state)
{
    (void)state;
    rf_device_info infos[8];
    size_t count = 0;
    rf_device *device = NULL;
    rf_error error;
    listener l = {.text = ""};
    use_no_driver();
    rf_log_set(listen, &l, RF_LOG_WARNING);
    assert_int_equal(rf_device_list(infos, 8, &count, NULL), RF_OK);
    rf_log_set(NULL, NULL, RF_LOG_WARNING);
    assert_int_equal(count, 1);
    assert_int_equal(l.heard, 0);
    assert_int_equal(rf_device_open("cuda:0", &device, &error), RF_ERROR_NOT_FOUND);
    assert_string_equal(error.message,
                        "device 'cuda:0': no cuda driver is installed; none of these is there: "
                        "libno-such-driver.so.1, libno-such-driver.so");
}

/* A library that does not do is not the last one tried. */
static void the_next_library_is_tried(void **state)
{
    (void)state;
    const char *names[] = {"libno-such-driver.so.9", "/proc/self/cmdline", NULL, NULL};
    rf_device *device = NULL;
    use_fake(&rf_gpu_cuda, "fake-driver");
    names[2] = rf_gpu_cuda.names[0];
    rf_gpu_cuda.names = names;
    assert_int_equal(rf_device_open("cuda:0", &device, NULL), RF_OK);
    assert_string_equal(rf_gpu_cuda.name, names[2]);
    rf_device_close(device, NULL);
}

static void a_driver_without_devices_has_none(void **state)
{
    (void)state;
    rf_device_info infos[8];
    size_t count = 0;
    rf_device *device = NULL;
    rf_error error;
    listener l = {.text = ""};
    fake.devices = 0;
    rf_log_set(listen, &l, RF_LOG_WARNING);
    assert_int_equal(rf_device_list(infos, 8, &count, NULL), RF_OK);
    rf_log_set(NULL, NULL, RF_LOG_WARNING);
    assert_int_equal(count, 1);
    assert_int_equal(l.heard, 0);
    assert_int_equal(rf_device_open("hip", &device, &error), RF_ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "fake-driver.so, finds no device"));
    fake.devices = 2; /* one was plugged in */
    assert_int_equal(rf_device_open("hip", &device, &error), RF_OK);
    rf_device_close(device, NULL);
    assert_int_equal(rf_device_open("hip:2", &device, &error), RF_ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "hip:0, hip:1"));
}

/* ---- many threads, and openings that fail --------------------------------------------------- */

typedef struct opener {
    pthread_t thread;
    pthread_barrier_t *barrier;
    const char *id;
    rf_device *device;
    rf_status status;
} opener;

static void *open_one(void *argument)
{
    opener *o = argument;
    pthread_barrier_wait(o->barrier);
    o->status = rf_device_open(o->id, &o->device, NULL);
    if (o->status == RF_OK) /* and works at once, in a thread that opened nothing itself */
        o->status = o->device->ops->sync(o->device, NULL);
    return NULL;
}

/* Defect 2: a hundred threads that open at once get one device an index. */
static void a_hundred_threads_open_each_device_once(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    static const char *const ids[] = {"hip:0", "cuda:0", "hip:1", "cuda:1"};
    opener openers[COUNT];
    pthread_barrier_t barrier;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, COUNT), 0);
    for (int i = 0; i < COUNT; i++) {
        openers[i] = (opener){.barrier = &barrier, .id = ids[i % 4], .status = RF_ERROR_INTERNAL};
        assert_int_equal(pthread_create(&openers[i].thread, NULL, open_one, &openers[i]), 0);
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(pthread_join(openers[i].thread, NULL), 0);
    assert_int_equal(fake.live[FAKE_CONTEXT], 2); /* CUDA's, which are counted */
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(openers[i].status, RF_OK);
        assert_ptr_equal(openers[i].device, openers[i % 4].device);
        rf_device_close(openers[i].device, NULL);
    }
    pthread_barrier_destroy(&barrier);
}

/* Every call of an opening fails once; each time nothing is left, and the next opening works. */
static void check_failing_opens(const char *id)
{
    uint64_t before = rf_host_live_count();
    rf_device *device = NULL;
    assert_int_equal(rf_device_open(id, &device, NULL),
                     RF_OK); /* the library is loaded from now on */
    rf_device_close(device, NULL);
    device = NULL;
    uint64_t n = 1;
    for (;; n++) {
        rf_error error;
        fake_fail(n);
        rf_status status = rf_device_open(id, &device, &error);
        fake.fail_call = 0;
        if (!fake.failed)
            break;
        assert_int_equal(status, RF_ERROR_DEVICE);
        assert_int_equal(error.driver_code, fake.fail_code);
        assert_non_null(strstr(error.message, "FAKE_LAUNCH_FAILURE: the fake driver was told"));
        assert_null(device);
        assert_int_equal(rf_host_live_count(), before);
        assert_int_equal(fake.live[FAKE_CONTEXT], 0);
        assert_int_equal(rf_device_open(id, &device, &error), RF_OK);
        rf_device_close(device, NULL);
        device = NULL;
    }
    assert_true(n > 6);
    rf_device_close(device, NULL);
}

static void every_call_of_an_opening_may_fail(void **state)
{
    (void)state;
    check_failing_opens("hip:1");
    check_failing_opens("cuda:1");
}

static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    bool fired = true;
    for (uint64_t n = 1; fired; n++) {
        rf_device *device = NULL;
        rf_gpu_library_close(&rf_gpu_cuda);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        rf_status status = rf_device_open("cuda:1", &device, NULL);
        fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        assert_int_equal(status, fired ? RF_ERROR_HOST_MEMORY : RF_OK);
        rf_device_close(device, NULL);
        assert_int_equal(rf_host_live_count(), before);
    }
}

/* One that cannot be opened does not hide the others. */
static void a_broken_device_does_not_hide_the_others(void **state)
{
    (void)state;
    rf_device_info infos[8];
    size_t count = 0;
    listener l = {.text = "open device cuda:"};
    fake.fail_name = "cuDevicePrimaryCtxRetain";
    rf_log_set(listen, &l, RF_LOG_WARNING);
    assert_int_equal(rf_device_list(infos, 8, &count, NULL), RF_OK);
    rf_log_set(NULL, NULL, RF_LOG_WARNING);
    assert_int_equal(count, 3);
    assert_int_equal(l.heard, 2);
    fake.fail_name = NULL;
    assert_int_equal(rf_device_list(infos, 8, &count, NULL), RF_OK);
    assert_int_equal(count, 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_fake, tear_down_fake)
    const struct CMUnitTest tests[] = {
        TEST(every_device_is_listed),
        TEST(a_device_says_what_it_is),
        TEST(a_board_without_a_name_gets_one),
        TEST(a_gpu_without_kernels_is_not_chosen),
        TEST(a_gpu_with_kernels_is_chosen),
        TEST(a_runtime_opens_on_a_gpu),
        TEST(missing_symbols_are_named),
        TEST(an_old_library_is_refused),
        TEST(a_library_that_fails_says_so),
        TEST(something_else_is_no_driver),
        TEST(no_library_is_no_device),
        TEST(the_next_library_is_tried),
        TEST(a_driver_without_devices_has_none),
        TEST(a_hundred_threads_open_each_device_once),
        TEST(every_call_of_an_opening_may_fail),
        TEST(failing_allocations_leave_nothing),
        TEST(a_broken_device_does_not_hide_the_others),
    };
    return cmocka_run_group_tests_name("gpu-open", tests, NULL, NULL);
}

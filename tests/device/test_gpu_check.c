/* test_gpu_check.c: the self-test of devices on GPUs, over the fake driver: it passes, says what
 * was worked around, and reports each call of the driver that fails with the driver's number. */
#include "support/cmocka.h"

#include <string.h>

#include "base/memory.h"
#include "device/gpu_fixture.h"
#include "memory/check.h"

#define CARD "/sys/bus/pci/devices/0000:03:00.0/"

typedef struct seen {
    rf_check_result results[64];
    char names[64][32];
    uint32_t count;
    uint32_t failed;
    int driver_code; /* of the last failure */
    char detail[RF_ERROR_MESSAGE_BYTES];
} seen;

static void listen(void *user, const rf_check_report *report)
{
    seen *s = user;
    s->results[s->count] = report->result;
    strcpy(s->names[s->count++], report->name);
    if (report->result != RF_CHECK_FAILED)
        return;
    s->failed++;
    s->driver_code = report->driver_code;
    strcpy(s->detail, report->detail);
}

static void check(const char *id, seen *s)
{
    rf_check_options options = RF_CHECK_OPTIONS_INIT;
    rf_check_summary summary;
    rf_error error = {0};
    *s = (seen){0};
    options.max_bytes = RF_CHECK_MIN_BYTES;
    options.report = listen;
    options.user = s;
    if (rf_device_check(id, &options, &summary, &error) != RF_OK)
        fail_msg("%s", error.message);
    assert_int_equal(summary.results[RF_CHECK_FAILED], s->failed);
}

static rf_check_result result_of(const seen *s, const char *name)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (strcmp(s->names[i], name) == 0)
            return s->results[i];
    fail_msg("there is no check '%s'", name);
    return RF_CHECK_FAILED;
}

static void gpus_pass_with_graphs(void **state)
{
    (void)state;
    static const char *const ids[] = {"hip:0", "hip:1", "cuda:0", "cuda:1"};
    for (size_t i = 0; i < 4; i++) {
        seen s;
        check(ids[i], &s);
        if (s.failed)
            fail_msg("%s: %s", ids[i], s.detail);
        /* This driver aligns to 4096 bytes, and more was asked for. */
        for (uint32_t k = 0; k < s.count; k++)
            assert_int_equal(s.results[k], strcmp(s.names[k], "allocation") == 0
                                               ? RF_CHECK_WORKED_AROUND
                                               : RF_CHECK_OK);
    }
}

static void what_is_worked_around_is_said(void **state)
{
    (void)state;
    fake_root root = make_root();
    seen s;
    fake.misalignment = 256;
    add_file(&root, CARD "mem_info_vram_total", "1073741824\n");
    add_file(&root, CARD "mem_info_vram_used", "314572800\n");
    add_file(&root, CARD "mem_info_gtt_total", "2147483648\n");
    add_file(&root, CARD "mem_info_gtt_used", "104857600\n");
    rf_gpu_hip.root = root.path;
    check("hip:0", &s);
    if (s.failed)
        fail_msg("%s", s.detail);
    assert_int_equal(result_of(&s, "facts"), RF_CHECK_WORKED_AROUND);
    assert_int_equal(result_of(&s, "allocation"), RF_CHECK_WORKED_AROUND);
    assert_int_equal(result_of(&s, "copies"), RF_CHECK_OK);
    remove_root(&root);
}

/* Whichever of the driver's entry points always fails, some checks do, with its number, and nothing
 * is left. (Those that give back are not among them: a driver that never takes anything back keeps
 * it.) */
static void every_entry_point_may_fail(void **state)
{
    (void)state;
    static const char *const names[] = {
        "cuCtxSetCurrent",      "cuMemGetInfo_v2",      "cuMemAlloc_v2",
        "cuMemHostAlloc",       "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2",
        "cuMemcpyDtoDAsync_v2", "cuMemsetD8Async",      "cuStreamCreate",
        "cuStreamSynchronize",  "cuCtxSynchronize",     "cuStreamWaitEvent",
        "cuEventCreate",        "cuEventRecord",        "cuEventSynchronize",
        "cuEventQuery",         "cuEventElapsedTime",   "cuStreamBeginCapture_v2",
        "cuStreamEndCapture",   "cuGraphLaunch",        "cuGraphInstantiateWithFlags",
    };
    uint64_t before = rf_host_live_count();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        seen s;
        fake.fail_name = names[i];
        check("cuda:0", &s);
        fake.fail_name = NULL;
        if (s.failed == 0 || s.driver_code != 719 || !strstr(s.detail, "FAKE_LAUNCH_FAILURE"))
            fail_msg("%s: %u failed, %d: %s", names[i], s.failed, s.driver_code, s.detail);
        assert_int_equal(rf_host_live_count(), before);
        for (int kind = 0; kind < FAKE_KIND_COUNT; kind++)
            assert_int_equal(fake.live[kind], 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_fake, tear_down_fake)
    const struct CMUnitTest tests[] = {
        TEST(gpus_pass_with_graphs),
        TEST(what_is_worked_around_is_said),
        TEST(every_entry_point_may_fail),
    };
    return cmocka_run_group_tests_name("gpu-check", tests, NULL, NULL);
}

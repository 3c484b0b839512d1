/* test_registry.c: one device for all who ask, failures that leave nothing, opening from inside
 * opening. */
#include "support/cmocka.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "device/backend.h"
#include "device/gpu/library.h"

/* ---- a backend whose opening and closing is counted, slow, and does what a test wants -------- */

enum { PROBES = 3 };

static struct {
    _Atomic int opened, closed;
    rf_status count_status;
    rf_status open_status; /* of every opening */
    bool nested;           /* opening opens another device */
    rf_status nested_status;
    rf_status look_status;
    uint64_t memory[PROBES];
    bool integrated[PROBES];
    uint64_t refused; /* devices with this memory are */
    rf_device *inner; /* what a device of this kind closes when it is closed */
} probe;

static rf_status probe_facts(rf_device *device, rf_device_facts *out, rf_error *error)
{
    (void)error;
    *out = (rf_device_facts){.info = {.compute_units = 7}};
    out->info.memory_total = probe.memory[device->id[6] - '0'];
    memcpy(out->info.id, device->id, sizeof(out->info.id));
    return RF_OK;
}

static rf_status probe_close(rf_device *device, rf_error *error)
{
    rf_status status = rf_device_close(probe.inner, error);
    probe.inner = NULL;
    atomic_fetch_add(&probe.closed, 1);
    rf_free(device);
    return status;
}

static const rf_device_ops probe_ops = {
    .backend = "probe", .facts = probe_facts, .close = probe_close};

static rf_status probe_count(uint32_t *out, rf_error *error)
{
    if (probe.count_status != RF_OK)
        return rf_error_set(error, probe.count_status, "the driver is of the wrong version");
    *out = PROBES;
    return RF_OK;
}

static void probe_id(uint32_t index, char out[RF_DEVICE_ID_BYTES])
{
    memcpy(out, "probe:0", 8);
    out[6] = (char)('0' + index);
}

static rf_status probe_look(uint32_t index, rf_device_facts *out, rf_error *error)
{
    if (probe.look_status != RF_OK)
        return rf_error_set(error, probe.look_status, "the probe is not to be seen");
    *out = (rf_device_facts){.integrated = probe.integrated[index]};
    probe_id(index, out->info.id);
    memcpy(out->info.name, "Probe", 6);
    out->info.memory_total = probe.memory[index];
    return RF_OK;
}

static rf_status probe_open(uint32_t index, rf_device **out, rf_error *error)
{
    (void)index;
    usleep(1000); /* long enough for the others to come to the lock */
    if (probe.nested) {
        rf_device *device = NULL;
        probe.nested_status = rf_device_open("cpu", &device, error);
        rf_device_close(device, NULL);
    }
    if (probe.open_status != RF_OK)
        return rf_error_set(error, probe.open_status, "the probe does not open");
    rf_device *device = rf_calloc(1, sizeof(*device));
    if (!device)
        return rf_error_host_memory(error, "a probe", sizeof(*device));
    device->ops = &probe_ops;
    atomic_fetch_add(&probe.opened, 1);
    *out = device;
    return RF_OK;
}

static const rf_backend probe_backend = {
    .name = "probe", .count = probe_count, .id = probe_id, .open = probe_open};

static const char *const no_drivers[] = {NULL};

static int add_probe(void **state)
{
    (void)state;
    memset(&probe, 0, sizeof(probe));
    rf_gpu_hip.names = rf_gpu_cuda.names = no_drivers; /* whatever this machine has */
    rf_backend_set_extra(&probe_backend);
    return 0;
}

static int remove_probe(void **state)
{
    (void)state;
    rf_backend_set_extra(NULL);
    rf_log_set(NULL, NULL, RF_LOG_DEBUG);
    return 0;
}

/* Counts log lines that hold a text. */
typedef struct listener {
    const char *text;
    int heard;
} listener;

static void listen(void *user, rf_log_level level, const char *line)
{
    listener *l = user;
    l->heard += level == RF_LOG_WARNING && strstr(line, l->text) != NULL;
}

/* ---- tests ---------------------------------------------------------------------------------- */

typedef struct opener {
    pthread_t thread;
    pthread_barrier_t *barrier;
    rf_device *device;
    rf_status status;
} opener;

static void *open_probe(void *argument)
{
    opener *o = argument;
    pthread_barrier_wait(o->barrier);
    o->status = rf_device_open("probe:1", &o->device, NULL);
    return NULL;
}

/* Defect 2. */
static void a_hundred_threads_get_one_device(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    opener openers[COUNT];
    pthread_barrier_t barrier;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, COUNT), 0);
    for (int i = 0; i < COUNT; i++) {
        openers[i] = (opener){.barrier = &barrier, .status = RF_ERROR_INTERNAL};
        assert_int_equal(pthread_create(&openers[i].thread, NULL, open_probe, &openers[i]), 0);
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(pthread_join(openers[i].thread, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(openers[i].status, RF_OK);
        assert_ptr_equal(openers[i].device, openers[0].device);
    }
    assert_int_equal(probe.opened, 1);
    assert_string_equal(openers[0].device->id, "probe:1");
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(probe.closed, 0);
        rf_device_close(openers[i].device, NULL);
    }
    assert_int_equal(probe.closed, 1);
    pthread_barrier_destroy(&barrier);
}

/* Defect 8. */
static void opening_from_inside_opening_is_an_error(void **state)
{
    (void)state;
    rf_device *device = NULL;
    rf_error error;
    probe.nested = true;
    assert_int_equal(rf_device_open("probe:0", &device, &error), RF_OK);
    assert_int_equal(probe.nested_status, RF_ERROR_BUSY);
    rf_device_close(device, NULL);
    /* The refusal was that thread's and that moment's alone. */
    assert_int_equal(rf_device_open("cpu", &device, &error), RF_OK);
    rf_device_close(device, NULL);
}

static void a_wrapping_device_may_close_what_it_wraps(void **state)
{
    (void)state;
    rf_device *device = NULL;
    assert_int_equal(rf_device_open("probe:0", &device, NULL), RF_OK);
    assert_int_equal(rf_device_open("cpu", &probe.inner, NULL), RF_OK);
    rf_device_close(device, NULL);
    assert_null(probe.inner);
    rf_device_close(NULL, NULL);
}

static void a_failed_open_can_be_tried_again(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    rf_device *device = NULL;
    rf_error error;
    probe.open_status = RF_ERROR_DEVICE;
    assert_int_equal(rf_device_open("probe:2", &device, &error), RF_ERROR_DEVICE);
    assert_string_equal(error.message, "open device probe:2: the probe does not open");
    assert_null(device);
    assert_int_equal(rf_host_live_count(), before);
    probe.open_status = RF_OK;
    assert_int_equal(rf_device_open("probe:2", &device, &error), RF_OK);
    rf_device_close(device, NULL);
    assert_int_equal(rf_host_live_count(), before);
}

static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    uint64_t before = rf_host_live_count();
    rf_device *device = NULL;
    rf_error error;
    for (uint64_t n = 1;; n++) {
        rf_fault_arm(RF_FAULT_HOST_ALLOC, n);
        rf_status status = rf_device_open("cpu", &device, &error);
        bool fired = rf_fault_fired(RF_FAULT_HOST_ALLOC);
        rf_fault_arm(RF_FAULT_HOST_ALLOC, 0);
        assert_int_equal(status, fired ? RF_ERROR_HOST_MEMORY : RF_OK);
        if (!fired)
            break;
        assert_int_equal(rf_host_live_count(), before);
    }
    rf_device_close(device, NULL);
    assert_int_equal(rf_host_live_count(), before);
}

static void an_unknown_id_is_answered_with_the_known_ones(void **state)
{
    (void)state;
    rf_device *device = NULL;
    rf_error error;
    const char *const unknown[] = {"gpu:0", "", "cpu:1", "probe:3", "prob", "c"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_int_equal(rf_device_open(unknown[i], &device, &error), RF_ERROR_NOT_FOUND);
        assert_non_null(strstr(error.message, unknown[i]));
        assert_non_null(strstr(error.message, "there are: cpu, probe:0, probe:1, probe:2"));
    }
    assert_null(device);
    assert_int_equal(rf_device_open(NULL, &device, &error), RF_OK);
    assert_string_equal(device->id, "cpu");
    rf_device_close(device, NULL);
}

static void a_name_alone_is_the_first_device(void **state)
{
    (void)state;
    rf_device *device = NULL;
    assert_int_equal(rf_device_open("probe", &device, NULL), RF_OK);
    assert_string_equal(device->id, "probe:0");
    rf_device_close(device, NULL);
}

/* A device that cannot be looked at is never the best one, and an instrument for tests is in no
 * list. */
static void what_a_backend_is_for_is_respected(void **state)
{
    (void)state;
    rf_device *device = NULL;
    rf_device_info infos[8];
    size_t count = 0;
    rf_error error;
    rf_backend backend = probe_backend;
    backend.unlisted = true;
    rf_backend_set_extra(&backend);
    assert_int_equal(rf_device_list(infos, 8, &count, NULL), RF_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_not_equal(memcmp(infos[i].id, "probe", 5), 0);
    assert_int_equal(rf_device_open("none", &device, &error), RF_ERROR_NOT_FOUND);
    assert_null(strstr(error.message, "probe"));
    assert_int_equal(rf_device_open("probe:1", &device, &error), RF_OK);
    rf_device_close(device, NULL);
    assert_int_equal(rf_device_open(NULL, &device, &error), RF_OK);
    assert_string_equal(device->id, "cpu");
    rf_device_close(device, NULL);
}

/* The id of the best device, which is closed again. */
static void expect_best(rf_device_judge judge, const char *id)
{
    rf_device *device = NULL;
    rf_error error;
    if (rf_device_open_best(judge, &device, &error) != RF_OK)
        fail_msg("%s", error.message);
    assert_string_equal(device->id, id);
    rf_device_close(device, NULL);
    assert_int_equal(probe.opened, probe.closed);
}

static void add_choosable(rf_backend *backend)
{
    *backend = probe_backend;
    backend->look = probe_look;
    rf_backend_set_extra(backend);
}

/* Of the devices with kernels, the one with most memory of its own; the CPU where none opens. */
static void the_best_device_has_most_memory(void **state)
{
    (void)state;
    rf_backend backend;
    add_choosable(&backend);
    probe.memory[1] = 2;
    expect_best(NULL, "probe:1");
    assert_int_equal(probe.opened, 1); /* the others were looked at alone */
    probe.memory[0] = 2;
    expect_best(NULL, "probe:0");
    probe.memory[2] = 3;
    expect_best(NULL, "probe:2");
    probe.integrated[2] = true;
    expect_best(NULL, "probe:0");
    listener l = {.text = "the probe does not open"};
    rf_log_set(listen, &l, RF_LOG_WARNING);
    probe.open_status = RF_ERROR_DEVICE;
    expect_best(NULL, "cpu");
    assert_int_equal(l.heard, PROBES);
    l = (listener){.text = "the probe is not to be seen"};
    probe.look_status = RF_ERROR_DEVICE;
    expect_best(NULL, "cpu");
    assert_int_equal(l.heard, PROBES);
}

static rf_status judge_memory(const rf_device_facts *facts, rf_error *error)
{
    if (facts->unified || facts->info.memory_total != probe.refused)
        return RF_OK;
    return rf_error_set(error, RF_ERROR_UNSUPPORTED, "it has the wrong memory");
}

static rf_status refuse_all(const rf_device_facts *facts, rf_error *error)
{
    (void)facts;
    return rf_error_set(error, RF_ERROR_UNSUPPORTED, "nothing will do");
}

/* What is refused is said once, and where it matters: where the CPU takes its place. */
static void what_cannot_be_used_is_said(void **state)
{
    (void)state;
    rf_backend backend;
    add_choosable(&backend);
    listener l = {.text = "device probe:0 (Probe) is not used: it has the wrong memory"};
    listener any = {.text = ""};
    rf_log_set(listen, &l, RF_LOG_WARNING);
    for (int i = 0; i < PROBES; i++)
        probe.memory[i] = 9;
    probe.refused = 9;
    expect_best(judge_memory, "cpu");
    assert_int_equal(l.heard, 1);
    rf_log_set(listen, &any, RF_LOG_WARNING);
    expect_best(judge_memory, "cpu");
    assert_int_equal(any.heard, 1);
    probe.memory[1] = 1;
    expect_best(judge_memory, "probe:1");
    assert_int_equal(any.heard, 1);
    rf_device *device = NULL;
    rf_error error;
    assert_int_equal(rf_device_open_best(refuse_all, &device, &error), RF_ERROR_NOT_FOUND);
    assert_string_equal(error.message, "there is no device");
    assert_null(device);
}

static void one_that_fails_does_not_hide_the_others(void **state)
{
    (void)state;
    rf_device_info infos[8];
    size_t count = 0;
    listener l = {.text = "open device probe"};
    rf_log_set(listen, &l, RF_LOG_WARNING);
    assert_int_equal(rf_device_list(infos, 8, &count, NULL), RF_OK);
    assert_int_equal(count, 1 + PROBES);
    assert_string_equal(infos[0].id, "cpu");
    assert_string_equal(infos[PROBES].id, "probe:2");
    assert_int_equal(infos[PROBES].compute_units, 7);
    assert_int_equal(probe.opened, probe.closed);
    assert_int_equal(rf_device_list(infos, 1, &count, NULL), RF_OK);
    assert_int_equal(count, 1 + PROBES);
    assert_int_equal(rf_device_list(NULL, 0, &count, NULL), RF_OK);
    assert_int_equal(count, 1 + PROBES);
    probe.open_status = RF_ERROR_DEVICE;
    assert_int_equal(rf_device_list(infos, 8, &count, NULL), RF_OK);
    assert_int_equal(count, 1);
    assert_int_equal(l.heard, PROBES);
    probe.count_status = RF_ERROR_DEVICE;
    l.text = "probe devices: the driver is of the wrong version";
    assert_int_equal(rf_device_list(infos, 8, &count, NULL), RF_OK);
    assert_int_equal(count, 1);
    assert_int_equal(l.heard, PROBES + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, add_probe, remove_probe)
    const struct CMUnitTest tests[] = {
        TEST(a_hundred_threads_get_one_device),
        TEST(opening_from_inside_opening_is_an_error),
        TEST(a_wrapping_device_may_close_what_it_wraps),
        TEST(a_failed_open_can_be_tried_again),
        TEST(failing_allocations_leave_nothing),
        TEST(an_unknown_id_is_answered_with_the_known_ones),
        TEST(a_name_alone_is_the_first_device),
        TEST(what_a_backend_is_for_is_respected),
        TEST(the_best_device_has_most_memory),
        TEST(what_cannot_be_used_is_said),
        TEST(one_that_fails_does_not_hide_the_others),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}

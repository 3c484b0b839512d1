/*
 * test_check.c: the self-test of devices. It passes on every device there is, under every order in
 * which streams may do their work; it finds each of a list of things that a device can do wrong, by
 * the right name; and whatever call fails, or whenever it is cancelled, nothing is left.
 */
#include "device/emu_support.h"

#include <stdio.h>

#include "base/memory.h"
#include "device/fault/fault.h"
#include "memory/check.h"

#define BYTES RF_CHECK_MIN_BYTES

/* What the callbacks saw. */
typedef struct seen {
    uint32_t reports;
    uint32_t count;
    uint32_t steps;
    uint32_t cancel_at; /* the step, from 1, at which to cancel; 0: none */
    uint32_t failed;
    char names[512]; /* of those that failed, each with a space behind it */
    char details[RF_ERROR_MESSAGE_BYTES];
    rf_check_result of_graphs;
    bool speeds; /* every check of speed had one, between its least and its most */
} seen;

static void listen(void *user, const rf_check_report *report)
{
    seen *s = user;
    assert_int_equal(report->index, s->reports);
    s->reports++;
    s->count = report->count;
    assert_true(report->detail[0] != '\0');
    assert_true(report->device->id[0] != '\0');
    assert_int_equal(report->result == RF_CHECK_FAILED, report->status != RF_OK);
    if (strcmp(report->name, "graphs") == 0)
        s->of_graphs = report->result;
    if (strncmp(report->name, "speed", 5) == 0 && report->result == RF_CHECK_OK)
        s->speeds = s->speeds && report->slowest > 0 &&
                    report->slowest <= report->bytes_per_second &&
                    report->bytes_per_second <= report->fastest;
    if (report->result != RF_CHECK_FAILED)
        return;
    s->failed++;
    strncat(s->names, report->name, sizeof(s->names) - strlen(s->names) - 2);
    strcat(s->names, " ");
    snprintf(s->details, sizeof(s->details), "%s", report->detail);
}

static bool step(void *user, const char *name, uint32_t index, uint32_t count)
{
    seen *s = user;
    assert_true(name[0] != '\0' && index < count);
    return ++s->steps != s->cancel_at;
}

static rf_check_options options_for(seen *s)
{
    rf_check_options options = RF_CHECK_OPTIONS_INIT;
    *s = (seen){.speeds = true, .cancel_at = s->cancel_at};
    options.max_bytes = BYTES;
    options.report = listen;
    options.progress = step;
    options.user = s;
    return options;
}

static rf_status run(rf_device *device, seen *s, rf_check_summary *summary, rf_error *error)
{
    rf_check_options options = options_for(s);
    return rf_check_run(device, &options, summary, error);
}

static void expect_all_well(const seen *s, const rf_check_summary *summary)
{
    if (s->failed)
        fail_msg("failed: %s: %s", s->names, s->details);
    uint32_t total = 0;
    for (int i = 0; i < RF_CHECK_RESULT_COUNT; i++)
        total += summary->results[i];
    assert_int_equal(total, s->count);
    assert_int_equal(s->reports, s->count);
    assert_int_equal(summary->results[RF_CHECK_FAILED], 0);
    assert_true(s->speeds);
    assert_true(summary->device.memory_total > 0);
}

/* ---- devices that work ----------------------------------------------------------------------- */

static void devices_pass_by_their_ids(void **state)
{
    (void)state;
    static const char *const ids[] = {"cpu", "emu32", "emu64"};
    uint64_t before = rf_host_live_count();
    for (size_t i = 0; i < 3; i++) {
        seen s = {0};
        rf_check_summary summary;
        rf_error error = {0};
        rf_check_options options = options_for(&s);
        expect_ok(rf_device_check(ids[i], &options, &summary, &error), &error);
        expect_all_well(&s, &summary);
        assert_string_equal(summary.device.id, ids[i]);
        assert_int_equal(s.of_graphs, i == 0 ? RF_CHECK_NOT_AVAILABLE : RF_CHECK_OK);
        assert_int_equal(rf_host_live_count(), before);
    }
}

static void an_emulated_device_passes_in_any_order(void **state)
{
    rf_device *emu = *state;
    static const rf_emu_schedule schedules[] = {RF_EMU_EAGER, RF_EMU_LAZY, RF_EMU_RANDOM,
                                                RF_EMU_RANDOM};
    for (size_t i = 0; i < 4; i++) {
        seen s = {0};
        rf_check_summary summary;
        rf_error error = {0};
        rf_emu_set_schedule(emu, schedules[i], i);
        expect_ok(run(emu, &s, &summary, &error), &error);
        expect_all_well(&s, &summary);
        emu_expect_nothing_live(emu);
    }
}

static void what_is_asked_of_it_is_checked(void **state)
{
    (void)state;
    rf_check_options options = RF_CHECK_OPTIONS_INIT;
    rf_check_summary summary;
    rf_error error;
    options.max_bytes = BYTES - 1;
    assert_int_equal(rf_device_check("cpu", &options, &summary, &error), RF_ERROR_ARGUMENT);
    options.max_bytes = 0;
    assert_int_equal(rf_device_check("nosuch", &options, &summary, &error), RF_ERROR_NOT_FOUND);
    options.size++;
    assert_int_equal(rf_device_check("cpu", &options, &summary, &error), RF_ERROR_ARGUMENT);
    assert_string_equal(rf_check_result_name(RF_CHECK_WORKED_AROUND), "worked around");
    assert_string_equal(rf_check_result_name(RF_CHECK_RESULT_COUNT), "unknown result");
}

/* Without callbacks; and without a limit, in an eighth of the free memory. */
static void it_chooses_how_much_to_hold(void **state)
{
    rf_device *emu = *state;
    rf_check_options options = RF_CHECK_OPTIONS_INIT;
    rf_check_summary summary;
    rf_error error = {0};
    rf_emu_set_memory(emu, 8 * BYTES);
    expect_ok(rf_check_run(emu, &options, &summary, &error), &error);
    assert_int_equal(summary.results[RF_CHECK_FAILED], 0);
    /* What does not fit at all is a failure, not the end. */
    rf_emu_set_memory(emu, BYTES / 4);
    expect_ok(rf_check_run(emu, &options, &summary, &error), &error);
    assert_true(summary.results[RF_CHECK_FAILED] > 0);
    assert_true(summary.results[RF_CHECK_OK] > 0);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

/* At the first steps, and then at every seventh, which comes to a step of each check. */
static void it_can_be_cancelled_at_any_step(void **state)
{
    rf_device *emu = *state;
    uint64_t before = rf_host_live_count();
    uint32_t tried = 0;
    rf_status status = RF_ERROR_CANCELLED;
    for (uint32_t n = 1; status != RF_OK; n += n < 12 ? 1 : 7) {
        seen s = {.cancel_at = n};
        rf_check_summary summary;
        rf_error error = {0};
        status = run(emu, &s, &summary, &error);
        emu_expect_nothing_live(emu);
        assert_int_equal(rf_host_live_count(), before);
        if (status == RF_OK)
            continue;
        tried++;
        assert_int_equal(status, RF_ERROR_CANCELLED);
        assert_non_null(strstr(error.message, "emu32 was cancelled, in '"));
    }
    assert_true(tried > 20);
    print_message("cancelled at %u steps\n", tried);
}

/* ---- calls that fail ------------------------------------------------------------------------- */

/* Fails the nth call of a kind: a check fails and says which call it was, and nothing is left.
 * False where there is no such call. */
static bool fail_one(rf_device *emu, rf_device *fault, rf_fault_call call, uint64_t n)
{
    uint64_t before = rf_host_live_count();
    seen s = {0};
    rf_check_summary summary;
    rf_error error = {0};
    rf_fault_device_arm(fault, call, n);
    expect_ok(run(fault, &s, &summary, &error), &error);
    bool fired = rf_fault_device_fired(fault);
    rf_fault_device_arm(fault, RF_FAULT_ANY, 0);
    emu_expect_nothing_live(emu);
    assert_int_equal(rf_host_live_count(), before);
    if (!fired)
        expect_all_well(&s, &summary);
    else if (s.failed == 0 || !strstr(s.details, "injected: ") ||
             !strstr(s.details, rf_fault_call_name(call)))
        fail_msg("call %u of %s failed; the checks that did: %s: %s", (unsigned)n,
                 rf_fault_call_name(call), s.names, s.details);
    return fired;
}

/* The first calls of each kind, and then some, so that every check has its share: the kinds that
 * are called hundreds of times have larger strides. */
static void every_kind_of_call_may_fail(void **state)
{
    rf_device *emu = *state;
    rf_device *fault = NULL;
    rf_error error = {0};
    uint32_t tried = 0;
    uint32_t kinds = 0;
    expect_ok(rf_fault_device_wrap(emu, &fault, &error), &error);
    for (int call = 0; call < RF_FAULT_ANY; call++) {
        bool often = call == RF_FAULT_COPY || call == RF_FAULT_FILL || call == RF_FAULT_STREAM_SYNC;
        uint64_t n = 1;
        while (fail_one(emu, fault, (rf_fault_call)call, n)) {
            tried++;
            n += often ? 67 : n < 3 ? 1 : 11;
        }
        kinds += n > 1;
    }
    print_message("%u calls of %u kinds failed, nothing leaked\n", tried, kinds);
    assert_int_equal(kinds, 23); /* all but modules and launches */
    rf_fault_device_close(fault);
}

/* ---- devices that do something wrong --------------------------------------------------------- */

/* The emulated device's own operations, for those that stand in for some of them. */
static const rf_device_ops *proper;

static rf_status wait_for_nothing(rf_device *device, rf_stream *stream, rf_event *event,
                                  rf_error *error)
{
    (void)device, (void)stream, (void)event, (void)error;
    return RF_OK;
}

static rf_status done_at_once(rf_device *device, rf_event *event, bool *done, rf_error *error)
{
    (void)device, (void)event, (void)error;
    *done = true;
    return RF_OK;
}

static rf_status no_time(rf_device *device, rf_event *begin, rf_event *end, uint64_t *nanoseconds,
                         rf_error *error)
{
    RF_TRY(proper->event_elapsed(device, begin, end, nanoseconds, error));
    *nanoseconds = 0;
    return RF_OK;
}

static rf_status an_hour(rf_device *device, rf_event *begin, rf_event *end, uint64_t *nanoseconds,
                         rf_error *error)
{
    RF_TRY(proper->event_elapsed(device, begin, end, nanoseconds, error));
    *nanoseconds = 3600ULL * 1000000000ULL;
    return RF_OK;
}

/* The last byte of what has an odd size is lost, one way. */
static rf_status lose_a_byte(rf_device *device, rf_stream *stream, rf_copy_kind kind, rf_address to,
                             rf_address from, uint64_t bytes, rf_error *error)
{
    uint64_t lost = kind == RF_COPY_TO_DEVICE && bytes > 4096 && bytes % 2;
    return proper->copy(device, stream, kind, to, from, bytes - lost, error);
}

/* Reads start at the page that an address is in, as with an old ROCm release. */
static rf_status read_from_pages(rf_device *device, rf_stream *stream, rf_copy_kind kind,
                                 rf_address to, rf_address from, uint64_t bytes, rf_error *error)
{
    if (kind == RF_COPY_FROM_DEVICE && bytes > 1 && bytes < 20000)
        from -= from % 256 % 128;
    return proper->copy(device, stream, kind, to, from, bytes, error);
}

static rf_status copy_elsewhere(rf_device *device, rf_stream *stream, rf_copy_kind kind,
                                rf_address to, rf_address from, uint64_t bytes, rf_error *error)
{
    if (kind == RF_COPY_ON_DEVICE && bytes > 2)
        bytes -= 2;
    return proper->copy(device, stream, kind, to, from, bytes, error);
}

static rf_status fill_too_much(rf_device *device, rf_stream *stream, rf_address to, uint8_t value,
                               uint64_t bytes, rf_error *error)
{
    if (bytes == 4097)
        bytes++;
    return proper->fill(device, stream, to, value, bytes, error);
}

/* Gives memory out twice. */
static rf_address given;
static rf_status give_the_same(rf_device *device, uint64_t bytes, uint64_t alignment,
                               rf_address *out, rf_error *error)
{
    RF_TRY(proper->alloc(device, bytes, alignment, out, error));
    if (bytes == 4096)
        given = *out;
    if (bytes == 4097) {
        RF_TRY(proper->free(device, *out, error));
        *out = given;
    }
    return RF_OK;
}

static rf_status forget_a_piece(rf_device *device, rf_address address, rf_error *error)
{
    (void)error;
    return proper->free(device, address, error);
}

/* Promises any amount. */
static rf_status promise(rf_device *device, uint64_t bytes, uint64_t alignment, rf_address *out,
                         rf_error *error)
{
    return proper->alloc(device, bytes > RF_EMU_DEFAULT_MEMORY ? 4096 : bytes, alignment, out,
                         error);
}

/* Says that less is free each time it is asked. */
static rf_status shrink(rf_device *device, rf_device_memory *out, rf_error *error)
{
    static uint64_t lost;
    RF_TRY(proper->memory(device, out, error));
    lost += (uint64_t)1 << 20;
    out->free -= lost;
    return RF_OK;
}

static rf_status know_nothing(rf_device *device, rf_device_facts *out, rf_error *error)
{
    RF_TRY(proper->facts(device, out, error));
    out->info.warp_size = 0;
    return RF_OK;
}

typedef struct wrong {
    const char *check; /* that finds it */
    rf_device_ops ops; /* what is done in another way; NULL: as it should be */
} wrong;

/* The operations of a device with some replaced. */
static rf_device_ops replaced(const rf_device_ops *by)
{
    rf_device_ops ops = *proper;
#define REPLACE(name) ops.name = by->name ? by->name : ops.name
    REPLACE(facts);
    REPLACE(memory);
    REPLACE(alloc);
    REPLACE(free);
    REPLACE(copy);
    REPLACE(fill);
    REPLACE(event_done);
    REPLACE(event_elapsed);
    REPLACE(stream_wait);
#undef REPLACE
    return ops;
}

static void what_is_wrong_is_found(void **state)
{
    rf_device *emu = *state;
    static const wrong wrongs[] = {
        {"facts", {.facts = know_nothing}},
        {"allocation", {.alloc = give_the_same, .free = forget_a_piece}},
        {"fills", {.fill = fill_too_much}},
        {"copies", {.copy = lose_a_byte}},
        {"pool-views", {.copy = read_from_pages}},
        {"copies-on-device", {.copy = copy_elsewhere}},
        {"streams", {.stream_wait = wait_for_nothing}},
        {"events", {.event_done = done_at_once}},
        {"events", {.event_elapsed = no_time}},
        {"events", {.event_elapsed = an_hour}},
        {"out-of-memory", {.alloc = promise}},
        {"left-over", {.memory = shrink}},
    };
    rf_emu_set_schedule(emu, RF_EMU_LAZY, 0);
    proper = emu->ops;
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        rf_device_ops ops = replaced(&wrongs[i].ops);
        seen s = {0};
        rf_check_summary summary;
        rf_error error = {0};
        emu->ops = &ops;
        expect_ok(run(emu, &s, &summary, &error), &error);
        emu->ops = proper;
        char name[64];
        snprintf(name, sizeof(name), "%s ", wrongs[i].check);
        if (!strstr(s.names, name))
            fail_msg("wrong %u: '%s' did not fail, but: %s", (unsigned)i, wrongs[i].check, s.names);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_pass_by_their_ids),
        cmocka_unit_test(what_is_asked_of_it_is_checked),
        EMU_TEST(an_emulated_device_passes_in_any_order),
        EMU_TEST(it_chooses_how_much_to_hold),
        EMU_TEST(it_can_be_cancelled_at_any_step),
        EMU_TEST(every_kind_of_call_may_fail),
        EMU_TEST(what_is_wrong_is_found),
    };
    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}

/* devices_check.c: rocmforge devices --check. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/devices.h"
#include "cli/interrupt.h"
#include "cli/output.h"

enum { PROGRESS_WIDTH = 70, MAX_FAILURES = 32 };

/* A check that failed, for the end of the output. */
typedef struct failure {
    char name[32];
    char detail[RF_ERROR_MESSAGE_BYTES];
    int driver_code;
} failure;

/* What the callbacks need. */
typedef struct checking {
    const char *id;
    bool draw; /* progress */
    bool json;
    bool titled;
    json_t *checks;
    bool good; /* JSON was complete so far */
    failure *failures;
    size_t n_failures;
} checking;

static json_t *text(const char *said)
{
    return rf_cli_json_text((rf_string){said, strlen(said)});
}

/* ---- while it runs --------------------------------------------------------------------------- */

static void clear_progress(const checking *c)
{
    if (c->draw)
        fprintf(stderr, "\r%*s\r", PROGRESS_WIDTH, "");
}

static bool show_progress(void *user, const char *name, uint32_t index, uint32_t count)
{
    const checking *c = user;
    if (c->draw)
        fprintf(stderr, "\rchecking %.20s: %-26s %2u of %u", c->id, name, index + 1, count);
    bool stop = rf_cli_interrupted();
    if (stop)
        clear_progress(c);
    return !stop;
}

static void add_json(checking *c, const rf_check_report *report)
{
    json_t *entry = json_object();
    bool good = rf_cli_json_set(entry, "name", text(report->name));
    good &= rf_cli_json_set(entry, "result", text(rf_check_result_name(report->result)));
    good &= rf_cli_json_set(entry, "detail", text(report->detail));
    good &= rf_cli_json_set(entry, "nanoseconds", rf_cli_json_count(report->nanoseconds));
    if (report->bytes_per_second) {
        good &=
            rf_cli_json_set(entry, "bytes_per_second", rf_cli_json_count(report->bytes_per_second));
        good &= rf_cli_json_set(entry, "slowest", rf_cli_json_count(report->slowest));
        good &= rf_cli_json_set(entry, "fastest", rf_cli_json_count(report->fastest));
    }
    if (report->result == RF_CHECK_FAILED) {
        good &= rf_cli_json_set(entry, "status", text(rf_status_text(report->status)));
        good &= rf_cli_json_set(entry, "driver_code", json_integer(report->driver_code));
    }
    good &= rf_cli_json_add(c->checks, entry);
    c->good &= good;
}

static void print_title(checking *c, const rf_device_info *device)
{
    if (c->titled)
        return;
    c->titled = true;
    rf_cli_print_name(device->id, 0);
    const char *const facts[] = {device->name, device->architecture, device->driver};
    const char *separator = ": ";
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        if (!facts[i][0])
            continue;
        printf("%s", separator);
        rf_cli_print_name(facts[i], 0);
        separator = ", ";
    }
    printf("\n");
}

static void keep_failure(checking *c, const rf_check_report *report)
{
    if (c->n_failures == MAX_FAILURES)
        return;
    failure *f = &c->failures[c->n_failures++];
    snprintf(f->name, sizeof(f->name), "%s", report->name);
    snprintf(f->detail, sizeof(f->detail), "%s", report->detail);
    f->driver_code = report->driver_code;
}

static void take_report(void *user, const rf_check_report *report)
{
    checking *c = user;
    clear_progress(c);
    if (report->result == RF_CHECK_FAILED)
        keep_failure(c, report);
    if (c->json) {
        add_json(c, report);
        return;
    }
    print_title(c, report->device);
    printf("  %-26s %-15s ", report->name, rf_check_result_name(report->result));
    rf_cli_print_name(report->detail, 0);
    printf("\n");
    fflush(stdout); /* people watch it; main looks for errors at the end */
}

/* ---- afterwards ------------------------------------------------------------------------------ */

/* What a report of an error needs, in one piece. */
static void print_failures(const checking *c, const rf_device_info *device)
{
    printf("  To be reported, with the lines above:\n    rocmforge %s, device %s: ", rf_version(),
           c->id);
    rf_cli_print_name(device->name, 0);
    printf(" (");
    rf_cli_print_name(device->architecture, 0);
    printf(")\n    driver: ");
    rf_cli_print_name(device->driver[0] ? device->driver : "not known", 0);
    printf("\n");
    for (size_t i = 0; i < c->n_failures; i++) {
        const failure *f = &c->failures[i];
        printf("    check '%s', driver's code %d: ", f->name, f->driver_code);
        rf_cli_print_name(f->detail, 0);
        printf("\n");
    }
}

static void print_summary(const checking *c, const rf_check_summary *summary)
{
    uint32_t total = 0;
    for (int i = 0; i < RF_CHECK_RESULT_COUNT; i++)
        total += summary->results[i];
    printf("  %" PRIu32 " checks in %.1f s:", total, (double)summary->nanoseconds * 1e-9);
    const char *separator = " ";
    for (int i = 0; i < RF_CHECK_RESULT_COUNT; i++) {
        if (!summary->results[i])
            continue;
        printf("%s%" PRIu32 " %s", separator, summary->results[i],
               rf_check_result_name((rf_check_result)i));
        separator = ", ";
    }
    printf("\n");
    if (c->n_failures)
        print_failures(c, &summary->device);
}

/* One device's entry: what it is and what its checks came to; or why there are none. */
static bool add_device(json_t *list, checking *c, const rf_device_info *device, const char *failed)
{
    json_t *entry = json_object();
    bool good = rf_cli_json_set(entry, "id", text(c->id));
    good &= rf_cli_json_set(entry, "name", text(device->name));
    good &= rf_cli_json_set(entry, "architecture", text(device->architecture));
    good &= rf_cli_json_set(entry, "driver", text(device->driver));
    good &= rf_cli_json_set(entry, "error", failed ? text(failed) : json_null());
    good &= rf_cli_json_set(entry, "failed", rf_cli_json_count(c->n_failures));
    good &= rf_cli_json_set(entry, "checks", c->checks);
    c->checks = NULL;
    return rf_cli_json_add(list, entry) && good && c->good;
}

/* ---- one device after the other -------------------------------------------------------------- */

/* Only a cancellation, and what is not the device's fault, is an error here; *failed is set where
 * something is wrong with it. */
static rf_status check_one(const rf_device_info *device, json_t *list, checking *c, bool *failed,
                           bool *good, rf_error *error)
{
    rf_check_options options = RF_CHECK_OPTIONS_INIT;
    rf_check_summary summary = {.device = *device};
    rf_error failure_to_open = {0};
    options.report = take_report;
    options.progress = show_progress;
    options.user = c;
    rf_status status = rf_device_check(device->id, &options, &summary, &failure_to_open);
    if (status == RF_ERROR_CANCELLED) {
        if (error)
            *error = failure_to_open;
        return status;
    }
    *failed |= status != RF_OK || summary.results[RF_CHECK_FAILED] > 0;
    if (c->json)
        *good &=
            add_device(list, c, &summary.device, status == RF_OK ? NULL : failure_to_open.message);
    else if (status == RF_OK)
        print_summary(c, &summary);
    else {
        print_title(c, device);
        printf("  failed: ");
        rf_cli_print_name(failure_to_open.message, 0);
        printf("\n");
    }
    return RF_OK;
}

static rf_status check_all(const rf_cli_settings *settings, const rf_device_info *devices,
                           size_t count, failure *failures, json_t *list, rf_error *error)
{
    size_t n_failed = 0;
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        bool failed = false;
        checking c = {.id = devices[i].id,
                      .json = settings->json,
                      .draw = isatty(STDERR_FILENO),
                      .checks = json_array(),
                      .good = true,
                      .failures = failures};
        rf_status status = check_one(&devices[i], list, &c, &failed, &good, error);
        json_decref(c.checks);
        RF_TRY(status);
        n_failed += failed;
    }
    if (settings->json)
        RF_TRY(rf_cli_json_print(json_incref(list), good, error));
    if (n_failed)
        return rf_error_set(error, RF_ERROR_DEVICE, "%zu of %zu devices failed their check",
                            n_failed, count);
    return RF_OK;
}

rf_status rf_cli_devices_check(const rf_cli_settings *settings, const rf_device_info *devices,
                               size_t count, rf_error *error)
{
    failure *failures = rf_calloc(MAX_FAILURES, sizeof(*failures));
    if (!failures)
        return rf_error_host_memory(error, "the list of failures",
                                    MAX_FAILURES * sizeof(*failures));
    json_t *list = json_array();
    rf_cli_interrupt_catch();
    rf_status status = check_all(settings, devices, count, failures, list, error);
    json_decref(list);
    rf_free(failures);
    return status;
}

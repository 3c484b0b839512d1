/* check.c: the self-test of a device: runs its checks one after the other and reports each. */
#include "memory/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/options.h"

/* In this order: what later ones rely on comes first. */
static const struct {
    const char *name;
    rf_check_function run;
} checks[] = {
    {"facts", rf_check_facts},
    {"allocation", rf_check_allocation},
    {"pinned-memory", rf_check_pinned_memory},
    {"fills", rf_check_fills},
    {"copies", rf_check_copies},
    {"copies-on-device", rf_check_on_device},
    {"pool-views", rf_check_pool_views},
    {"streams", rf_check_streams},
    {"events", rf_check_events},
    {"graphs", rf_check_graphs},
    {"out-of-memory", rf_check_out_of_memory},
    {"speed-to-device", rf_check_speed_to_device},
    {"speed-to-device-pageable", rf_check_speed_pageable},
    {"speed-from-device", rf_check_speed_from_device},
    {"speed-on-device", rf_check_speed_on_device},
    {"left-over", rf_check_left_over},
};

#define COUNT ((uint32_t)(sizeof(checks) / sizeof(checks[0])))

const char *rf_check_result_name(rf_check_result result)
{
    static const char *const names[RF_CHECK_RESULT_COUNT] = {
        [RF_CHECK_OK] = "ok",
        [RF_CHECK_FAILED] = "failed",
        [RF_CHECK_WORKED_AROUND] = "worked around",
        [RF_CHECK_NOT_AVAILABLE] = "not available",
    };
    return (unsigned)result < RF_CHECK_RESULT_COUNT ? names[result] : "unknown result";
}

rf_status rf_check_step(const rf_check *check, rf_error *error)
{
    const rf_check_options *options = check->options;
    if (!options->progress ||
        options->progress(options->user, check->name, check->index, check->count))
        return RF_OK;
    return rf_error_set(error, RF_ERROR_CANCELLED,
                        "the check of device %s was cancelled, in '%s', %" PRIu32 " of %" PRIu32,
                        check->device->id, check->name, check->index + 1, check->count);
}

void rf_check_note(rf_check *check, rf_check_result result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(check->detail, sizeof(check->detail), format, arguments);
    va_end(arguments);
    check->result = result;
}

/* Runs the check that is set, and gives back all that it took; what fails last is not lost unless
 * something failed before. */
static rf_status run_one(rf_check *check, rf_check_function run, rf_error *error)
{
    rf_status status = rf_check_step(check, error);
    if (status == RF_OK)
        status = run(check, error);
    rf_status released = rf_check_release(check, status == RF_OK ? error : NULL);
    return status == RF_OK ? released : status;
}

/* Runs one check and reports it; only a cancellation is an error here. */
static rf_status run_and_report(rf_check *check, rf_check_function run, rf_check_summary *summary,
                                rf_error *error)
{
    rf_error failure = {0};
    uint64_t begin = rf_clock_ns();
    rf_check_note(check, RF_CHECK_OK, "%s", "");
    memset(check->speed, 0, sizeof(check->speed));
    rf_status status = run_one(check, run, &failure);
    if (status == RF_ERROR_CANCELLED) {
        if (error)
            *error = failure;
        return status;
    }
    if (status != RF_OK)
        rf_check_note(check, RF_CHECK_FAILED, "%s", failure.message);
    summary->results[check->result]++;
    rf_check_report report = {
        .device = &check->info,
        .name = check->name,
        .index = check->index,
        .count = check->count,
        .result = check->result,
        .status = status,
        .driver_code = failure.driver_code,
        .detail = check->detail,
        .bytes_per_second = status == RF_OK ? check->speed[0] : 0,
        .slowest = status == RF_OK ? check->speed[1] : 0,
        .fastest = status == RF_OK ? check->speed[2] : 0,
        .nanoseconds = rf_clock_ns() - begin,
    };
    if (check->options->report)
        check->options->report(check->options->user, &report);
    return RF_OK;
}

rf_status rf_check_run(rf_device *device, const rf_check_options *options, rf_check_summary *out,
                       rf_error *error)
{
    uint64_t begin = rf_clock_ns();
    rf_check check = {
        .device = device,
        .options = options,
        .budget = options->max_bytes ? options->max_bytes : RF_CHECK_MIN_BYTES,
        .count = COUNT,
    };
    rf_status status = RF_OK;
    *out = (rf_check_summary){0};
    memcpy(check.info.id, device->id, sizeof(check.info.id));
    for (uint32_t i = 0; status == RF_OK && i < COUNT; i++) {
        check.name = checks[i].name;
        check.index = i;
        status = run_and_report(&check, checks[i].run, out, error);
    }
    out->device = check.info;
    out->nanoseconds = rf_clock_ns() - begin;
    return status;
}

rf_status rf_device_check(const char *id, const rf_check_options *options, rf_check_summary *out,
                          rf_error *error)
{
    rf_check_options known = RF_CHECK_OPTIONS_INIT;
    rf_check_summary summary;
    rf_device *device = NULL;
    RF_TRY(rf_options_read(&known, sizeof(known), options, "rf_check_options", error));
    if (known.max_bytes && known.max_bytes < RF_CHECK_MIN_BYTES)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "a check of a device in %" PRIu64 " bytes; needed are at least %llu",
                            known.max_bytes, RF_CHECK_MIN_BYTES);
    RF_TRY(rf_device_open(id, &device, error));
    rf_status status = rf_check_run(device, &known, &summary, error);
    rf_status closed = rf_device_close(device, status == RF_OK ? error : NULL);
    status = status == RF_OK ? closed : status;
    if (status == RF_OK)
        *out = summary;
    return status;
}

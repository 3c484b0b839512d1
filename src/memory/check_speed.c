/* check_speed.c: how fast bytes move: median and spread of a few runs of each way. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "memory/check.h"

enum { RUNS = 9, MIN_RUNS = 3, MAX_COPIES = 64 };

/* Runs end early once they have taken so long: a slow device is measured by fewer. */
#define ENOUGH_NS 200000000ULL
/* Of one run: copies are added to it until it takes so long, so that the call itself does not
 * count. */
#define RUN_NS 2000000ULL
/* Of host memory that takes part; and of device memory, where it moves within. */
#define HOST_BYTES   (64ULL << 20)
#define DEVICE_BYTES (128ULL << 20)

typedef struct track {
    rf_copy_kind kind;
    rf_address to;
    rf_address from;
    uint64_t bytes;
    uint64_t copies; /* in one run */
    rf_stream *stream;
} track;

static uint64_t limit(uint64_t bytes, uint64_t most)
{
    return (bytes < most ? bytes : most) & ~4095ULL;
}

/* One run: a few copies, one behind the other, until they are done. */
static rf_status run(rf_check *check, const track *t, uint64_t *nanoseconds, rf_error *error)
{
    rf_device *device = check->device;
    RF_TRY(rf_check_step(check, error));
    uint64_t begin = rf_clock_ns();
    for (uint64_t i = 0; i < t->copies; i++)
        RF_TRY(device->ops->copy(device, t->stream, t->kind, t->to, t->from, t->bytes, error));
    RF_TRY(device->ops->stream_sync(device, t->stream, error));
    *nanoseconds = rf_clock_ns() - begin;
    *nanoseconds += *nanoseconds == 0; /* a clock that is too coarse for this */
    return RF_OK;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t per_second(const track *t, uint64_t nanoseconds)
{
    return (uint64_t)((double)t->bytes * (double)t->copies * 1e9 / (double)nanoseconds);
}

/* The first copy, in which pages are touched and the driver makes ready, does not count; the second
 * says how many make a run. */
static rf_status measure(rf_check *check, track *t, rf_error *error)
{
    uint64_t times[RUNS];
    uint64_t first = 0;
    uint64_t sum = 0;
    size_t n = 0;
    RF_TRY(rf_check_stream(check, &t->stream, error));
    t->copies = 1;
    RF_TRY(run(check, t, &first, error));
    RF_TRY(run(check, t, &first, error));
    t->copies = 1 + RUN_NS / first;
    t->copies = t->copies < MAX_COPIES ? t->copies : MAX_COPIES;
    while (n < RUNS && (n < MIN_RUNS || sum < ENOUGH_NS)) {
        RF_TRY(run(check, t, &times[n], error));
        sum += times[n++];
    }
    qsort(times, n, sizeof(times[0]), by_size);
    check->speed[0] = per_second(t, times[n / 2]);
    check->speed[1] = per_second(t, times[n - 1]);
    check->speed[2] = per_second(t, times[0]);
    rf_check_note(check, RF_CHECK_OK,
                  "%.2f GB/s (%.2f to %.2f in %zu runs of %" PRIu64 " x %.1f MiB)",
                  (double)check->speed[0] * 1e-9, (double)check->speed[1] * 1e-9,
                  (double)check->speed[2] * 1e-9, n, t->copies, (double)t->bytes / (1 << 20));
    return RF_OK;
}

/* Between the device and a buffer of the host. */
static rf_status measure_bus(rf_check *check, rf_copy_kind kind, bool pinned, rf_error *error)
{
    track t = {.kind = kind, .bytes = limit(check->budget / 4, HOST_BYTES)};
    rf_address memory = 0;
    uint8_t *host = NULL;
    RF_TRY(rf_check_alloc(check, t.bytes, 4096, &memory, error));
    RF_TRY(pinned ? rf_check_pinned(check, t.bytes, &host, error)
                  : rf_check_host(check, t.bytes, &host, error));
    memset(host, 1, t.bytes); /* pages that nobody wrote would all be the same one */
    bool to_device = kind == RF_COPY_TO_DEVICE;
    t.to = to_device ? memory : (uintptr_t)host;
    t.from = to_device ? (uintptr_t)host : memory;
    return measure(check, &t, error);
}

rf_status rf_check_speed_to_device(rf_check *check, rf_error *error)
{
    return measure_bus(check, RF_COPY_TO_DEVICE, true, error);
}

rf_status rf_check_speed_pageable(rf_check *check, rf_error *error)
{
    return measure_bus(check, RF_COPY_TO_DEVICE, false, error);
}

rf_status rf_check_speed_from_device(rf_check *check, rf_error *error)
{
    return measure_bus(check, RF_COPY_FROM_DEVICE, true, error);
}

rf_status rf_check_speed_on_device(rf_check *check, rf_error *error)
{
    track t = {.kind = RF_COPY_ON_DEVICE, .bytes = limit(check->budget / 4, DEVICE_BYTES)};
    RF_TRY(rf_check_alloc(check, t.bytes, 4096, &t.from, error));
    RF_TRY(rf_check_alloc(check, t.bytes, 4096, &t.to, error));
    RF_TRY(rf_check_fill(check, NULL, t.from, 1, t.bytes, error));
    RF_TRY(check->device->ops->sync(check->device, error));
    return measure(check, &t, error);
}

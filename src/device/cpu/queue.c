/*
 * queue.c: copies, streams and events of the CPU. Work is done by the thread that asks for it,
 * before the call returns: a stream is always idle, and an event is done as soon as it is recorded.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/memory.h"
#include "device/cpu/cpu.h"

/* Streams and events are handles that callers only pass back; these are what they point at. */
typedef struct cpu_stream {
    rf_device *device;
} cpu_stream;

typedef struct cpu_event {
    _Atomic uint64_t recorded_ns; /* 0: never */
} cpu_event;

/* Whether a span of memory exists as far as can be told: not at no address, not past the last one.
 */
static rf_status check_span(rf_address address, uint64_t bytes, rf_error *error)
{
    uint64_t end;
    if (address != 0 && rf_add(address, bytes, &end))
        return RF_OK;
    return rf_error_set(error, RF_ERROR_RANGE,
                        "device cpu: %" PRIu64 " bytes at address 0x%" PRIx64
                        " are not in the address space",
                        bytes, address);
}

rf_status rf_cpu_copy(rf_device *device, rf_stream *stream, rf_copy_kind kind, rf_address to,
                      rf_address from, uint64_t bytes, rf_error *error)
{
    (void)device, (void)stream, (void)kind;
    if (bytes == 0)
        return RF_OK;
    RF_TRY(check_span(to, bytes, error));
    RF_TRY(check_span(from, bytes, error));
    memmove((void *)(uintptr_t)to, (const void *)(uintptr_t)from, bytes);
    return RF_OK;
}

rf_status rf_cpu_fill(rf_device *device, rf_stream *stream, rf_address to, uint8_t value,
                      uint64_t bytes, rf_error *error)
{
    (void)device, (void)stream;
    if (bytes == 0)
        return RF_OK;
    RF_TRY(check_span(to, bytes, error));
    memset((void *)(uintptr_t)to, value, bytes);
    return RF_OK;
}

rf_status rf_cpu_stream_create(rf_device *device, rf_stream **out, rf_error *error)
{
    cpu_stream *stream = rf_calloc(1, sizeof(*stream));
    if (!stream)
        return rf_error_host_memory(error, "a stream", sizeof(*stream));
    stream->device = device;
    *out = (rf_stream *)stream;
    return RF_OK;
}

rf_status rf_cpu_stream_destroy(rf_device *device, rf_stream *stream, rf_error *error)
{
    (void)device, (void)error;
    rf_free(stream);
    return RF_OK;
}

rf_status rf_cpu_stream_sync(rf_device *device, rf_stream *stream, rf_error *error)
{
    (void)device, (void)stream, (void)error;
    return RF_OK;
}

rf_status rf_cpu_sync(rf_device *device, rf_error *error)
{
    (void)device, (void)error;
    return RF_OK;
}

rf_status rf_cpu_event_create(rf_device *device, rf_event **out, rf_error *error)
{
    (void)device;
    cpu_event *event = rf_calloc(1, sizeof(*event));
    if (!event)
        return rf_error_host_memory(error, "an event", sizeof(*event));
    *out = (rf_event *)event;
    return RF_OK;
}

rf_status rf_cpu_event_destroy(rf_device *device, rf_event *event, rf_error *error)
{
    (void)device, (void)error;
    rf_free(event);
    return RF_OK;
}

rf_status rf_cpu_event_record(rf_device *device, rf_event *event, rf_stream *stream,
                              rf_error *error)
{
    (void)device, (void)stream, (void)error;
    atomic_store(&((cpu_event *)event)->recorded_ns, rf_clock_ns());
    return RF_OK;
}

rf_status rf_cpu_event_sync(rf_device *device, rf_event *event, rf_error *error)
{
    (void)device, (void)event, (void)error;
    return RF_OK;
}

rf_status rf_cpu_event_done(rf_device *device, rf_event *event, bool *done, rf_error *error)
{
    (void)device, (void)event, (void)error;
    *done = true; /* also of one that was never recorded: there is nothing to wait for */
    return RF_OK;
}

rf_status rf_cpu_event_elapsed(rf_device *device, rf_event *begin, rf_event *end,
                               uint64_t *nanoseconds, rf_error *error)
{
    (void)device;
    uint64_t from = atomic_load(&((cpu_event *)begin)->recorded_ns);
    uint64_t to = atomic_load(&((cpu_event *)end)->recorded_ns);
    if (from == 0 || to < from)
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device cpu: the events were not recorded, or in the other order");
    *nanoseconds = to - from;
    return RF_OK;
}

rf_status rf_cpu_stream_wait(rf_device *device, rf_stream *stream, rf_event *event, rf_error *error)
{
    (void)device, (void)stream, (void)event, (void)error;
    return RF_OK;
}

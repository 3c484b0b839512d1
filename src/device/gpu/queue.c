/* queue.c: copies, fills, streams and events of a GPU. Streams and events are the driver's own
 * handles, and never more than that. */
#include <inttypes.h>

#include "base/checked.h"
#include "device/gpu/gpu.h"

#define NANOSECONDS_PER_MILLISECOND 1e6

/* Whether a span of memory can exist: not at no address, not past the last one. */
static rf_status check_span(const rf_gpu_device *gpu, rf_address address, uint64_t bytes,
                            rf_error *error)
{
    uint64_t end;
    if (address != 0 && rf_add(address, bytes, &end))
        return RF_OK;
    return rf_error_set(error, RF_ERROR_RANGE,
                        "device %s: %" PRIu64 " bytes at address 0x%" PRIx64
                        " are not in the address space",
                        gpu->base.id, bytes, address);
}

/* ---- copies and fills ----------------------------------------------------------------------- */

rf_status rf_gpu_copy(rf_device *device, rf_stream *stream, rf_copy_kind kind, rf_address to,
                      rf_address from, uint64_t bytes, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    static const char *const names[] = {
        [RF_COPY_TO_DEVICE] = "to the device",
        [RF_COPY_FROM_DEVICE] = "from the device",
        [RF_COPY_ON_DEVICE] = "on the device",
    };
    if ((unsigned)kind >= sizeof(names) / sizeof(names[0]))
        return rf_error_set(error, RF_ERROR_ARGUMENT, "device %s: no kind of copy: %u",
                            gpu->base.id, (unsigned)kind);
    if (bytes == 0)
        return RF_OK;
    RF_TRY(check_span(gpu, to, bytes, error));
    RF_TRY(check_span(gpu, from, bytes, error));
    RF_TRY(rf_gpu_enter(gpu, error));
    return rf_gpu_check(gpu, gpu->driver->copy(gpu->f, kind, to, from, bytes, stream), error,
                        "copy %" PRIu64 " bytes %s, from 0x%" PRIx64 " to 0x%" PRIx64, bytes,
                        names[kind], from, to);
}

rf_status rf_gpu_fill(rf_device *device, rf_stream *stream, rf_address to, uint8_t value,
                      uint64_t bytes, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    if (bytes == 0)
        return RF_OK;
    RF_TRY(check_span(gpu, to, bytes, error));
    RF_TRY(rf_gpu_enter(gpu, error));
    return rf_gpu_check(gpu, gpu->driver->fill(gpu->f, to, value, bytes, stream), error,
                        "fill %" PRIu64 " bytes at 0x%" PRIx64, bytes, to);
}

/* ---- streams -------------------------------------------------------------------------------- */

rf_status rf_gpu_stream_create(rf_device *device, rf_stream **out, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    void *stream = NULL;
    RF_TRY(rf_gpu_enter(gpu, error));
    RF_TRY(rf_gpu_check(gpu, gpu->driver->stream_create(gpu->f, &stream), error, "make a stream"));
    *out = stream;
    return RF_OK;
}

rf_status rf_gpu_stream_destroy(rf_device *device, rf_stream *stream, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    if (!stream)
        return RF_OK;
    RF_TRY(rf_gpu_enter(gpu, error));
    return rf_gpu_check(gpu, gpu->driver->stream_destroy(gpu->f, stream), error,
                        "destroy a stream");
}

rf_status rf_gpu_stream_sync(rf_device *device, rf_stream *stream, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    RF_TRY(rf_gpu_enter(gpu, error));
    return rf_gpu_check(gpu, gpu->driver->stream_sync(gpu->f, stream), error, "wait for a stream");
}

rf_status rf_gpu_sync(rf_device *device, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    RF_TRY(rf_gpu_enter(gpu, error));
    return rf_gpu_check(gpu, gpu->driver->sync(gpu->f), error, "wait for all its work");
}

rf_status rf_gpu_stream_wait(rf_device *device, rf_stream *stream, rf_event *event, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    RF_TRY(rf_gpu_enter(gpu, error));
    return rf_gpu_check(gpu, gpu->driver->stream_wait(gpu->f, stream, event), error,
                        "make a stream wait for an event");
}

/* ---- events --------------------------------------------------------------------------------- */

rf_status rf_gpu_event_create(rf_device *device, rf_event **out, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    void *event = NULL;
    RF_TRY(rf_gpu_enter(gpu, error));
    RF_TRY(rf_gpu_check(gpu, gpu->driver->event_create(gpu->f, &event), error, "make an event"));
    *out = event;
    return RF_OK;
}

rf_status rf_gpu_event_destroy(rf_device *device, rf_event *event, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    if (!event)
        return RF_OK;
    RF_TRY(rf_gpu_enter(gpu, error));
    return rf_gpu_check(gpu, gpu->driver->event_destroy(gpu->f, event), error, "destroy an event");
}

rf_status rf_gpu_event_record(rf_device *device, rf_event *event, rf_stream *stream,
                              rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    RF_TRY(rf_gpu_enter(gpu, error));
    return rf_gpu_check(gpu, gpu->driver->event_record(gpu->f, event, stream), error,
                        "record an event");
}

rf_status rf_gpu_event_sync(rf_device *device, rf_event *event, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    RF_TRY(rf_gpu_enter(gpu, error));
    return rf_gpu_check(gpu, gpu->driver->event_sync(gpu->f, event), error, "wait for an event");
}

rf_status rf_gpu_event_done(rf_device *device, rf_event *event, bool *done, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    RF_TRY(rf_gpu_enter(gpu, error));
    int code = gpu->driver->event_query(gpu->f, event);
    if (code != RF_GPU_NOT_READY)
        RF_TRY(rf_gpu_check(gpu, code, error, "ask for an event"));
    *done = code == 0;
    return RF_OK;
}

rf_status rf_gpu_event_elapsed(rf_device *device, rf_event *begin, rf_event *end,
                               uint64_t *nanoseconds, rf_error *error)
{
    const rf_gpu_device *gpu = (const rf_gpu_device *)device;
    float milliseconds = 0;
    RF_TRY(rf_gpu_enter(gpu, error));
    RF_TRY(rf_gpu_check(gpu, gpu->driver->event_elapsed(gpu->f, begin, end, &milliseconds), error,
                        "time between two events"));
    if (!(milliseconds >= 0))
        return rf_error_set(error, RF_ERROR_ARGUMENT,
                            "device %s: the events were recorded in the other order", gpu->base.id);
    *nanoseconds = (uint64_t)((double)milliseconds * NANOSECONDS_PER_MILLISECOND);
    return RF_OK;
}

/* queue.c: copies, streams and events through a fault device. Its events remember when they were
 * recorded, so that they can be done later than the inner device's. */
#include <stdatomic.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/memory.h"
#include "device/fault/internal.h"

typedef struct fault_event {
    rf_event *inner;
    _Atomic uint64_t recorded_ns; /* 0: never */
} fault_event;

static rf_event *inner_of(const rf_event *event)
{
    return ((const fault_event *)event)->inner;
}

/* Nanoseconds until an event may be done. */
static uint64_t time_left(fault_device *fault, rf_event *event)
{
    uint64_t recorded_ns = atomic_load(&((fault_event *)event)->recorded_ns);
    uint64_t delay_ns = rf_fault_delay(fault);
    uint64_t passed = rf_clock_ns() - recorded_ns;
    return recorded_ns != 0 && passed < delay_ns ? delay_ns - passed : 0;
}

/* ---- copies --------------------------------------------------------------------------------- */

rf_status rf_fault_copy(rf_device *device, rf_stream *stream, rf_copy_kind kind, rf_address to,
                        rf_address from, uint64_t bytes, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_COPY, error));
    return fault->inner->ops->copy(fault->inner, stream, kind, to, from, bytes, error);
}

rf_status rf_fault_fill(rf_device *device, rf_stream *stream, rf_address to, uint8_t value,
                        uint64_t bytes, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_FILL, error));
    return fault->inner->ops->fill(fault->inner, stream, to, value, bytes, error);
}

/* ---- streams -------------------------------------------------------------------------------- */

rf_status rf_fault_stream_create(rf_device *device, rf_stream **out, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_STREAM_CREATE, error));
    return fault->inner->ops->stream_create(fault->inner, out, error);
}

rf_status rf_fault_stream_destroy(rf_device *device, rf_stream *stream, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    rf_status status = fault->inner->ops->stream_destroy(fault->inner, stream, error);
    return rf_fault_after(fault, RF_FAULT_STREAM_DESTROY, status, error);
}

rf_status rf_fault_stream_sync(rf_device *device, rf_stream *stream, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    rf_status status = fault->inner->ops->stream_sync(fault->inner, stream, error);
    rf_fault_sleep(rf_fault_delay(fault));
    return rf_fault_after(fault, RF_FAULT_STREAM_SYNC, status, error);
}

rf_status rf_fault_sync(rf_device *device, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    rf_status status = fault->inner->ops->sync(fault->inner, error);
    rf_fault_sleep(rf_fault_delay(fault));
    return rf_fault_after(fault, RF_FAULT_SYNC, status, error);
}

rf_status rf_fault_stream_wait(rf_device *device, rf_stream *stream, rf_event *event,
                               rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_STREAM_WAIT, error));
    return fault->inner->ops->stream_wait(fault->inner, stream, inner_of(event), error);
}

/* ---- events --------------------------------------------------------------------------------- */

rf_status rf_fault_event_create(rf_device *device, rf_event **out, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_EVENT_CREATE, error));
    fault_event *event = rf_calloc(1, sizeof(*event));
    if (!event)
        return rf_error_host_memory(error, "an event", sizeof(*event));
    rf_status status = fault->inner->ops->event_create(fault->inner, &event->inner, error);
    if (status != RF_OK) {
        rf_free(event);
        return status;
    }
    *out = (rf_event *)event;
    return RF_OK;
}

rf_status rf_fault_event_destroy(rf_device *device, rf_event *event, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    rf_status status = fault->inner->ops->event_destroy(fault->inner, inner_of(event), error);
    rf_free(event);
    return rf_fault_after(fault, RF_FAULT_EVENT_DESTROY, status, error);
}

rf_status rf_fault_event_record(rf_device *device, rf_event *event, rf_stream *stream,
                                rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_EVENT_RECORD, error));
    RF_TRY(fault->inner->ops->event_record(fault->inner, inner_of(event), stream, error));
    atomic_store(&((fault_event *)event)->recorded_ns, rf_clock_ns());
    return RF_OK;
}

rf_status rf_fault_event_sync(rf_device *device, rf_event *event, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    rf_status status = fault->inner->ops->event_sync(fault->inner, inner_of(event), error);
    rf_fault_sleep(time_left(fault, event));
    return rf_fault_after(fault, RF_FAULT_EVENT_SYNC, status, error);
}

rf_status rf_fault_event_done(rf_device *device, rf_event *event, bool *done, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    bool inner_done = false;
    RF_TRY(rf_fault_count(fault, RF_FAULT_EVENT_DONE, error));
    RF_TRY(fault->inner->ops->event_done(fault->inner, inner_of(event), &inner_done, error));
    *done = inner_done && time_left(fault, event) == 0;
    return RF_OK;
}

rf_status rf_fault_event_elapsed(rf_device *device, rf_event *begin, rf_event *end,
                                 uint64_t *nanoseconds, rf_error *error)
{
    fault_device *fault = (fault_device *)device;
    RF_TRY(rf_fault_count(fault, RF_FAULT_EVENT_ELAPSED, error));
    return fault->inner->ops->event_elapsed(fault->inner, inner_of(begin), inner_of(end),
                                            nanoseconds, error);
}
